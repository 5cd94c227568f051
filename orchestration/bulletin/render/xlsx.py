"""Renders workbooks as XLSX: titles, frozen headers, print set-up, no formulas, repeatable bytes.

A spreadsheet keeps fifteen digits of a number; the exact values are in ``data/``.

Belongs here: the look of a sheet. Doesn't belong here: its content (``tables``, ``uses``).
"""

from __future__ import annotations

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, NamedStyle, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from orchestration.bulletin.sheets import SYNTHETIC, Book, Number, Sheet
from orchestration.figures.numbers import MISSING
from orchestration.workbook import FORMULA_SIGNS, put_text, workbook_bytes

__all__ = ["HEADER_ROW", "render_workbook"]

#: The row of a sheet's header: its title and the mark of synthetic data are above.
HEADER_ROW = 3
_MARK_FONT = Font(bold=True, color="C8102E")
_HEADER_FONT = Font(bold=True)
_HEADER_ALIGNED = Alignment(wrap_text=True, vertical="center", horizontal="center")
_HEADER_FILL = PatternFill("solid", fgColor="E7E6E6")
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_RIGHT_ALIGNED = Alignment(horizontal="right", vertical="top")


def render_workbook(book: Book) -> bytes:
    """Return the workbook as XLSX; equal books give equal bytes."""
    workbook = Workbook()
    first = workbook.active
    assert first is not None
    first.title = "说明"
    first.column_dimensions["A"].width = 100
    put_text(first.cell(1, 1), book.title)
    first.cell(1, 1).font = Font(size=14, bold=True)
    lines = (SYNTHETIC, *book.notes) if book.is_synthetic else book.notes
    for number, line in enumerate(lines, start=2):
        put_text(first.cell(number, 1), line)
        first.cell(number, 1).alignment = _WRAPPED
        if line == SYNTHETIC:
            first.cell(number, 1).font = _MARK_FONT
    styles = _Styles(workbook)
    for sheet in book.sheets:
        _add_sheet(workbook, sheet, styles, is_synthetic=book.is_synthetic)
    return workbook_bytes(workbook)


class _Styles:
    """The named styles of cells: openpyxl takes longer to make a style than a cell."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._known: set[str] = set()

    def apply(self, cell: Cell, number_format: str) -> None:
        """Give a cell a number format and the alignment of numbers, or of texts if it is empty."""
        name = number_format or "文字"
        if name not in self._known:
            self._known.add(name)
            alignment = _RIGHT_ALIGNED if number_format else _WRAPPED
            style = NamedStyle(name, alignment=alignment, number_format=number_format or "General")
            self._workbook.add_named_style(style)
        cell.style = name


def _add_sheet(workbook: Workbook, sheet: Sheet, styles: _Styles, *, is_synthetic: bool) -> None:
    made = workbook.create_sheet(sheet.title)
    put_text(made.cell(1, 1), sheet.title)
    made.cell(1, 1).font = Font(size=14, bold=True)
    if is_synthetic:
        put_text(made.cell(2, 1), SYNTHETIC)
        made.cell(2, 1).font = _MARK_FONT
    for at, field in enumerate(sheet.fields, start=1):
        cell = made.cell(HEADER_ROW, at)
        put_text(cell, field.head)
        cell.font, cell.fill, cell.alignment = _HEADER_FONT, _HEADER_FILL, _HEADER_ALIGNED
        made.column_dimensions[get_column_letter(at)].width = field.width
    for number, row in enumerate(sheet.rows, start=HEADER_ROW + 1):
        for at, (field, given) in enumerate(zip(sheet.fields, row, strict=True), start=1):
            value, written = (
                (given.value, given.format) if isinstance(given, Number) else (given, field.format)
            )
            cell = made.cell(number, at)
            if value is None:
                put_text(cell, MISSING)
                styles.apply(cell, written or "General")
            elif isinstance(value, str):
                put_text(cell, value)
                styles.apply(cell, "")
                if value[:1] in FORMULA_SIGNS:
                    cell.quotePrefix = True
            else:
                cell.value = value
                styles.apply(cell, written or "General")
    made.freeze_panes = made.cell(HEADER_ROW + 1, sheet.frozen + 1)
    last = f"{get_column_letter(len(sheet.fields))}{HEADER_ROW + len(sheet.rows)}"
    if sheet.rows:
        made.auto_filter.ref = f"A{HEADER_ROW}:{last}"
    _set_up_print(made, sheet.title, SYNTHETIC if is_synthetic else "")


def _set_up_print(made: Worksheet, title: str, mark: str) -> None:
    """Print on landscape A4, as wide as the page, with title, mark and header on each page."""
    made.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"
    made.page_setup.orientation = "landscape"
    made.page_setup.paperSize = made.PAPERSIZE_A4
    made.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    made.page_setup.fitToWidth, made.page_setup.fitToHeight = 1, 0
    header, footer = made.oddHeader, made.oddFooter
    assert header is not None
    assert footer is not None
    header.left.text, header.center.text = title, mark or None
    footer.center.text = "第&P页，共&N页"
