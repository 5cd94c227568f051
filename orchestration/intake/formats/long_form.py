"""Reads tables with one value in each row: performances and plans, and the reporting forms.

The rows of a document may be scattered. A form states the unit once for each block of rows, has no
document ids, and may be saved as CSV or moved to another workbook. Belongs here: which rows make a
document, what their values are, and which rows can't be trusted. Doesn't belong here: several forms
of one unit (``settling``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.intake import codes
from orchestration.intake.contracts import MODELS
from orchestration.intake.formats.base import (
    Cells,
    MergedRow,
    RawDocument,
    Remark,
    Row,
    Unreadable,
)
from orchestration.intake.formats.cells import (
    CELL_READERS,
    cell_number,
    cell_text,
    cell_year,
    comparable,
    is_blank,
    is_number,
)
from orchestration.intake.formats.filled_down import CountedRow, FilledDown
from orchestration.intake.formats.grid import NESTED, RefusedCells, Table, TableOrigin, listed
from orchestration.intake.formats.headers import LONG_FORMS, Header
from orchestration.intake.formats.names import NameChecks
from orchestration.intake.formats.rewritten_ids import are_rounded, id_problem
from orchestration.intake.formats.stated_units import StatedUnits
from orchestration.intake.measures import units_in_note, with_stated_unit

__all__ = ["LongTable"]

#: Columns of the reporting form that inform the person who fills it in. A table without document
#: ids that has two of them is a form, wherever it was saved.
_FORM_NOTES = (
    "indicator_name",
    "unit_of_measure",
    "is_required",
    "lower_bound",
    "upper_bound",
    "previous_value",
    "definition",
)
#: Rows in which codes count up before they are taken as filled down with the mouse. In a form,
#: whose units each have a whole block of rows, two rows are enough; in other tables four, because
#: units that each send one value may follow each other.
_FILLED_ROWS_OF_FORM, _FILLED_ROWS = 2, 4
#: Columns whose cells a spreadsheet may count up.
_COUNTED = ("document_id", "unit_code", "year", "target_year")
#: The parts of a number with a comma after its thousands, in two cells.
_THOUSANDS, _HUNDREDS = re.compile(r"[1-9][0-9]{0,2}\Z"), re.compile(r"[0-9]{3}(\.[0-9]+)?\Z")
#: Remarks that are remembered: most files have a few, and one in each row where they differ.
_MOST_HARMLESS = 1_000
#: The classes of rows without merged cells and without errors.
_PLAIN = {list, tuple}


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


class LongTable(Table):
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
        self.data_at = {columns[name] for name in (*self.key_names, self.value_name)}
        self.header_key = self.key_of(header.cells)
        self.counted_of = _tuple_getter([columns[n] for n in _COUNTED if n in columns])
        self.indicators = load_catalogue().indicators
        self.groups: dict[Any, _Group] = {}
        # Groups by identity cells as typed: most rows find their group without cleaning any cell.
        self.placed: dict[Any, _Group] = {}
        self.keys: dict[Any, str] = {}
        #: Indicator codes written in another way: the code that is meant, and the first place.
        self.rewritten: dict[str, tuple[str, str]] = {}
        self.above: dict[int, Any] = {}
        self.last: _Group | None = None
        self.lost: list[RawDocument] = []
        self.fills = FilledDown[_Group](_FILLED_ROWS_OF_FORM if self.is_form else _FILLED_ROWS)
        self.names = NameChecks(header, self.place)
        #: Of a CSV file: the position beside the values if no number belongs there, the number of
        #: cells that are filled there, and the values that may have lost their thousands to it.
        self.beside: int | None = self._column_beside()
        self.filled_beside = 0
        self.split: list[tuple[_Group, int, Sequence[Any]]] = []
        self.units = StatedUnits(header)
        #: Columns of remarks, in which the unit of a row's value may be stated.
        self.remarked = list(header.unknown())
        #: Remarks that state no unit.
        self.harmless = {""}

    def _documents(self) -> Iterator[RawDocument]:
        self._take_all()
        self._refuse_split()
        self._compare_units()
        self.placed.clear()
        yield from self.lost
        yield from self._refuse_filled_down()
        rounded = are_rounded([kind[1] for kind in self.groups if kind[0] == "document"])
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
                Remark("W123", self.origin.sheet, f"{len(empty)}: {listed(empty)}")
            )
        if self.rewritten:
            place = next(iter(self.rewritten.values()))[1]
            meant = listed([code for code, _ in self.rewritten.values()])
            self._remarks.append(Remark("W141", place, listed([*self.rewritten]), {"meant": meant}))
        self._remarks += self.names.remarks()

    def _take_all(self) -> None:
        """Add all rows to their documents.

        Most rows of a bulk file belong to the document of the row above, with an indicator that was
        seen before: they need none of the checks of :meth:`_take`.
        """
        has_more_checks = (
            self.is_form
            or self._unheaded
            or self._differing
            or self.units.are_stated
            or self.names.columns
            or self.beside is not None
            or "target_year" in self.columns
        )
        keys, placed, width, least = self.keys, self.placed, self.width, self.least
        key_of, head_of, value_at = self.key_of, self.head_of, self.value_at
        remarks_of = None
        if self.remarked:
            remarks_of = _tuple_getter(self.remarked)
            least = max(least, *(at + 1 for at in self.remarked))
        # The document of the row above and its fields as typed, if they identify it.
        group: _Group | None = None
        head: Any = None
        # The row above, whose codes are compared only where a document ends.
        above: tuple[int, Sequence[Any], str, _Group] | None = None
        for number, given in self._rows:
            if not has_more_checks and given.__class__ in _PLAIN and least <= len(given) <= width:
                key, value = keys.get(key_of(given)), given[value_at]
                if (
                    key
                    and value is not None
                    and value != ""
                    and group is not None
                    and head == head_of(given)
                    and (remarks_of is None or self._are_harmless(remarks_of(given)))
                ):
                    group.keys.append(key)
                    group.values.append(value)
                    group.rows.append(number)
                    above = (number, given, key, group)
                    continue
            if above is not None:
                self._compare_codes(*above)
                above = None
            self._take(number, given)
            group = self.last
            if group is not None and placed.get(self.identity_of(group.cells)) is not group:
                group = None
            head = group and group.head

    def _compare_codes(self, number: int, cells: Sequence[Any], key: str, group: _Group) -> None:
        """Compare the codes of a row with those of the row above it."""
        self.fills.take(CountedRow(number, self.counted_of(cells), key, group))

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
            if typed_key == self.header_key:
                return  # the header, repeated for a further page
            key = self._key(typed_key, cells, number)
        value = cells[self.value_at]
        if (value is None or not key or isinstance(value, str)) and self._is_aside(key, value):
            self._take_aside(number, cells)
            return
        if self.is_form:
            cells = self._filled_down(cells)
        elif not key and is_blank(cells[self.columns.get("document_id", self.value_at)]):
            self._remarks.append(self._keyless(number, cells, value))  # as in a row of totals
            return
        group = self.placed.get(self.identity_of(cells))
        if group is None or group.head != self.head_of(cells):
            group = self._group(number, cells)
        self.last = group
        if not key:
            group.remarks.append(self._keyless(number, cells, value))
            return
        if not is_blank(value):
            if self.units.are_stated:
                value = self.units.with_unit(key.rpartition("/")[2], cells, value)
            if self.remarked:
                value = self._with_remarked_unit(key, cells, value)
        group.keys.append(key)
        group.values.append(value)
        group.rows.append(number)
        if self.beside is not None and self.beside < len(cells):
            self._compare_beside(group, cells)
        self._compare_codes(number, cells, key, group)
        if self.names.columns:
            self.names.take(number, cells, key.rpartition("/")[2])

    def _column_beside(self) -> int | None:
        at = self.value_at + 1
        is_csv = self.origin.received_at is not None and not self.origin.letters
        return at if is_csv and at in self.header.unknown() else None

    def _compare_beside(self, group: _Group, cells: Sequence[Any]) -> None:
        """Note a value that may be cut in two: ``1`` and ``234`` of an unquoted ``1,234``."""
        value, beside = cells[self.value_at], cells[self.beside or 0]
        if is_blank(beside):
            return
        self.filled_beside += 1
        if _THOUSANDS.match(str(value)) and _HUNDREDS.match(str(beside)):
            self.split.append((group, len(group.keys) - 1, cells))

    def _refuse_split(self) -> None:
        """Leave out values that are cut in two, if the column beside them is otherwise empty."""
        if len(self.split) < self.filled_beside:
            return
        for group, at, cells in reversed(self.split):
            row = group.rows.pop(at)
            del group.keys[at], group.values[at]
            shown = ", ".join(str(cell) for cell in cells if not is_blank(cell))
            where = Cells("", row, self.labels).at()
            group.remarks.append(Remark("E013", where, shown, {"row": str(row)}))

    def _are_harmless(self, remarks: Iterable[Any]) -> bool:
        return all(each.__class__ is not str or each in self.harmless for each in remarks)

    def _with_remarked_unit(self, key: str, cells: Sequence[Any], value: Any) -> Any:
        """A value, or a text that quotes it with its unit if a remark beside it states another."""
        for at in self.remarked:
            remark = cells[at] if at < len(cells) else None
            if not isinstance(remark, str):
                continue
            stated = units_in_note(remark)
            if stated:
                return self._with_unit(key, value, stated)
            if len(self.harmless) < _MOST_HARMLESS:
                self.harmless.add(remark)
        return value

    def _with_unit(self, key: str, value: Any, stated: frozenset[str]) -> Any:
        text = cell_text(value)
        code = key.rpartition("/")[2]
        return (text and with_stated_unit(code, text, stated)) or value

    def _compare_units(self) -> None:
        """Compare the units that are stated beside the table, if it states none itself."""
        stated = self._noted_units
        if not stated or self.header.units or "unit_of_measure" in self.header.notes:
            return
        for group in self.groups.values():
            group.values = [
                self._with_unit(key, value, stated)
                for key, value in zip(group.keys, group.values, strict=True)
            ]

    def _key(self, typed: Any, cells: Sequence[Any], number: int) -> str:
        """The key of a row's value: indicator code, or ``year/code``; "" if a part is blank."""
        parts = [cell_text(cell) or "" for cell in (typed if type(typed) is tuple else (typed,))]
        parts[:-1] = [str(cell_year(year)) for year in parts[:-1]]
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
            {"row": str(number), "field": name},
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
        return "unit", self._unit(cells)

    def _unit(self, cells: Sequence[Any]) -> str | None:
        """The unit code of a row, as the catalogue writes it if it can be told."""
        unit = cell_text(cells[self.columns["unit_code"]])
        return unit and (codes.unit_code(unit) or unit)

    def _interrupted(self, number: int, key: tuple[str, str | None]) -> _Group | None:
        """The document above a row whose identity is blank, as below a merged cell; or None.

        The document is refused: the row may belong to it or not.
        """
        if self.is_form or key[0] == "document" or self.last is None:
            return None
        above = self._group_key(self.last.cells)
        if above[0] != "document" or key[1] not in (None, self._unit(self.last.cells)):
            return None
        at = self.columns["document_id"]
        if self.last.problem is None:
            self.last.problem = Unreadable(
                "E034",
                above[1] or "",
                where=self.place(at, number),
                row=str(number),
                field="document_id",
            )
        return self.last

    def _is_aside(self, key: str, value: Any) -> bool:
        """Whether a row holds no value: a heading, a remark, or fields of a document alone."""
        if is_blank(value):
            return key.rpartition("/")[2] not in self.indicators
        return not key and not is_number(value)

    def _take_aside(self, number: int, cells: Sequence[Any]) -> None:
        """Take a row without a value: fields of a document, or a heading or remark."""
        filled = [at for at, cell in enumerate(cells) if not is_blank(cell)]
        if not filled:
            return
        kind, name = self._group_key(cells)
        is_named = name is not None and (
            (kind, name) in self.groups if kind == "document" else codes.unit_code(name)
        )
        if is_named:
            self._group(number, self._filled_down(cells) if self.is_form else cells)
            filled = [at for at in filled if at in self.data_at]
            if not filled:
                return
        for at in filled:
            self._note_units(cells[at])
        place, shown = self.place(filled[0], number), [str(cells[at]) for at in filled]
        if self._holds_data(cells, filled):
            self._remarks.append(Remark("W140", place, listed(shown), severity="error"))
        else:
            self._remarks.append(Remark("W140", place, shown[0]))

    def _note_asides(self, number: int, cells: Sequence[Any], positions: Iterable[int]) -> None:
        """Note cells without a header; a number to the right of a blank value may be that value."""
        noted = list(positions)
        if self.value_at < len(cells) and is_blank(cells[self.value_at]):
            for at in noted:
                if self.value_at < at < len(cells) and is_number(cells[at]):
                    place, text = self.place(at, number), cell_text(cells[at]) or ""
                    self._remarks.append(Remark("W140", place, text, severity="error"))
                    return
        super()._note_asides(number, cells, noted)

    def _holds_data(self, cells: Sequence[Any], filled: Sequence[int]) -> bool:
        """Whether a row without a value holds one elsewhere, as where its cells are shifted."""
        return any(
            (at in self.data_at and is_number(cells[at]))
            or (isinstance(cells[at], str) and codes.indicator_code(cells[at]) is not None)
            for at in filled
        )

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
            elif str(here) != str(before) and not self._is_same(name, here, before):
                outer = next((n for n in NESTED if name.startswith(n + "_")), name)
                where, value = self.place(position, number), f"{before} / {here}"
                fields = {"row": str(number), "field": name}
                if outer not in MODELS[self.origin.kind].dropped_if_wrong:
                    return Unreadable("E010", value, where=where, **fields)
                if outer not in group.dropped:
                    group.dropped.add(outer)
                    group.remarks.append(Remark("W144", where, value, fields))
        group.cells, group.head = merged, head
        return None

    @staticmethod
    def _is_same(name: str, here: Any, before: Any) -> bool:
        """Whether two texts of a field mean the same."""
        if name == "year":
            return str(cell_year(here)) == str(cell_year(before))
        if name != "unit_code":
            return False
        code = codes.unit_code(here)
        return code is not None and code == codes.unit_code(before)

    def _refuse_filled_down(self) -> Iterator[RawDocument]:
        """Yield one error in place of the documents of each run of rows whose codes count up."""
        runs = self.fills.runs()
        refused = {id(row.owner) for run in runs for row in run}
        self.groups = {key: g for key, g in self.groups.items() if id(g) not in refused}
        for run in runs:
            first, last = run[0], run[-1]
            counted = [
                f"{cell_text(here)} … {cell_text(there)}"
                for here, there in zip(first.counted, last.counted, strict=True)
                if here != there
            ]
            yield RawDocument(
                Cells(self.origin.sheet, first.number, self.labels),
                Unreadable(
                    "E032", "、".join(counted), row=str(first.number), last=str(last.number)
                ),
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
        problem = id_problem(content.get("document_id"), rounded) or group.problem
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
        unit_name = self._unit_name(group.cells)
        return RawDocument(where, content, group.remarks, self.is_form, unit_name)

    def _values(self, group: _Group, keys: tuple[str, ...]) -> dict[str, Any] | Unreadable:
        """The values by key; an error where one key has different values."""
        values: dict[str, Any] = {}
        rows: dict[str, int] = {}
        repeated: list[str] = []
        for key, cell, row in zip(keys, group.values, group.rows, strict=True):
            value = cell_number(cell)
            if value is None:
                continue
            if key not in values:
                values[key], rows[key] = value, row
                continue
            places = f"{self.place(self.value_at, rows[key])}、{self.place(self.value_at, row)}"
            if comparable(values[key]) != comparable(value):
                quoted = f"{key}：{cell_text(values[key])} / {cell_text(value)}（{places}）"
                return Unreadable("E008", quoted, where=self.place(self.value_at, row))
            repeated.append(f"{key}（{places}）")
        if repeated:
            where = self.place(self.value_at, group.number)
            group.remarks.append(Remark("W142", where, listed(repeated)))
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


def _getter(positions: list[int]) -> Callable[[Sequence[Any]], Any]:
    if not positions:
        return lambda _: None
    return itemgetter(*positions)


def _tuple_getter(positions: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(positions) == 1:
        [only] = positions
        return lambda cells: (cells[only],)
    return itemgetter(*positions)


def _targets_by_year(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        year, _, code = key.partition("/")
        found.setdefault(year, {})[code] = value
    return found
