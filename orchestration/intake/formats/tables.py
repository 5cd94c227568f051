"""Turns the rows of a table into documents: finds the header, maps columns, groups the long form.

Belongs here: what CSV, XLSX and Parquet have in common. One row is one document for registrations,
reviews, assessments, provincial summaries and explanations; for performances and plans a row is one
value of a document (contract §1, "Per type"). The columns come from the seed
``table_columns.csv``. Doesn't belong here: opening files.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.intake.formats.base import Cells, Limits, RawDocument, Remark, Row, Unreadable
from orchestration.intake.reading import Number

__all__ = ["HEADER_ROWS", "TableOrigin", "header_columns", "read_table", "table_columns"]

#: Rows searched for the header: forms have a title and a note above it.
HEADER_ROWS = 20
#: The long forms: the document's field, the key columns and the value column.
_LONG = {
    name: (described.long.field, described.long.keys, described.long.value)
    for name, described in DOCUMENT_TYPES.items()
    if described.long
}
#: Nested objects of a document; a table has one column ``name_part`` for each of their fields.
_NESTED = ("lead_organisation", "contact", "report", "scan")
#: The kind of a column that is not read.
_NOTE = "note"
_TRUE, _FALSE = {"true", "1", "是", "yes"}, {"false", "0", "否", "no"}
_DATE = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?\Z")


@dataclass(frozen=True)
class TableOrigin:
    """Where a table comes from.

    Attributes:
        kind: document type.
        sheet: the sheet's name, or "".
        letters: gives the spreadsheet letters of a column's position (from 0); None for a table
            whose columns are named by their headers.
        form_received_at: when one of the project's own reporting forms (which have no document
            ids) was received, ISO 8601; None for other tables.
    """

    kind: str
    sheet: str = ""
    letters: Callable[[int], str] | None = None
    form_received_at: str | None = None


@cache
def table_columns(kind: str) -> Mapping[str, str]:
    """How the cells of each column are read, by column name, for a document type."""
    return {
        column.column_name: column.kind
        for column in load_catalogue().table_columns
        if column.belongs_to(kind) and column.kind != _NOTE
    }


@cache
def _note_headers(kind: str) -> frozenset[str]:
    """The headers of a form's explanatory columns, folded."""
    return frozenset(
        _folded(name)
        for column in load_catalogue().table_columns
        if column.belongs_to(kind) and column.kind == _NOTE
        for name in (column.column_name, column.label_zh, column.label_en)
    )


@cache
def _column_by_header(kind: str) -> Mapping[str, str]:
    return {
        _folded(name): column.column_name
        for column in load_catalogue().table_columns
        if column.belongs_to(kind) and column.kind != _NOTE
        for name in (column.column_name, column.label_zh, column.label_en)
    }


def _folded(text: str) -> str:
    """A header in the form used for comparison: no case, blanks, stars or text in brackets."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"\(.*?\)", "", text, flags=re.DOTALL)
    return re.sub(r"[\s*_\-\u200b-\u200f\ufeff]+", "", text)


def header_columns(kind: str, cells: Sequence[Any]) -> dict[str, int]:
    """Position (from 0) by contract column if the row is a header; otherwise empty."""
    known = _column_by_header(kind)
    found: dict[str, int] = {}
    for position, cell in enumerate(cells):
        name = known.get(_folded(cell)) if isinstance(cell, str) and len(cell) <= 100 else None
        if name and name not in found:
            found[name] = position
    needed = {DOCUMENT_TYPES[kind].subject.table_column}
    if kind in _LONG:
        needed |= {*_LONG[kind][1], _LONG[kind][2]}
    return found if needed <= set(found) else {}


def read_table(
    rows: Iterable[Row], origin: TableOrigin, limits: Limits
) -> Iterator[RawDocument | Remark]:
    """Yield the documents of one table, in the order of their first rows.

    Raises:
        Unreadable: no header can be found (E009), or the table has too many rows (E014).
    """
    iterator = iter(rows)
    head = list(islice(iterator, HEADER_ROWS))
    index, cells, columns = _header(origin.kind, head)
    if not columns:
        wanted = ", ".join(name for name in table_columns(origin.kind) if name != "document_type")
        raise Unreadable("E009", _first_row_text(head), expected=wanted)
    width = max(position for position, cell in enumerate(cells) if not _is_blank(cell)) + 1
    known, notes = set(columns.values()), _note_headers(origin.kind)
    for position, cell in enumerate(cells):
        if position not in known and not _is_blank(cell) and _folded(str(cell)) not in notes:
            number, label = head[index][0], _column_label(origin, position, cell)
            where = f"{origin.sheet}!{label}{number}" if origin.sheet else f"column {label}"
            yield Remark("W122", where, str(cell))
    labels = {name: _column_label(origin, at, cells[at]) for name, at in columns.items()}
    table = _Table(origin, columns, labels, width, limits)
    data = _limited([*head[index + 1 :]], iterator, limits)
    if origin.kind in _LONG:
        yield from table.long(data)
    else:
        yield from table.wide(data)


def _header(kind: str, head: Sequence[Row]) -> tuple[int, Sequence[Any], dict[str, int]]:
    """The index of the header's last row, its cells and its columns.

    A header may be merged over two rows. Without a header the columns are empty.
    """
    for index, (_, cells) in enumerate(head):
        columns = header_columns(kind, cells)
        if columns:
            return index, cells, columns
    for index in range(1, len(head)):
        upper, lower = head[index - 1][1], head[index][1]
        width = max(len(upper), len(lower))
        above = [*upper, *[None] * (width - len(upper))]
        below = [*lower, *[None] * (width - len(lower))]
        cells = [a if _is_blank(b) else b for a, b in zip(above, below, strict=True)]
        columns = header_columns(kind, cells)
        if columns:
            return index, cells, columns
    return 0, (), {}


def _limited(head: list[Row], rest: Iterator[Row], limits: Limits) -> Iterator[Row]:
    yield from head
    for count, row in enumerate(rest):
        if count >= limits.rows:
            raise Unreadable("E014", str(limits.rows), limit=str(limits.rows))
        yield row


def _column_label(origin: TableOrigin, position: int, header: Any) -> str:
    """The name of a column as findings give it: spreadsheet letters or header."""
    return origin.letters(position) if origin.letters else str(header).strip()[:100]


def _first_row_text(rows: Sequence[Row]) -> str:
    for _, cells in rows:
        if any(not _is_blank(cell) for cell in cells):
            return ", ".join(str(cell) for cell in cells if not _is_blank(cell))
    return ""


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


@dataclass
class _Group:
    """The rows of one document."""

    number: int
    cells: Sequence[Any]
    head: Any
    keys: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    problem: Unreadable | None = None


class _Table:
    """A table whose header is known."""

    def __init__(
        self,
        origin: TableOrigin,
        columns: dict[str, int],
        labels: dict[str, str],
        width: int,
        limits: Limits,
    ) -> None:
        self.origin, self.columns, self.labels = origin, columns, labels
        self.width, self.limits = width, limits
        self.kinds = table_columns(origin.kind)

    def wide(self, rows: Iterable[Row]) -> Iterator[RawDocument]:
        """Yield one document for each row."""
        for number, cells in rows:
            if all(_is_blank(cell) for cell in cells):
                continue
            content: Any = self._content(cells, self.columns)
            overflow = self._overflow(number, cells, content)
            yield RawDocument(Cells(self.origin.sheet, number, self.labels), overflow or content)

    def long(self, rows: Iterable[Row]) -> Iterator[RawDocument | Remark]:
        """Yield the documents of a table with one value a row; their rows may be scattered."""
        field_name, key_names, value_name = _LONG[self.origin.kind]
        heads = {n: p for n, p in self.columns.items() if n not in (*key_names, value_name)}
        head_of = _getter([p for n, p in heads.items()])
        identity = _getter(
            [self.columns[name] for name in ("document_id", "unit_code") if name in self.columns]
        )
        key_of = [self.columns[name] for name in key_names]
        value_at = self.columns[value_name]
        least = max(self.columns.values()) + 1
        groups: dict[Any, _Group] = {}
        # Groups by identity cells as typed: most rows find their group without cleaning any cell.
        placed: dict[Any, _Group] = {}
        above: dict[int, Any] = {}
        for number, given in rows:
            cells = given if len(given) >= least else [*given, *[None] * (least - len(given))]
            if self.origin.form_received_at is not None:
                cells = self._filled_down(cells, above)
            typed = identity(cells)
            group = placed.get(typed)
            if group is None:
                if all(_is_blank(cell) for cell in cells):
                    continue
                group = groups.setdefault(
                    _group_key(self, cells), _Group(number, cells, head_of(cells))
                )
                placed[typed] = group
            head = head_of(cells)
            if head != group.head and group.problem is None:
                group.problem = self._merge(group, number, head, cells, heads)
            if len(cells) > self.width and group.problem is None:
                group.problem = self._overflow(number, cells, {})
            group.keys.append(
                _cell_text(cells[key_of[0]]) or ""
                if len(key_of) == 1
                else "/".join(_cell_text(cells[position]) or "" for position in key_of)
            )
            group.values.append(cells[value_at])
            group.rows.append(number)
        placed.clear()
        orders: dict[tuple[str, ...], tuple[str, ...]] = {}
        empty: list[str] = []
        # Free each document's rows once it is made: a bulk file holds a million.
        for key in list(groups):
            group = groups.pop(key)
            rows_of = range(group.rows[0], group.rows[-1] + 1)
            keys = tuple(group.keys)
            where = Cells(
                self.origin.sheet,
                group.number,
                self.labels,
                value_name,
                # To save memory, documents with the same indicators share one tuple of codes, and a
                # document in consecutive rows has a range instead of a list of rows.
                orders.setdefault(keys, keys),
                rows_of if len(rows_of) == len(group.rows) else group.rows,
            )
            content = self._content(group.cells, heads)
            values: dict[str, Any] = {}
            problem = group.problem
            seen: set[str] = set()
            for code, cell in zip(group.keys, group.values, strict=True):
                if code in seen and problem is None:
                    problem = Unreadable("E008", code)
                seen.add(code)
                value = _cell_number(cell)
                if value is not None:
                    values[code] = value
            if self.origin.form_received_at is not None:
                if not values and problem is None:
                    empty.append(str(content.get("unit_code", "")))
                    continue
                self._identify(content, values)
            if problem is not None:
                problem.document_id = problem.document_id or _cell_text(content.get("document_id"))
                problem.unit_code = problem.unit_code or _cell_text(content.get("unit_code"))
                yield RawDocument(where, problem)
                continue
            content[field_name] = values if len(key_names) == 1 else _targets_by_year(values)
            yield RawDocument(where, content)
        if empty:
            listed = f"{len(empty)}: {'、'.join(empty[:20])}" + ("…" if len(empty) > 20 else "")
            yield Remark("W123", self.origin.sheet, listed)

    def _filled_down(self, cells: Sequence[Any], above: dict[int, Any]) -> Sequence[Any]:
        """A form's row with the unit and year, which a form states once for each block of rows."""
        if all(_is_blank(cell) for cell in cells):
            return cells
        filled = list(cells)
        for name in ("unit_code", "year"):
            position = self.columns.get(name)
            if position is not None:
                if _is_blank(filled[position]):
                    filled[position] = above.get(position)
                else:
                    above[position] = filled[position]
        return filled

    def _identify(self, content: dict[str, Any], values: dict[str, Any]) -> None:
        """Give a form's document an id derived from its content and time of receipt."""
        content["submitted_at"] = self.origin.form_received_at
        text = json.dumps([content, values], sort_keys=True, ensure_ascii=False, default=str)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        content["document_id"] = f"form-{digest[:40]}"

    def _content(self, cells: Sequence[Any], columns: Mapping[str, int]) -> dict[str, Any]:
        """A document's fields from a row; blank cells are left out."""
        content: dict[str, Any] = {}
        for name, position in columns.items():
            value = _READERS[self.kinds[name]](cells[position] if position < len(cells) else None)
            if value is None:
                continue
            outer = next((n for n in _NESTED if name.startswith(n + "_")), None)
            if outer:
                content.setdefault(outer, {})[name[len(outer) + 1 :]] = value
            else:
                content[name] = value
        return content

    def _overflow(
        self, number: int, cells: Sequence[Any], content: Mapping[str, Any]
    ) -> Unreadable | None:
        """The error of a row with more cells than the header, or None.

        The usual cause is an unquoted comma, after which no cell can be trusted.
        """
        extra = [str(cell) for cell in cells[self.width :] if not _is_blank(cell)]
        if not extra:
            return None
        return Unreadable(
            "E013",
            ", ".join(extra),
            document_id=_cell_text(content.get("document_id")),
            unit_code=_cell_text(content.get("unit_code")),
            row=str(number),
        )

    def _merge(
        self,
        group: _Group,
        number: int,
        head: Any,
        cells: Sequence[Any],
        heads: Mapping[str, int],
    ) -> Unreadable | None:
        """Fill the group's blank cells from a further row; return an error where they differ."""
        merged = list(group.cells)
        for name, position in heads.items():
            read = _READERS[self.kinds[name]]
            here, before = read(cells[position]), read(merged[position])
            if here is None or here == before:
                continue
            if before is not None:
                return Unreadable("E010", f"{before} / {here}", field=name, row=str(number))
            merged[position] = cells[position]
        group.cells, group.head = merged, head
        return None


def _getter(positions: list[int]) -> Callable[[Sequence[Any]], Any]:
    if not positions:
        return lambda _: None
    return itemgetter(*positions)


def _group_key(table: _Table, cells: Sequence[Any]) -> Any:
    """The key of the group that a row belongs to: its document id, or its unit without one."""
    at = table.columns
    names = ("document_id", "unit_code") if "document_id" in at else ("unit_code",)
    key = tuple(_cell_text(cells[at[name]]) for name in names)
    if key[0] is not None:
        # The unit is not part of the key: one document about two units must be reported.
        return ("document", key[0])
    return ("unit", key[-1])


def _targets_by_year(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        year, _, code = key.partition("/")
        found.setdefault(year, {})[code] = value
    return found


def _cell_text(cell: Any) -> str | None:
    """Read a cell of a text column; a document id typed as a number keeps its digits."""
    if isinstance(cell, str):
        return cell.strip() or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(_cell_number(cell)) if isinstance(cell, int | float | Decimal) else str(cell)


def _cell_number(cell: Any) -> Any:
    """Read a cell of a number column as from JSON: int, Number, bool or text."""
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 1e15:
            return int(cell)
        return Number(repr(cell))
    if isinstance(cell, Decimal):
        return Number(f"{cell:f}" if cell.is_finite() else str(cell))
    return _cell_text(cell)


def _cell_instant(cell: Any) -> Any:
    """Read an instant; a date cell has no zone and is taken as Beijing time."""
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)).isoformat()
    return _cell_text(cell)


def _cell_date(cell: Any) -> Any:
    """Read a date; ``2024年8月2日`` and ``2024/8/2`` become ISO 8601."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    text = _cell_text(cell)
    match = _DATE.match(text) if text else None
    if match:
        year, month, day = (int(part) for part in match.groups())
        return f"{year:04d}-{month:02d}-{day:02d}"
    return text


def _cell_boolean(cell: Any) -> Any:
    text = (_cell_text(cell) or "").casefold()
    if text in _TRUE:
        return True
    return False if text in _FALSE else (text or None)


def _cell_members(cell: Any) -> Any:
    """Read ``name:type;name:type`` (contract §1, "registration")."""
    text = _cell_text(cell)
    if text is None:
        return None
    members = []
    for part in re.split("[;；]", text):
        name, _, kind = part.strip().replace("：", ":").rpartition(":")
        if part.strip():
            members.append({"name": name.strip() or kind.strip(), "type": kind if name else None})
    return members


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": _cell_text,
    "number": _cell_number,
    "moment": _cell_instant,
    "date": _cell_date,
    "boolean": _cell_boolean,
    "members": _cell_members,
}
