"""Reads XLSX workbooks: every visible sheet with a known header is a table.

Belongs here: cells as typed, saved results of formulas, hidden sheets, the mark of the project's
own reporting forms, and the limit on unpacked size. openpyxl's row parser reads one row at a time;
defusedxml (which openpyxl uses where it is installed) refuses entity declarations. Doesn't belong
here: from rows to documents (``tables``).
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from orchestration.intake.formats.base import Limits, RawDocument, Remark, Unreadable
from orchestration.intake.formats.tables import HEADER_ROWS, Row, TableOrigin, read_table
from orchestration.workbook import FORM_MARK, FORM_SHEET

__all__ = ["read_xlsx", "xlsx_heads"]

# openpyxl warns of parts of a workbook that it ignores (an extension, a date out of range). The
# receipt reports those that matter.
warnings.filterwarnings("ignore", module="openpyxl")

#: Most parts (files) in a workbook: each sheet is one, plus styles, strings and a theme.
_MAX_PARTS = 1_000
#: Most columns of a sheet: the contract's widest table has 20, a form fewer.
_MAX_COLUMNS = 500
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"


class _Parser(WorkSheetParser):
    """openpyxl's row parser for values, which keeps formulas that have no saved result."""

    def __init__(self, *args: Any, percents: frozenset[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.percents = percents

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        value = cell["value"]
        if value is None:
            formula = element.find(FORMULA_TAG)
            if formula is not None:
                cell["value"] = "=" + (formula.text or "")
        elif cell["style_id"] in self.percents and type(value) in (int, float):
            # The cell shows 85% and holds 0.85; the reader must not guess which is meant.
            cell["value"] = f"{(Decimal(repr(value)) * 100).normalize():f}%"
        return cell


def read_xlsx(
    body: bytes, kind: str, limits: Limits, received_at: datetime
) -> Iterator[RawDocument | Remark]:
    """The documents of a workbook, sheet by sheet.

    Args:
        received_at: when the store received the object (aware); the submission time of a
            reporting form.

    Raises:
        Unreadable: not a workbook (E012), too large when unpacked (E011), no sheet has a known
            header (E009), too many rows (E014).
    """
    _check_container(body, limits)
    workbook = _open_workbook(body)
    form = _is_form(workbook)
    refused: Unreadable | None = None
    tables = 0
    for sheet in workbook.worksheets:
        if not hasattr(sheet, "_get_source"):
            continue
        rows = list(_first_filled_row(_sheet_rows(workbook, sheet)))
        if not rows:
            continue
        if sheet.sheet_state != "visible":
            if not form:
                yield Remark("W121", sheet.title, sheet.title)
            continue
        origin = TableOrigin(
            kind,
            sheet.title,
            lambda position: str(get_column_letter(position + 1)),
            received_at.isoformat() if form else None,
        )
        try:
            yield from read_table(_sheet_rows(workbook, sheet), origin, limits)
            tables += 1
        except Unreadable as error:
            if error.code != "E009":
                raise
            refused = refused or error
            if not form:
                yield Remark("W124", sheet.title, sheet.title)
    if refused and not tables:
        raise refused


def xlsx_heads(body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    """Yield the first rows of every visible sheet; one of them may be a header."""
    _check_container(body, limits)
    workbook = _open_workbook(body)
    for sheet in workbook.worksheets:
        if hasattr(sheet, "_get_source") and sheet.sheet_state == "visible":
            for _, cells in islice(_sheet_rows(workbook, sheet), HEADER_ROWS):
                yield cells


def _first_filled_row(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the first row that is not empty, if there is one."""
    for number, cells in rows:
        if any(cell is not None for cell in cells):
            yield number, cells
            return


def _check_container(body: bytes, limits: Limits) -> None:
    """Check the sizes in the archive's directory; zipfile never reads more than they say."""
    if body.startswith(_OLE_MAGIC):
        raise Unreadable("E012", "encrypted or .xls", format="XLSX")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Unreadable("E012", str(error), format="XLSX") from None
    total = sum(part.file_size for part in parts)
    if len(parts) > _MAX_PARTS or total > limits.expanded_bytes:
        raise Unreadable("E011", str(total), limit=str(limits.expanded_bytes))


def _open_workbook(body: bytes) -> Any:
    try:
        return load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # a hostile archive can make the library raise anything
        raise _broken_workbook(error) from None


def _broken_workbook(error: Exception) -> Unreadable:
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
    return Unreadable("E012", message, format="XLSX")


def _is_form(workbook: Any) -> bool:
    if FORM_SHEET not in workbook.sheetnames:
        return False
    first = next(_first_filled_row(_sheet_rows(workbook, workbook[FORM_SHEET])), None)
    return first is not None and first[1][0] == FORM_MARK


def _percent_styles(workbook: Any) -> frozenset[int]:
    """Indices of the cell styles that show percentages (ECMA-376 part 1, 18.8.30)."""
    formats = workbook._number_formats
    found = set()
    for index, style in enumerate(workbook._cell_styles):
        number = style.numFmtId
        custom = number - 164
        shown = formats[custom] if 0 <= custom < len(formats) else BUILTIN_FORMATS.get(number, "")
        if "%" in shown:
            found.add(index)
    return frozenset(found)


def _sheet_rows(workbook: Any, sheet: Any) -> Iterator[Row]:
    """Yield the rows that the sheet stores, each with its number (from 1)."""
    try:
        with sheet._get_source() as source:
            parser = _Parser(
                source,
                sheet._shared_strings,
                data_only=True,
                epoch=workbook.epoch,
                date_formats=workbook._date_formats,
                timedelta_formats=workbook._timedelta_formats,
                percents=_percent_styles(workbook),
            )
            for number, cells in parser.parse():
                width = cells[-1]["column"] if cells else 0
                if width > _MAX_COLUMNS:
                    raise Unreadable("E012", f"row {number}: {width} columns", format="XLSX")
                row: list[Any] = [None] * width
                for cell in cells:
                    row[cell["column"] - 1] = cell["value"]
                yield number, row
    except Unreadable:
        raise
    except Exception as error:  # a hostile sheet can make the library raise anything
        raise _broken_workbook(error) from None
