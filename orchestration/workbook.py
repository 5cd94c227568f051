"""Writes Office files: the same content gives the same bytes, and text is never run as a formula.

Belongs here: what openpyxl does not do by itself, and the mark that identifies a reporting form
made by this project. Doesn't belong here: the content of a workbook.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

__all__ = [
    "FORMULA_SIGNS",
    "FORM_AUTHOR",
    "FORM_INSTRUCTIONS",
    "FORM_MARK",
    "FORM_SHEET",
    "pack_parts",
    "put_text",
    "workbook_bytes",
]

#: Name of the hidden sheet that marks a workbook as this project's reporting form, and the text in
#: its first cell.
FORM_SHEET, FORM_MARK = "_tongbao", "tongbao-form-1"
#: The author of the comments in a reporting form.
FORM_AUTHOR = "通报"
#: Name of the form's sheet of instructions, which holds no values.
FORM_INSTRUCTIONS = "填报说明"
#: A text that begins with one of these looks like a formula to a spreadsheet.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t")
#: Date of every zip entry and document property instead of the current time: the earliest date
#: that the zip format can hold.
_DATE = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)")


def put_text(cell: Any, text: str | None) -> None:
    """Write a text into a cell so that a spreadsheet shows it and never runs it as a formula.

    See OWASP, "CSV Injection"; ``=cmd|…`` is an example. None leaves the cell empty.
    """
    if text is None:
        return
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    if text[:1] in FORMULA_SIGNS:
        cell.quotePrefix = True


def workbook_bytes(workbook: Workbook) -> bytes:
    """Return the workbook as XLSX bytes that don't depend on the time of writing."""
    raw = io.BytesIO()
    workbook.save(raw)
    with zipfile.ZipFile(raw) as given:
        parts = {name: given.read(name) for name in given.namelist()}
    core = "docProps/core.xml"
    parts[core] = _STAMP.sub(rb"\g<1>1980-01-01T00:00:00Z\g<3>", parts[core])
    return pack_parts(parts)


def pack_parts(parts: Mapping[str, bytes]) -> bytes:
    """Zip the parts of an Office file in the order given, with fixed dates.

    Args:
        parts: path in the file → bytes.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, body in parts.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            target.writestr(entry, body)
    return made.getvalue()
