"""Office files that the project writes: the same bytes for the same content; text stays text.

Belongs here: what openpyxl leaves open, and the mark by which the project knows its own reporting
forms again. Doesn't belong here: what stands in a workbook.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

__all__ = ["FORM_MARK", "FORM_SHEET", "packed", "put_text", "workbook_bytes"]

#: The hidden sheet that says that a workbook is a reporting form made by this project, and what
#: stands in its first cell.
FORM_SHEET, FORM_MARK = "_tongbao", "tongbao-form-1"
#: Zip entries and document properties carry the clock otherwise; the zip format's own zero.
_DATE = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)")


def put_text(cell: Any, text: str | None) -> None:
    """Text into a cell, never a formula: ``=cmd|…`` is shown, not run (OWASP, "CSV Injection")."""
    if text is None:
        return
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    if text[:1] in "=+-@\t":
        cell.quotePrefix = True


def workbook_bytes(workbook: Workbook) -> bytes:
    """The file's bytes, the same at every time."""
    raw = io.BytesIO()
    workbook.save(raw)
    with zipfile.ZipFile(raw) as given:
        parts = {name: given.read(name) for name in given.namelist()}
    core = "docProps/core.xml"
    parts[core] = _STAMP.sub(rb"\g<1>1980-01-01T00:00:00Z\g<3>", parts[core])
    return packed(parts)


def packed(parts: Mapping[str, bytes]) -> bytes:
    """The parts of an Office file, in this order, as the file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, body in parts.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            target.writestr(entry, body)
    return made.getvalue()
