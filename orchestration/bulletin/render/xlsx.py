"""Renders workbooks as XLSX: frozen headers, no formulas, the same bytes for the same content.

A spreadsheet keeps fifteen digits of a number; the exact values are in ``data/``.

Belongs here: the look of a sheet. Doesn't belong here: its content (``tables``, ``uses``).
"""

from __future__ import annotations

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from orchestration.bulletin.sheets import SYNTHETIC, Book, Number, Sheet
from orchestration.figures.numbers import MISSING
from orchestration.workbook import put_text, workbook_bytes

__all__ = ["render_workbook"]

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
            first.cell(number, 1).font = Font(bold=True, color="C8102E")
    for sheet in book.sheets:
        _add_sheet(workbook, sheet, is_synthetic=book.is_synthetic)
    return workbook_bytes(workbook)


def _add_sheet(workbook: Workbook, sheet: Sheet, *, is_synthetic: bool) -> None:
    made = workbook.create_sheet(sheet.title)
    for at, field in enumerate(sheet.fields, start=1):
        cell = made.cell(1, at)
        put_text(cell, field.head)
        cell.font, cell.fill = Font(bold=True), _HEADER_FILL
        cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal="center")
        made.column_dimensions[get_column_letter(at)].width = field.width
    for number, row in enumerate(sheet.rows, start=2):
        for at, (field, given) in enumerate(zip(sheet.fields, row, strict=True), start=1):
            value, written = (
                (given.value, given.format) if isinstance(given, Number) else (given, field.format)
            )
            cell = made.cell(number, at)
            if value is None:
                put_text(cell, MISSING)
                cell.alignment = _RIGHT_ALIGNED
            elif isinstance(value, str):
                put_text(cell, value)
                cell.alignment = _WRAPPED
            else:
                cell.value = value
                cell.number_format = written or "General"
                cell.alignment = _RIGHT_ALIGNED
    made.freeze_panes = made.cell(2, sheet.frozen + 1)
    if sheet.rows:
        made.auto_filter.ref = made.dimensions
    made.print_title_rows = "1:1"
    if is_synthetic:
        made.oddHeader.center.text = SYNTHETIC
