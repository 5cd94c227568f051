"""Opens a workbook: its sheets in order, and the rows of each.

Belongs here: the parts that a workbook names (ECMA-376 part 1, 18.2) and the bounds over all its
sheets. Doesn't belong here: which sheets count (``xlsx``).
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from orchestration.intake.formats.base import Limits, Row, Unreadable, damaged
from orchestration.intake.formats.ooxml.asides import Comment, drawing_text, read_comments
from orchestration.intake.formats.ooxml.layout import read_layout
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part
from orchestration.intake.formats.ooxml.merges import mark_merged
from orchestration.intake.formats.ooxml.package import Package
from orchestration.intake.formats.ooxml.sheet import SheetContext, TextBudget, Unseen, read_rows
from orchestration.intake.formats.ooxml.styles import Styles, read_styles
from orchestration.intake.formats.ooxml.text import Item, read_strings

__all__ = ["Sheet", "Workbook"]

#: The names that every program gives these parts, for packages without the relationship.
_WORKBOOK, _STYLES, _STRINGS = "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"


@dataclass(frozen=True)
class Sheet:
    """A sheet of cells; sheets of charts and macros are none.

    Attributes:
        part: the name of its part.
    """

    name: str
    is_visible: bool
    part: str


class Workbook:
    """A workbook's sheets.

    Args:
        body: the bytes of the file.
        limits: bounds on its parts, sheets, rows and columns.

    Raises:
        Unreadable: not a workbook (E012), too large when unpacked (E011), too many sheets (E020).
    """

    def __init__(self, body: bytes, limits: Limits) -> None:
        self._package = Package(body, limits)
        self._limits = limits
        self._rows = 0
        self._budget = TextBudget(limits.expanded_bytes)
        root = self._package.relationships("")
        self._part = next(
            (r.target for r in root.values() if r.kind == "officeDocument"), _WORKBOOK
        )
        self._related = self._package.relationships(self._part)
        self._epoch = CALENDAR_WINDOWS_1900
        #: The names of sheets of charts and macros.
        self.other_sheets: list[str] = []
        self.sheets = self._sheets()
        self._strings: list[Item] | None = None
        self._styles: Styles | None = None

    def rows(self, sheet: Sheet, unseen: Unseen | None = None) -> Iterator[Row]:
        """Yield the rows of a sheet that hold a value, each with its number (from 1).

        Args:
            unseen: receives what nobody sees of the rows; complete after the last one.

        Raises:
            Unreadable: the sheet is damaged (E012), has values in too many columns (E021), or the
                workbook has too many rows over all its sheets (E014).
        """
        try:
            layout = read_layout(
                self._package.chunks(sheet.part), self._limits.columns, self._cell_styles().changing
            )
            unseen = unseen or Unseen()
            unseen.conditional += layout.conditional
            context = self._context(sheet, layout.hidden_columns, unseen)
            rows = read_rows(self._package.chunks(sheet.part), context)
            for row in mark_merged(rows, layout.merged, unseen.covered):
                self._rows += 1
                if self._rows > self._limits.rows:
                    raise Unreadable("E014", str(self._limits.rows), limit=str(self._limits.rows))
                yield row
        except MarkupError:
            raise damaged("XLSX", sheet.name) from None

    def plain_rows(self, sheet: Sheet) -> Iterator[Row]:
        """Yield the rows as :meth:`rows` does, but without merged cells and uncounted."""
        context = self._context(sheet, frozenset(), Unseen())
        try:
            yield from read_rows(self._package.chunks(sheet.part), context)
        except MarkupError:
            raise damaged("XLSX", sheet.name) from None

    def comments(self, sheet: Sheet) -> list[Comment]:
        """The comments of a sheet's cells."""
        parts = self._beside(sheet, "comments")
        return [each for part in parts for each in read_comments(self._package, part)]

    def drawings(self, sheet: Sheet) -> list[str]:
        """The texts of a sheet's drawings (pictures, charts, shapes); "" for one without text."""
        return [drawing_text(self._package, part) for part in self._beside(sheet, "drawing")]

    def _beside(self, sheet: Sheet, kind: str) -> list[str]:
        """The parts of a kind that belong to a sheet; none if their list is damaged."""
        try:
            related = self._package.relationships(sheet.part)
        except Unreadable:
            return []
        return [each.target for each in related.values() if each.kind == kind]

    def _context(self, sheet: Sheet, hidden_columns: Set[int], unseen: Unseen) -> SheetContext:
        return SheetContext(
            sheet.name,
            self._shared_strings(),
            self._cell_styles().cells,
            self._epoch,
            self._limits.columns,
            self._budget,
            hidden_columns,
            unseen,
        )

    def _sheets(self) -> list[Sheet]:
        found: list[Sheet] = []
        parts: set[str] = set()
        count = 0
        is_workbook = False

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal count, is_workbook
            is_workbook |= tag == "workbook"
            if tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
                self._epoch = CALENDAR_MAC_1904
            if tag != "sheet":
                return
            count += 1
            if count > self._limits.sheets:
                raise Unreadable("E020", str(count), limit=str(self._limits.sheets))
            name = attributes.get("name", "")
            reference = next(
                (v for n, v in attributes.items() if n.endswith("relationships id")), ""
            )
            target = self._related.get(reference)
            if target is None:
                raise damaged("XLSX", name)
            if target.kind != "worksheet":
                self.other_sheets.append(name)
            else:
                part = target.target.casefold()
                if part in parts or part not in self._package:
                    raise damaged("XLSX", name)
                parts.add(part)
                is_visible = attributes.get("state", "visible") == "visible"
                found.append(Sheet(name, is_visible, target.target))

        try:
            parse_part(self._package.held(self._part), start)
        except MarkupError:
            is_workbook = False
        if not is_workbook:
            raise damaged("XLSX", self._part)
        return found

    def _shared_strings(self) -> list[Item]:
        if self._strings is None:
            part = self._part_of("sharedStrings", _STRINGS)
            self._strings = read_strings(self._package, part) if part else []
        return self._strings

    def _cell_styles(self) -> Styles:
        if self._styles is None:
            part = self._part_of("styles", _STYLES)
            self._styles = read_styles(self._package, part) if part else Styles([], frozenset())
        return self._styles

    def _part_of(self, kind: str, usual: str) -> str | None:
        """The part that the workbook relates to, or the one of the usual name, if it exists."""
        related = [each.target for each in self._related.values() if each.kind == kind]
        return next((name for name in [*related, usual] if name in self._package), None)
