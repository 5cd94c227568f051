"""Reads XLSX workbooks: every visible sheet with a known header is a table.

Belongs here: which sheets are read, hidden sheets, the mark of the project's own reporting forms.
Doesn't belong here: the cells of a sheet (``ooxml``), from rows to documents (``tables``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, groupby, islice
from typing import Any

from openpyxl.utils import get_column_letter

from orchestration.intake.formats.base import Limits, NoHeader, RawDocument, Remark
from orchestration.intake.formats.grid import listed
from orchestration.intake.formats.headers import brackets
from orchestration.intake.formats.ooxml.asides import Comment
from orchestration.intake.formats.ooxml.sheet import Unseen
from orchestration.intake.formats.ooxml.workbook import Sheet, Workbook
from orchestration.intake.formats.tables import HEADER_ROWS, TableOrigin, read_table
from orchestration.intake.measures import units_in_header, units_in_note
from orchestration.workbook import FORM_INSTRUCTIONS, FORM_MARK, FORM_SHEET

__all__ = ["read_xlsx", "xlsx_heads"]


def read_xlsx(
    body: bytes, kind: str, limits: Limits, received_at: datetime
) -> Iterator[RawDocument | Remark]:
    """The documents of a workbook, sheet by sheet.

    Args:
        received_at: when the store received the object (aware); the submission time of a
            reporting form.

    Raises:
        Unreadable: not a workbook (E012), too large (E011, E014, E020, E021), or no sheet has a
            known header (E009).
    """
    workbook = Workbook(body, limits)
    form = _is_form(workbook)
    refused: NoHeader | None = None
    tables = 0
    for name in workbook.other_sheets:
        yield Remark("W124", name, name)
    for sheet in workbook.sheets:
        unseen = Unseen()
        rows = workbook.rows(sheet, unseen)
        first = next(rows, None)
        units: frozenset[str] = frozenset()
        if sheet.is_visible:
            comments, drawings = workbook.comments(sheet), workbook.drawings(sheet)
            yield from _aside_remarks(sheet, comments, drawings)
            units = _units_stated(sheet.name, [*(text for _, text in comments), *drawings])
        if first is None:
            continue
        if not sheet.is_visible:
            if sheet.name != FORM_SHEET:
                yield Remark("W121", sheet.name, sheet.name)
            continue
        origin = TableOrigin(
            kind,
            sheet.name,
            lambda position: str(get_column_letter(position + 1)),
            received_at.isoformat(),
            form,
            units,
        )
        try:
            yield from read_table(chain([first], rows), origin, limits)
            tables += 1
            yield from _unseen_remarks(sheet.name, unseen)
        except NoHeader as error:
            refused = refused or error
            if error.holds_codes:
                yield Remark("W124", sheet.name, sheet.name, severity="error")
            elif sheet.name != FORM_INSTRUCTIONS:
                yield Remark("W124", sheet.name, sheet.name)
    if refused and not tables:
        raise refused


def _aside_remarks(
    sheet: Sheet, comments: Sequence[Comment], drawings: Sequence[str]
) -> Iterator[Remark]:
    """Yield the findings about what stands on a sheet beside its cells."""
    if comments:
        yield Remark("W149", sheet.name, listed([f"{cell}：{text}" for cell, text in comments]))
    if drawings:
        texts = " ".join(filter(None, drawings))
        fields = {} if texts else {"value_en": "no text"}
        yield Remark("W150", sheet.name, texts or "没有文字", fields)


def _units_stated(name: str, texts: Sequence[str]) -> frozenset[str]:
    """The units of measure that a sheet's name or the texts beside its cells state."""
    stated = [*map(units_in_header, brackets(name)), *map(units_in_note, texts)]
    return next(filter(None, stated), frozenset())


def _unseen_remarks(sheet: str, unseen: Unseen) -> Iterator[Remark]:
    """Yield the findings about values of a table that nobody sees, or not as they are stored."""
    letters = [str(get_column_letter(at + 1)) for at in sorted(unseen.columns)]
    hidden = [f"{letter}:{letter}" for letter in letters] + list(_spans(unseen.rows))
    if hidden:
        yield Remark("W145", sheet, listed(hidden))
    if unseen.blended:
        yield Remark("W147", sheet, listed(list(_spans(unseen.blended))))
    if unseen.covered:
        cells = [f"{get_column_letter(at + 1)}{row}" for row, at in unseen.covered]
        yield Remark("W148", sheet, listed(cells))
    if unseen.conditional:
        yield Remark("W146", sheet, listed(unseen.conditional))


def _spans(numbers: Sequence[int]) -> Iterator[str]:
    """Yield ascending row numbers as spans, ``3:10``."""
    for _, span in groupby(enumerate(numbers), key=lambda each: each[1] - each[0]):
        rows = [number for _, number in span]
        yield f"{rows[0]}:{rows[-1]}"


def xlsx_heads(body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    """Yield the first rows of every visible sheet; one of them may be a header."""
    workbook = Workbook(body, limits)
    for sheet in workbook.sheets:
        if sheet.is_visible:
            for _, cells in islice(workbook.plain_rows(sheet), HEADER_ROWS):
                yield cells


def _is_form(workbook: Workbook) -> bool:
    for sheet in workbook.sheets:
        if sheet.name == FORM_SHEET:
            first = next(workbook.plain_rows(sheet), None)
            return first is not None and first[1][0] == FORM_MARK
    return False
