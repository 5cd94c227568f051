"""Turns the rows of a table into documents: maps columns, checks rows, groups the long form.

Belongs here: what CSV, XLSX and Parquet have in common. One row is one document for registrations,
reviews, assessments, provincial summaries and explanations; for performances and plans a row is one
value of a document (contract §1, "Per type"). Nothing is left out in silence: a row or cell that is
not read gives a finding. Doesn't belong here: opening files, finding the header (``headers``),
single cells (``cells``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.intake import codes
from orchestration.intake.contracts import MODELS
from orchestration.intake.formats.base import (
    Cells,
    Limits,
    MergedRow,
    NoHeader,
    RawDocument,
    Remark,
    Row,
    Unreadable,
)
from orchestration.intake.formats.cells import (
    CELL_READERS,
    cell_number,
    cell_text,
    comparable,
    is_blank,
)
from orchestration.intake.formats.headers import (
    LONG_FORMS,
    Header,
    column_labels,
    find_header,
    header_columns,
    table_columns,
)
from orchestration.intake.formats.names import NameChecks
from orchestration.intake.measures import contradicted_by_table, contradicted_unit

__all__ = [
    "HEADER_ROWS",
    "RefusedCells",
    "TableOrigin",
    "header_columns",
    "read_table",
    "table_columns",
]

#: Rows searched for the header: forms have a title and a note above it.
HEADER_ROWS = 20
#: Nested objects of a document; a table has one column ``name_part`` for each of their fields.
_NESTED = ("lead_organisation", "contact", "report", "scan")
#: Columns of the reporting form that inform the person who fills it in. A table without document
#: ids that has two of them is a form, wherever it was saved.
_FORM_NOTES = ("is_required", "lower_bound", "upper_bound", "previous_value", "definition")
#: Rows in which codes count up before they are taken as filled down with the mouse. In a form,
#: whose units each have a whole block of rows, two rows are enough; in other tables four, because
#: units that each send one value may follow each other.
_FILLED_ROWS_OF_FORM, _FILLED_ROWS = 2, 4
#: Digits of a number that a spreadsheet keeps (IEEE 754).
_KEPT_DIGITS = 15
#: Digits lost to zeros, over all ids of a table, from which rounding is certain: three zeros occur
#: by chance once in a thousand tables.
_LOST_DIGITS = 3
_SCIENTIFIC = re.compile(r"[0-9]+(\.[0-9]+)?[eE]\+?[0-9]{1,3}\Z")
_FINAL_NUMBER = re.compile(r"(.*?)([0-9]{1,18})\Z", re.DOTALL)
#: Parts of a list that one finding quotes.
_LISTED = 20


class RefusedCells(list[Any]):
    """The cells of a row that can't be read completely: those before the error."""

    def __init__(self, cells: Iterable[Any], problem: Unreadable) -> None:
        super().__init__(cells)
        self.problem = problem


@dataclass(frozen=True)
class TableOrigin:
    """Where a table comes from.

    Attributes:
        kind: document type.
        sheet: the sheet's name, or "".
        letters: gives the spreadsheet letters of a column's position (from 0); None for a table
            whose columns are named by their headers.
        received_at: when the object was received, ISO 8601: the submission time of a reporting
            form. None if the table can't be a form.
        is_form: the file carries the mark of the project's own reporting forms.
    """

    kind: str
    sheet: str = ""
    letters: Callable[[int], str] | None = None
    received_at: str | None = None
    is_form: bool = False


def read_table(
    rows: Iterable[Row], origin: TableOrigin, limits: Limits
) -> Iterator[RawDocument | Remark]:
    """Yield the documents of one table, in the order of their first rows.

    Raises:
        NoHeader: no header can be found (E009).
        Unreadable: the table has too many rows (E014).
    """
    iterator = iter(rows)
    head = list(islice(iterator, HEADER_ROWS))
    found = find_header(origin.kind, [cells for _, cells in head])
    if found is None:
        wanted = ", ".join(name for name in table_columns(origin.kind) if name != "document_type")
        raise NoHeader(_first_row_text(head), wanted, _holds_codes(head))
    index, header = found
    data = _limited(head[index + 1 :], iterator, limits)
    table = (_LongTable if origin.kind in LONG_FORMS else _WideTable)(origin, header, data)
    for position in header.unknown():
        cell = header.cells[position]
        place = table.place(position, head[index][0]) if origin.sheet else f"column {cell}"
        yield Remark("W122", place, str(cell))
    yield from table.read()


def _limited(head: list[Row], rest: Iterator[Row], limits: Limits) -> Iterator[Row]:
    yield from head
    for count, row in enumerate(rest):
        if count >= limits.rows:
            raise Unreadable("E014", str(limits.rows), limit=str(limits.rows))
        yield row


def _first_row_text(rows: Sequence[Row]) -> str:
    for _, cells in rows:
        if any(not is_blank(cell) for cell in cells):
            return ", ".join(str(cell) for cell in cells if not is_blank(cell))
    return ""


def _holds_codes(rows: Sequence[Row]) -> bool:
    """Whether unit or indicator codes are in the rows of a table without a known header."""
    return any(
        isinstance(cell, str) and (codes.unit_code(cell) or codes.indicator_code(cell))
        for _, cells in rows
        for cell in cells
    )


def _listed(parts: Sequence[str]) -> str:
    return "、".join(parts[:_LISTED]) + ("…" if len(parts) > _LISTED else "")


class _Table:
    """A table whose header is known.

    Args:
        rows: those below the header.
    """

    def __init__(self, origin: TableOrigin, header: Header, rows: Iterable[Row]) -> None:
        self.origin, self.header = origin, header
        self.columns, self.width = header.columns, header.width
        self.kinds = table_columns(origin.kind)
        self.labels = {name: self._column(position) for name, position in self.columns.items()}
        #: Positions inside the table that have no header.
        self._unheaded = [at for at in range(self.width) if is_blank(header.cells[at])]
        #: By position: place and text of the first cell that has no header, and their number.
        self._asides: dict[int, tuple[str, str, int]] = {}
        #: What differs in columns of one meaning, by row number.
        self._differing: dict[int, Unreadable] = {}
        self._remarks: list[Remark] = []
        self._rows = rows
        if header.twins:
            self._rows = list(rows)
            self._compare_twins(self._rows)

    def read(self) -> Iterator[RawDocument | Remark]:
        """Yield the documents of the rows, then the findings about the table."""
        yield from self._documents()
        yield from self._remarks
        for place, text, count in self._asides.values():
            yield Remark("W140", place, text if count == 1 else f"{text} …（{count}）")

    def _documents(self) -> Iterator[RawDocument]:
        raise NotImplementedError

    def place(self, position: int, row: int) -> str:
        """The location of a cell: ``填报!F12``, or ``row 12, column value``."""
        column = self._column(position)
        if self.origin.sheet:
            return f"{self.origin.sheet}!{column}{row}"
        return f"row {row}, column {column}"

    def _column(self, position: int) -> str:
        """The name of a column as findings give it: spreadsheet letters or header."""
        if self.origin.letters:
            return self.origin.letters(position)
        cells = self.header.cells
        header = cells[position] if position < len(cells) else None
        return str(position + 1) if is_blank(header) else str(header).strip()[:100]

    def _label(self, name: str) -> dict[str, str]:
        """The placeholders of a column's name."""
        zh, en = column_labels(self.origin.kind)[name]
        return {"field": zh, "field_en": en}

    def _compare_twins(self, rows: Sequence[Row]) -> None:
        """Compare columns of one meaning; keep the first that isn't blank."""
        for name, further in self.header.twins.items():
            positions = [self.columns[name], *further]
            filled = [
                at
                for at in positions
                if any(len(cells) > at and not is_blank(cells[at]) for _, cells in rows)
            ]
            self.columns[name] = first = (filled or positions)[0]
            self.labels[name] = self._column(first)
            letters = "、".join(self._column(at) for at in positions)
            for number, cells in rows:
                given = [cells[at] if at < len(cells) else None for at in filled]
                if len({comparable(cell) for cell in given}) > 1:
                    self._differing[number] = Unreadable(
                        "E038",
                        " / ".join(cell_text(cell) or "" for cell in given),
                        where=self.place(first, number),
                        columns=letters,
                        **self._label(name),
                    )

    def _row_problem(self, number: int, given: Sequence[Any]) -> Unreadable | None:
        """The error of a row that can't be read safely, or None.

        Cells without a header are noted. In a file without sheets they usually come from a comma
        that is not in quotes, after which no cell can be trusted, even where the extra ones are
        blank.
        """
        if isinstance(given, RefusedCells):
            return given.problem
        if self._differing and number in self._differing:
            return self._differing[number]
        if len(given) > self.width:
            extra = [at for at in range(self.width, len(given)) if not is_blank(given[at])]
            if self.origin.letters:
                self._note_asides(number, given, extra)
            elif len(given) > len(self.header.cells) and (extra or self._may_be_shifted(given)):
                shown = ", ".join(str(cell) for cell in given if not is_blank(cell))
                return Unreadable("E013", shown, row=str(number))
        return None

    def _may_be_shifted(self, given: Sequence[Any]) -> bool:
        """Whether a comma may have shifted the cells of a row whose extra cells are blank."""
        return any(not is_blank(cell) for cell in given)

    def _spread(self, given: MergedRow) -> list[Any]:
        """A row with the values of the merged cells that cross it."""
        cells = [*given, *[None] * (self.width - len(given))]
        for at, held in given.merged.items():
            if at < self.width and not is_blank(held):
                cells[at] = held
        return cells

    def _note_asides(self, number: int, cells: Sequence[Any], positions: Iterable[int]) -> None:
        for at in positions:
            if at < len(cells) and not is_blank(cells[at]):
                place, text, count = self._asides.get(
                    at, (self.place(at, number), str(cells[at]), 0)
                )
                self._asides[at] = place, text, count + 1

    def _content(self, cells: Sequence[Any], columns: Mapping[str, int]) -> dict[str, Any]:
        """A document's fields from a row; blank cells are left out."""
        content: dict[str, Any] = {}
        for name, position in columns.items():
            value = CELL_READERS[self.kinds[name]](
                cells[position] if position < len(cells) else None
            )
            if value is None:
                continue
            if name == "unit_code":
                value = codes.unit_code(value) or value
            outer = next((n for n in _NESTED if name.startswith(n + "_")), None)
            if outer:
                content.setdefault(outer, {})[name[len(outer) + 1 :]] = value
            else:
                content[name] = value
        return content

    def _code_remarks(self, name: str, cells: Sequence[Any], number: int) -> Iterator[Remark]:
        """Yield the finding about a unit code that is written in another way."""
        position = self.columns.get(name)
        if position is None or position >= len(cells):
            return
        given = cell_text(cells[position])
        code = codes.unit_code(given) if given else None
        if code is not None and code != cells[position]:
            yield Remark(
                "W141", self.place(position, number), str(cells[position]), {"meant": code}
            )


class _WideTable(_Table):
    """A table with one document in each row."""

    def _documents(self) -> Iterator[RawDocument]:
        read = [(number, cells) for number, cells in self._rows if not all(map(is_blank, cells))]
        id_at = self.columns.get("document_id")
        ids = [cells[id_at] for _, cells in read if id_at is not None and id_at < len(cells)]
        rounded = _are_rounded(ids)
        for number, given in read:
            cells = self._spread(given) if isinstance(given, MergedRow) else given
            filled = [at for at, cell in enumerate(cells) if not is_blank(cell)]
            self._note_asides(number, cells, self._unheaded)
            problem = self._row_problem(number, cells)
            if problem is None and self._is_remark(filled):
                at = filled[0]
                self._remarks.append(Remark("W140", self.place(at, number), str(cells[at])))
                continue
            content: Any = self._content(cells, self.columns)
            remarks = [*self._code_remarks("unit_code", cells, number)]
            if problem is None:
                problem = _id_problem(content.get("document_id"), rounded)
                self._drop_rewritten_phone(content, number, remarks)
            if problem is not None:
                problem.document_id = cell_text(content.get("document_id"))
                problem.unit_code = cell_text(content.get("unit_code"))
                content, remarks = problem, []
            where = Cells(self.origin.sheet, number, self.labels)
            yield RawDocument(where, content, remarks)

    def _is_remark(self, filled: Sequence[int]) -> bool:
        """Whether a row is a remark under the table: a text in one cell, and no identity."""
        known = set(self.columns.values())
        return len(filled) == 1 or not known.intersection(filled)

    def _drop_rewritten_phone(
        self, content: dict[str, Any], number: int, remarks: list[Remark]
    ) -> None:
        """Leave out a phone number in scientific notation."""
        contact = content.get("contact") or {}
        phone = contact.get("phone")
        if isinstance(phone, str) and _SCIENTIFIC.match(phone.strip()):
            del contact["phone"]
            place = self.place(self.columns["contact_phone"], number)
            remarks.append(Remark("E035", place, phone, self._label("contact_phone")))


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
    remarks: list[Remark] = field(default_factory=list)
    #: Fields that differ between the rows and are left out.
    dropped: set[str] = field(default_factory=set)


class _LongTable(_Table):
    """A table with one value in each row. The rows of a document may be scattered."""

    def __init__(self, origin: TableOrigin, header: Header, rows: Iterable[Row]) -> None:
        super().__init__(origin, header, rows)
        form = LONG_FORMS[origin.kind]
        self.field_name, self.key_names, self.value_name = form.field, form.keys, form.value
        columns = self.columns
        notes = sum(name in header.notes for name in _FORM_NOTES)
        self.is_form = (
            origin.received_at is not None
            and not ({"document_id", "submitted_at"} & set(columns))
            and (origin.is_form or notes > 1)
        )
        self.value_at: int = columns[self.value_name]
        self.least = max(columns.values()) + 1
        self.heads = {
            n: p for n, p in columns.items() if n not in (*self.key_names, self.value_name)
        }
        self.head_of = _getter(list(self.heads.values()))
        self.identity_of = _getter(
            [columns[name] for name in ("document_id", "unit_code") if name in columns]
        )
        self.key_of = _getter([columns[name] for name in self.key_names])
        self.counted_of = _getter(
            [
                columns[n]
                for n in ("document_id", "unit_code", "year", "target_year")
                if n in columns
            ]
        )
        self.groups: dict[Any, _Group] = {}
        # Groups by identity cells as typed: most rows find their group without cleaning any cell.
        self.placed: dict[Any, _Group] = {}
        self.keys: dict[Any, str] = {}
        #: Indicator codes written in another way: the code that is meant, and the first place.
        self.rewritten: dict[str, tuple[str, str]] = {}
        self.above: dict[int, Any] = {}
        self.last: _Group | None = None
        self.lost: list[RawDocument] = []
        self.fills = _FilledDown(
            _FILLED_ROWS_OF_FORM if self.is_form else _FILLED_ROWS, self.counted_of
        )
        self.names = NameChecks(header, self.place)
        self.unit_positions = list(header.notes.get("unit_of_measure", ()))
        self.states_units = bool(self.unit_positions or header.units)
        self.unit_verdicts: dict[tuple[Any, ...], tuple[str, str] | None] = {}

    def _documents(self) -> Iterator[RawDocument]:
        for number, given in self._rows:
            self._take(number, given)
        self.placed.clear()
        yield from self.lost
        yield from self._refuse_filled_down()
        rounded = _are_rounded([kind[1] for kind in self.groups if kind[0] == "document"])
        orders: dict[tuple[str, ...], tuple[str, ...]] = {}
        empty: list[str] = []
        # Free each document's rows once it is made: a bulk file holds a million.
        for key in list(self.groups):
            group = self.groups.pop(key)
            keys = tuple(group.keys)
            document = self._document(group, orders.setdefault(keys, keys), rounded)
            if document is None:
                empty.append(str(self._content(group.cells, self.heads).get("unit_code", "")))
            else:
                yield document
        if empty:
            self._remarks.append(
                Remark("W123", self.origin.sheet, f"{len(empty)}: {_listed(empty)}")
            )
        if self.rewritten:
            place = next(iter(self.rewritten.values()))[1]
            meant = _listed([code for code, _ in self.rewritten.values()])
            self._remarks.append(
                Remark("W141", place, _listed([*self.rewritten]), {"meant": meant})
            )
        self._remarks += self.names.remarks()

    def _take(self, number: int, given: Sequence[Any]) -> None:
        """Add a row to its document."""
        if isinstance(given, MergedRow):
            given = self._spread(given)
        if given.__class__ is RefusedCells or len(given) > self.width or self._differing:
            problem = self._row_problem(number, given)
            if problem is not None:
                self._refuse_row(number, given, problem)
                return
        cells = given if len(given) >= self.least else [*given, *[None] * (self.least - len(given))]
        if self._unheaded:
            self._note_asides(number, cells, self._unheaded)
        typed_key = self.key_of(cells)
        key = self.keys.get(typed_key)
        if key is None:
            key = self._key(typed_key, cells, number)
        value = cells[self.value_at]
        if not key and is_blank(value):
            self._take_aside(number, cells)
            return
        if self.is_form:
            cells = self._filled_down(cells)
        group = self._group(number, cells)
        if not key:
            group.remarks.append(self._keyless(number, cells, value))
            return
        if self.states_units and value is not None:
            value = self._with_stated_unit(key, cells, value)
        group.keys.append(key)
        group.values.append(value)
        group.rows.append(number)
        self.fills.take(number, cells, key, group)
        if self.names.positions:
            self.names.take(number, cells, key.rpartition("/")[2], self.columns)

    def _spread(self, given: MergedRow) -> list[Any]:
        """A row with the values of the merged cells that cross it.

        A merged cell in the value column is not read: one number can't be that of several rows.
        """
        cells = super()._spread(given)
        if not is_blank(given.merged.get(self.value_at)):
            cells[self.value_at] = f"{cell_text(cells[self.value_at])}（合并单元格）"
        return cells

    def _key(self, typed: Any, cells: Sequence[Any], number: int) -> str:
        """The key of a row's value: indicator code, or ``year/code``; "" if a part is blank."""
        parts = [cell_text(cell) or "" for cell in (typed if type(typed) is tuple else (typed,))]
        code = codes.indicator_code(parts[-1])
        at = self.columns["indicator_code"]
        if code is not None and code != cells[at]:
            self.rewritten[str(cells[at])] = code, self.place(at, number)
        parts[-1] = code or parts[-1]
        key = "/".join(parts) if all(parts) else ""
        self.keys[typed] = key
        return key

    def _keyless(self, number: int, cells: Sequence[Any], value: Any) -> Remark:
        """The finding about a value without an indicator code or year."""
        name = next(n for n in self.key_names if is_blank(cells[self.columns[n]]))
        return Remark(
            "E033",
            self.place(self.columns[name], number),
            cell_text(value) or "",
            {"row": str(number), **self._label(name)},
        )

    def _group(self, number: int, cells: Sequence[Any]) -> _Group:
        """The document that a row belongs to."""
        typed = self.identity_of(cells)
        group = self.placed.get(typed)
        head = self.head_of(cells)
        if group is None:
            key = self._group_key(cells)
            group = self._interrupted(number, key) or self.groups.get(key)
            if group is None:
                group = self.groups[key] = _Group(number, cells, head)
                group.remarks += self._code_remarks("unit_code", cells, number)
            if key[1] is not None:
                self.placed[typed] = group
        if head != group.head and group.problem is None:
            group.problem = self._merge(group, number, head, cells)
        self.last = group
        return group

    def _group_key(self, cells: Sequence[Any]) -> tuple[str, str | None]:
        """The key of a document: its id, or its unit without one."""
        if "document_id" in self.columns:
            document_id = cell_text(cells[self.columns["document_id"]])
            if document_id is not None:
                # The unit is not part of the key: one document about two units must be reported.
                return "document", document_id
        unit = cell_text(cells[self.columns["unit_code"]])
        return "unit", unit and (codes.unit_code(unit) or unit)

    def _interrupted(self, number: int, key: tuple[str, str | None]) -> _Group | None:
        """The document above a row whose identity is blank, as below a merged cell; or None.

        The document is refused: the row may belong to it or not.
        """
        if self.is_form or key[0] == "document" or self.last is None:
            return None
        above = self._group_key(self.last.cells)
        unit = cell_text(self.last.cells[self.columns["unit_code"]])
        if above[0] != "document" or key[1] not in (None, unit):
            return None
        at = self.columns["document_id"]
        if self.last.problem is None:
            self.last.problem = Unreadable(
                "E034",
                above[1] or "",
                where=self.place(at, number),
                row=str(number),
                **self._label("document_id"),
            )
        return self.last

    def _take_aside(self, number: int, cells: Sequence[Any]) -> None:
        """Take a row without indicator and value: fields of a document, or a heading or remark."""
        filled = [at for at, cell in enumerate(cells) if not is_blank(cell)]
        if not filled:
            return
        kind, name = self._group_key(cells)
        is_named = name is not None and (
            (kind, name) in self.groups if kind == "document" else codes.unit_code(name)
        )
        if is_named:
            self._group(number, self._filled_down(cells) if self.is_form else cells)
            return
        at = filled[0]
        self._remarks.append(Remark("W140", self.place(at, number), str(cells[at])))

    def _filled_down(self, cells: Sequence[Any]) -> Sequence[Any]:
        """A form's row with the unit and year, which a form states once for each block of rows."""
        filled = list(cells)
        for name in ("unit_code", "year"):
            position = self.columns.get(name)
            if position is not None:
                if is_blank(filled[position]):
                    filled[position] = self.above.get(position)
                else:
                    self.above[position] = filled[position]
        return filled

    def _refuse_row(self, number: int, given: Sequence[Any], problem: Unreadable) -> None:
        """Leave out a row that can't be read; its document is told, if it can be found."""
        cells = [*given, *[None] * (self.least - len(given))]
        if self.is_form:
            cells = [*self._filled_down(cells)]
        kind, name = self._group_key(cells)
        where = problem.where or Cells(self.origin.sheet, number, self.labels).at()
        if name is None:
            place = Cells(self.origin.sheet, number, self.labels)
            self.lost.append(RawDocument(place, problem, is_form=self.is_form))
            return
        group = self.groups.get((kind, name))
        if group is None:
            known = {"document_id", "unit_code"} & set(self.columns)
            positions = {self.columns[each] for each in known}
            kept = [cell if at in positions else None for at, cell in enumerate(cells)]
            group = self.groups[kind, name] = _Group(number, kept, self.head_of(kept))
        self.last = group
        if problem.code == "E038":
            group.problem = group.problem or problem
        else:
            group.remarks.append(Remark(problem.code, where, problem.value, problem.fields))

    def _merge(
        self, group: _Group, number: int, head: Any, cells: Sequence[Any]
    ) -> Unreadable | None:
        """Fill the group's blank cells from a further row; return an error where they differ."""
        merged = list(group.cells)
        for name, position in self.heads.items():
            read = CELL_READERS[self.kinds[name]]
            here, before = read(cells[position]), read(merged[position])
            if here is None or before is None:
                merged[position] = merged[position] if here is None else cells[position]
            elif str(here) != str(before) and not self._same_code(name, here, before):
                outer = next((n for n in _NESTED if name.startswith(n + "_")), name)
                where, value = self.place(position, number), f"{before} / {here}"
                fields = {"row": str(number), **self._label(name)}
                if outer not in MODELS[self.origin.kind].dropped_if_wrong:
                    return Unreadable("E010", value, where=where, **fields)
                if outer not in group.dropped:
                    group.dropped.add(outer)
                    group.remarks.append(Remark("W144", where, value, fields))
        group.cells, group.head = merged, head
        return None

    @staticmethod
    def _same_code(name: str, here: Any, before: Any) -> bool:
        if name != "unit_code":
            return False
        code = codes.unit_code(here)
        return code is not None and code == codes.unit_code(before)

    def _with_stated_unit(self, key: str, cells: Sequence[Any], value: Any) -> Any:
        """A value, or a text that quotes it with the unit if that contradicts the catalogue."""
        stated = tuple(cells[at] if at < len(cells) else None for at in self.unit_positions)
        verdict_key = (key, *stated)
        if verdict_key not in self.unit_verdicts:
            self.unit_verdicts[verdict_key] = self._unit_verdict(key.rpartition("/")[2], stated)
        verdict = self.unit_verdicts[verdict_key]
        if verdict is None or is_blank(value):
            return value
        return f"{cell_text(value)}（{verdict[0]}，应为{verdict[1]}）"

    def _unit_verdict(self, code: str, stated: Sequence[Any]) -> tuple[str, str] | None:
        """The stated unit and the catalogue's, if they contradict each other."""
        texts = [text for text in map(cell_text, stated) if text]
        for text in texts:
            unit = contradicted_unit(code, text)
            if unit is not None:
                return text[:_LISTED], unit
        if texts:
            return None
        unit = contradicted_by_table(code, self.header.units)
        return None if unit is None else ("、".join(sorted(self.header.units)), unit)

    def _refuse_filled_down(self) -> Iterator[RawDocument]:
        """Yield one error in place of the documents of each run of rows whose codes count up."""
        runs = self.fills.runs()
        refused = {id(group) for run in runs for _, group in run}
        self.groups = {key: g for key, g in self.groups.items() if id(g) not in refused}
        for run in runs:
            (first, group), (last, last_group) = run[0], run[-1]
            names = [str(self._group_key(each.cells)[1]) for each in (group, last_group)]
            yield RawDocument(
                Cells(self.origin.sheet, first, self.labels),
                Unreadable("E032", " … ".join(names), row=str(first), last=str(last)),
                is_form=self.is_form,
            )

    def _document(self, group: _Group, keys: tuple[str, ...], rounded: bool) -> RawDocument | None:
        """The document of a group; None for a form's unit without any value."""
        rows_of = range(group.rows[0], group.rows[-1] + 1) if group.rows else range(0)
        where = Cells(
            self.origin.sheet,
            group.number,
            self.labels,
            self.value_name,
            # To save memory, documents with the same indicators share one tuple of codes, and a
            # document in consecutive rows has a range instead of a list of rows.
            keys,
            rows_of if len(rows_of) == len(group.rows) else group.rows,
        )
        content = self._content(group.cells, self.heads)
        for name in group.dropped:
            content.pop(name, None)
        problem = _id_problem(content.get("document_id"), rounded) or group.problem
        values = self._values(group, keys)
        problem = problem or self._year_problem(content, where)
        if isinstance(values, Unreadable):
            problem, values = problem or values, {}
        if problem is None and not group.rows and group.remarks:
            first = group.remarks.pop(0)
            problem = Unreadable(first.code, first.value, where=first.where, **first.fields)
        if self.is_form:
            if not values and problem is None and not group.remarks:
                return None
            self._identify(content, values)
        if problem is not None:
            problem.document_id = problem.document_id or cell_text(content.get("document_id"))
            problem.unit_code = problem.unit_code or cell_text(content.get("unit_code"))
            return RawDocument(where, problem, group.remarks, self.is_form)
        content[self.field_name] = values if len(self.key_names) == 1 else _targets_by_year(values)
        return RawDocument(where, content, group.remarks, self.is_form)

    def _values(self, group: _Group, keys: tuple[str, ...]) -> dict[str, Any] | Unreadable:
        """The values by key; an error where one key has different values."""
        values: dict[str, Any] = {}
        rows: dict[str, int] = {}
        for key, cell, row in zip(keys, group.values, group.rows, strict=True):
            value = cell_number(cell)
            if value is None:
                continue
            if key in values:
                at, before = self.value_at, values[key]
                places = f"{self.place(at, rows[key])}、{self.place(at, row)}"
                if comparable(before) != comparable(value):
                    quoted = f"{key}：{cell_text(before)} / {cell_text(value)}（{places}）"
                    return Unreadable("E008", quoted, where=self.place(at, row))
                group.remarks.append(Remark("W142", self.place(at, row), f"{key}（{places}）"))
                continue
            values[key], rows[key] = value, row
        return values

    def _year_problem(self, content: Mapping[str, Any], where: Cells) -> Unreadable | None:
        """The error of values that the header says are another year's, or None."""
        years, year = self.header.years, str(content.get("year", ""))
        if not self.header.is_of_other_year and (not years or not year or year in years):
            return None
        at = self.value_at
        return Unreadable(
            "E039", str(self.header.cells[at]), where=where.at(self.field_name, *where.keys[:1])
        )

    def _identify(self, content: dict[str, Any], values: dict[str, Any]) -> None:
        """Give a form's document an id derived from its content and time of receipt."""
        content["submitted_at"] = self.origin.received_at
        text = json.dumps([content, values], sort_keys=True, ensure_ascii=False, default=str)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        content["document_id"] = f"form-{digest[:40]}"

    def _may_be_shifted(self, given: Sequence[Any]) -> bool:
        # The value was cut in two if a cell behind it is filled.
        behind = range(self.value_at + 1, len(given))
        return any(not is_blank(given[at]) for at in behind)


class _FilledDown:
    """Finds rows whose codes were filled down with the mouse: they count up row by row.

    A spreadsheet counts up the number at the end of a text that is dragged down, so that each value
    of one unit gets the code of another unit. Only rows whose indicators follow each other in the
    catalogue's order are taken as such; a table sorted by indicator counts up its units as well.
    """

    def __init__(self, least: int, counted_of: Callable[[Sequence[Any]], Any]) -> None:
        self.least, self.counted_of = least, counted_of
        self.order = {code: at for at, code in enumerate(load_catalogue().indicators)}
        self.counted: Any = None
        self.position = -1
        self.previous: tuple[int, _Group] | None = None
        self.run: list[tuple[int, _Group]] = []
        self.found: list[list[tuple[int, _Group]]] = []

    def take(self, number: int, cells: Sequence[Any], key: str, group: _Group) -> None:
        """Compare a row with the one before it."""
        counted = self.counted_of(cells)
        position = self.order.get(key.rpartition("/")[2], -1)
        if (
            counted != self.counted
            and position > self.position >= 0
            and self.previous is not None
            and _counts_up(self.counted, counted)
        ):
            self.run = self.run or [self.previous]
            self.run.append((number, group))
        elif self.run:
            self._end_run()
        self.counted, self.position, self.previous = counted, position, (number, group)

    def runs(self) -> list[list[tuple[int, _Group]]]:
        """The runs of rows found so far: row number and document of each row."""
        self._end_run()
        return self.found

    def _end_run(self) -> None:
        if len(self.run) >= self.least:
            self.found.append(self.run)
        self.run = []


def _counts_up(before: Any, after: Any) -> bool:
    """Whether each cell is equal to the one before or one more, and at least one is one more."""
    pairs = zip(before, after, strict=True) if type(before) is tuple else [(before, after)]
    different = [pair for pair in pairs if pair[0] != pair[1]]
    return bool(different) and all(_is_next(*pair) for pair in different)


def _is_next(before: Any, after: Any) -> bool:
    """Whether a cell's text is another's with its final number increased by one."""
    texts = (cell_text(before) or "", cell_text(after) or "")
    if max(map(len, texts)) > 100:
        return False
    first, second = (_FINAL_NUMBER.match(text) for text in texts)
    return (
        first is not None
        and second is not None
        and first[1] == second[1]
        and int(second[2]) == int(first[2]) + 1
    )


def _id_problem(document_id: Any, rounded: bool) -> Unreadable | None:
    """The error of a document id that a spreadsheet has rewritten, or None."""
    if not isinstance(document_id, str):
        return None
    if _SCIENTIFIC.match(document_id) or (rounded and _zeros_at_end(document_id)):
        zh, en = column_labels("performance")["document_id"]
        return Unreadable("E035", document_id, field=zh, field_en=en)
    return None


def _are_rounded(ids: Iterable[Any]) -> bool:
    """Whether the ids of a table were rounded to the digits that a spreadsheet keeps."""
    long_ids = [
        text
        for text in map(cell_text, ids)
        if text and len(text) > _KEPT_DIGITS and text.isascii() and text.isdigit()
    ]
    lost = [_zeros_at_end(text) for text in long_ids]
    return all(lost) and sum(lost) >= _LOST_DIGITS


def _zeros_at_end(text: str) -> int:
    """The number of digits beyond those that a spreadsheet keeps, if all of them are zeros."""
    beyond = text[_KEPT_DIGITS:] if text.isascii() and text.isdigit() else ""
    return len(beyond) if beyond.strip("0") == "" else 0


def _getter(positions: list[int]) -> Callable[[Sequence[Any]], Any]:
    if not positions:
        return lambda _: None
    return itemgetter(*positions)


def _targets_by_year(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        year, _, code = key.partition("/")
        found.setdefault(year, {})[code] = value
    return found
