"""Makes the typed rows of documents: Arrow tables with the columns of the lake's raw tables.

A row that doesn't fit its table fails here, where the object that it came from can be answered, and
not when it is written. Documents have positions, by which rows are dropped that other objects rule
out (duplicate ids).

Belongs here: from parsed documents to rows. Doesn't belong here: which documents are taken in
(``run``), the tables' schemas, which are arguments (``lakehouse.tables``): a worker that makes rows
doesn't import the lakehouse.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from orchestration.core.document_types import DOCUMENT_TYPES, Column, ColumnType
from orchestration.intake.documents import ParsedDocument
from orchestration.intake.formats import Cells

__all__ = ["DocumentRows", "Lineage", "arrow_table", "joined", "make_rows", "storable"]

#: Value rows per Arrow table: of a bulk file's million rows, at most this many are in memory twice.
_LONG_ROWS = 50_000
#: Value rows from which parts are written together: each statement makes a data file, and DuckDB
#: writes row groups of 122,880 rows, so that smaller files cost more time a row.
_FILE_ROWS = 120_000
_POSITION = pa.field("position", pa.int64())


class Lineage(NamedTuple):
    """The first columns of every row of ``raw``: the object, its version and the run."""

    object_key: str
    etag: str
    sha256: str | None
    run_id: str
    year: int
    province_code: str


class LongRows(NamedTuple):
    """Values and targets, one row each, with the documents that they belong to by position."""

    documents: pa.Table
    values: pa.Table
    targets: pa.Table


@dataclass
class DocumentRows:
    """The rows of some documents.

    Attributes:
        tables: rows by table of ``raw``, each with a column ``position`` at the end.
        long: values and targets, in parts of about ``_LONG_ROWS`` rows.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    long: list[LongRows] = field(default_factory=list)


class _LongColumns:
    """Collects values and targets by column and makes tables of them."""

    def __init__(self) -> None:
        self.parts: list[LongRows] = []
        self._documents: list[tuple[Any, ...]] = []
        self._values: tuple[list[Any], ...] = ([], [], [], [], [], [])
        self._targets: tuple[list[Any], ...] = ([], [], [], [], [], [])

    def add(self, position: int, lineage: Lineage, document: ParsedDocument) -> None:
        """Add the values and targets of one document."""
        where = document.where
        # SQL appends the value's path to the document's JSON Pointer; in tables each value has a
        # cell of its own.
        pointer = None if isinstance(where, Cells) else storable(where.at())
        places = where.of_keys() if isinstance(where, Cells) else {}
        document_id = storable(document.model.document_id)
        self._documents.append((position, *lineage, document_id, document.unit_code, pointer))
        if document.values:
            codes, reads = document.values.codes, document.values.reads
            texts, kinds, numbers = zip(*reads, strict=True)
            columns = ([position] * len(codes), codes, texts, kinds, numbers)
            _extend(self._values, *columns, map(places.get, codes))
        if document.targets:
            years, codes, reads = zip(*document.targets, strict=True)
            texts, _, numbers = zip(*reads, strict=True)
            keys = (f"{year}/{code}" for year, code in zip(years, codes, strict=True))
            columns = ([position] * len(codes), years, codes, texts, numbers)
            _extend(self._targets, *columns, map(places.get, keys))
        if len(self._values[0]) + len(self._targets[0]) >= _LONG_ROWS:
            self.close_part()

    def close_part(self) -> None:
        """Make tables of what was added since the last part."""
        if not self._documents:
            return
        self.parts.append(
            LongRows(
                arrow_table(self._documents, _LONG_DOCUMENT),
                _long_table(self._values, _LONG_VALUES, "value_number"),
                _long_table(self._targets, _LONG_TARGETS, "target_number"),
            )
        )
        for column in (self._documents, *self._values, *self._targets):
            column.clear()


def make_rows(
    documents: Iterable[tuple[int, Lineage, str, ParsedDocument]],
    schemas: Mapping[str, pa.Schema],
) -> DocumentRows:
    """Make the rows of documents.

    Args:
        documents: position, lineage, document type and content of each.
        schemas: the raw tables.

    Raises:
        pa.ArrowException: a column's type can't hold a value (also other errors of conversion).
    """
    rows: dict[str, list[tuple[Any, ...]]] = {}
    long = _LongColumns()
    for position, lineage, kind, document in documents:
        for name, row in _document_rows(lineage, kind, document):
            rows.setdefault(name, []).append((*row, position))
        if document.values or document.targets:
            long.add(position, lineage, document)
    long.close_part()
    tables = {
        name: arrow_table(rows[name], schema.append(_POSITION))
        for name, schema in schemas.items()
        if name in rows
    }
    return DocumentRows(tables, long.parts)


def joined(parts: Sequence[DocumentRows], dropped: Collection[int]) -> DocumentRows:
    """The rows of all parts, without those of the documents at the positions in ``dropped``."""
    import pyarrow.compute as pc

    gone = pa.array(sorted(dropped), pa.int64())

    def kept(tables: Sequence[pa.Table]) -> pa.Table:
        table = pa.concat_tables(tables)
        if not dropped:
            return table
        return table.filter(pc.invert(pc.is_in(table["position"], value_set=gone)))

    names = dict.fromkeys(name for part in parts for name in part.tables)
    tables = {
        name: kept([part.tables[name] for part in parts if name in part.tables]) for name in names
    }
    # Values without their document are dropped when the two are joined.
    long = [
        LongRows(
            kept([each.documents for each in group]),
            pa.concat_tables([each.values for each in group]),
            pa.concat_tables([each.targets for each in group]),
        )
        for group in _groups([each for part in parts for each in part.long])
    ]
    return DocumentRows({name: t.drop_columns("position") for name, t in tables.items()}, long)


def _groups(parts: Iterable[LongRows]) -> Iterator[list[LongRows]]:
    """Group parts to about ``_FILE_ROWS`` rows."""
    group: list[LongRows] = []
    size = 0
    for part in parts:
        group.append(part)
        size += part.values.num_rows + part.targets.num_rows
        if size >= _FILE_ROWS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _document_rows(
    lineage: Lineage, kind: str, document: ParsedDocument
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the rows of a document, each with the name of its table."""
    model: Any = document.model
    document_id = storable(model.document_id)
    yield "documents", (*lineage, document_id, kind, document.content_sha256)
    common = (*lineage, document_id, model.submitted_at, model.synthetic)
    described = DOCUMENT_TYPES[kind]
    yield described.raw_table, (*common, *_own_cells(document, described.columns))
    contact = vars(model).get("contact")
    if contact:
        cells = (storable(contact.name), storable(contact.phone), storable(contact.email))
        yield "registration_contacts", (*lineage, document_id, document.unit_code, *cells)


def storable(value: str | None) -> str | None:
    """Replace lone surrogates, which JSON allows as escapes and no table can store."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _own_cells(document: ParsedDocument, columns: Iterable[Column]) -> Iterator[Any]:
    """Yield the cells of a document in its type's table, after those common to all types."""
    for column in columns:
        value: Any = document
        for name in column.path:
            value = None if value is None else getattr(value, name)
        if column.type is ColumnType.JSON:
            value = _json_text([each.model_dump() for each in value]) if value else None
        yield storable(value) if isinstance(value, str) else value


def _extend(columns: tuple[list[Any], ...], *cells: Iterable[Any]) -> None:
    for column, further in zip(columns, cells, strict=True):
        column.extend(further)


def arrow_table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Make a table of rows; fails where a cell doesn't have its column's type."""
    if not rows:
        return schema.empty_table()
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


_TEXT = pa.string()
_LONG_DOCUMENT = pa.schema(
    [
        _POSITION,
        *(
            pa.field(name, pa.int32() if name == "year" else _TEXT)
            for name in (*Lineage._fields, "document_id", "unit_code", "pointer")
        ),
    ]
)
_LONG_VALUES = pa.schema(
    [
        _POSITION,
        pa.field("indicator_code", _TEXT),
        pa.field("value_text", _TEXT),
        pa.field("value_kind", _TEXT),
        pa.field("value_number", _TEXT),
        pa.field("place", _TEXT),
    ]
)
_LONG_TARGETS = pa.schema(
    [
        _POSITION,
        pa.field("target_year", pa.int32()),
        pa.field("indicator_code", _TEXT),
        pa.field("target_text", _TEXT),
        pa.field("target_number", _TEXT),
        pa.field("place", _TEXT),
    ]
)


def _long_table(columns: tuple[list[Any], ...], schema: pa.Schema, number: str) -> pa.Table:
    """Make a table from columns; the texts of column ``number`` become DECIMAL(38,10)."""
    arrays = [_array(cells, f.type) for cells, f in zip(columns, schema, strict=True)]
    at = schema.get_field_index(number)
    arrays[at] = arrays[at].cast(pa.decimal128(38, 10))
    return pa.Table.from_arrays(arrays, names=schema.names)


def _array(cells: list[Any], kind: pa.DataType) -> pa.Array:
    """An array of cells, whose texts are made storable where one of them is not."""
    try:
        return pa.array(cells, kind)
    except UnicodeEncodeError:
        return pa.array(map(storable, cells), kind)
