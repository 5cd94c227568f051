"""Recognises a file whose content is not what its extension says, and what its sender can do.

Belongs here: signatures of other formats: old, protected and foreign workbooks, documents, web
pages, archives. Doesn't belong here: damaged files of the right format, which the readers refuse.
"""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from typing import NamedTuple

from orchestration.intake.formats.base import Unreadable
from orchestration.intake.formats.ooxml.package import BROKEN_ARCHIVE

__all__ = ["refuse_other_content"]

#: Bytes of a text that are searched for signatures.
_HEAD = 4_096


class _Content(NamedTuple):
    """What a file is: the code of the advice, its name, and the extensions that it may have."""

    code: str
    name: str
    suffixes: tuple[str, ...] = ()


_XLSX = _Content("E027", "XLSX", (".xlsx",))
#: Workbooks with macros and templates: under another extension no spreadsheet program opens them.
_RELATIVES = (".xlsm", ".xltx", ".xltm")
_CSV = _Content("E027", "CSV", (".csv",))
_JSON = _Content("E027", "JSON", (".json", ".jsonl"))
_PARQUET = _Content("E027", "Parquet", (".parquet",))
_PROTECTED = _Content("E022", "XLSX")
_ODS = _Content("E024", "ODS")
_PAGE = _Content("E026", "HTML")
_ARCHIVE = _Content("E028", "ZIP")
_MARKUP_WORKBOOK = _Content("E023", "XML Spreadsheet 2003")

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Streams of compound files ([MS-CFB] 2.6.1): a directory entry has 128 bytes and begins with the
#: stream's name.
_OLE_STREAMS = {
    "EncryptedPackage": _PROTECTED,
    "Workbook": _Content("E023", ".xls (Excel 97-2003)"),
    "Book": _Content("E023", ".xls (Excel 5.0/95)"),
    "WordDocument": _Content("E025", "Word (.doc)"),
    "PowerPoint Document": _Content("E025", "PowerPoint (.ppt)"),
}
_OLE_ENTRY_BYTES = 128
#: By the first bytes of the file.
_SIGNATURES = {
    b"PAR1": _PARQUET,
    b"%PDF-": _Content("E025", "PDF"),
    b"\x89PNG": _Content("E025", "PNG"),
    b"\xff\xd8\xff": _Content("E025", "JPEG"),
    b"{\\rtf": _Content("E025", "RTF"),
    b"Rar!": _Content("E028", "RAR"),
    b"7z\xbc\xaf": _Content("E028", "7-Zip"),
    b"\x1f\x8b": _Content("E028", "gzip"),
}
#: By a part of a zip archive, or the folder of its parts.
_PARTS = {
    "xl/workbook.bin": _Content("E023", ".xlsb"),
    "xl/": _XLSX,
    "word/": _Content("E025", "Word (.docx)"),
    "ppt/": _Content("E025", "PowerPoint (.pptx)"),
    "ofd.xml": _Content("E025", "OFD"),
}
#: No text holds these characters.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_PAGE_STARTS = ("<!doctype html", "<html", "<head", "<meta", "<table", "mime-version:")
_MARKUP_WORKBOOK_NAME = "urn:schemas-microsoft-com:office:spreadsheet"


def refuse_other_content(suffix: str, body: bytes) -> None:
    """Refuse a file whose content is recognised as another format than its extension's.

    Args:
        suffix: the extension in lower case, with its point.

    Raises:
        Unreadable: with the advice for the format that was recognised (E022 to E028).
    """
    if suffix in _JSON.suffixes and body[:1] in (b"{", b"["):
        return
    content = _binary_content(body) or _text_content(body, suffix)
    if content is _XLSX and suffix in _RELATIVES:
        raise Unreadable("E023", suffix, suffix=suffix)
    if content is not None and suffix not in content.suffixes:
        raise Unreadable(content.code, content.name, suffix=suffix)


def _binary_content(body: bytes) -> _Content | None:
    if body.startswith(_OLE):
        return next((c for name, c in _OLE_STREAMS.items() if _has_stream(body, name)), None)
    if body.startswith(b"PK\3\4"):
        return _archive_content(body)
    return next((c for start, c in _SIGNATURES.items() if body.startswith(start)), None)


def _has_stream(body: bytes, name: str) -> bool:
    """Whether the directory of a compound file names a stream."""
    entry = name.encode("utf-16-le") + b"\0\0"
    at = body.find(entry)
    while at >= 0 and at % _OLE_ENTRY_BYTES:
        at = body.find(entry, at + 1)
    return at >= 0


def _archive_content(body: bytes) -> _Content | None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = {name.replace("\\", "/").casefold() for name in archive.namelist()}
            kind = archive.open("mimetype").read(_HEAD) if "mimetype" in names else b""
            is_protected = any(entry.flag_bits & 1 for entry in archive.infolist())
    except (*BROKEN_ARCHIVE, KeyError):
        return None
    if b"opendocument.spreadsheet" in kind:
        return _ODS
    if b"opendocument" in kind:
        return _Content("E025", "OpenDocument")
    for start, content in _PARTS.items():
        if any(name.startswith(start) for name in names):
            return _PROTECTED if is_protected else content
    return _ARCHIVE


def _text_content(body: bytes, suffix: str) -> _Content | None:
    """What a text is; JSON and CSV only for a file that should not be a text."""
    head = _head_text(body)
    if head is None:
        return None
    start = head.lstrip().casefold()
    if _MARKUP_WORKBOOK_NAME in start:
        return _MARKUP_WORKBOOK
    if start.startswith(_PAGE_STARTS) or (start.startswith("<?xml") and "<html" in start):
        return _PAGE
    if suffix not in (".xlsx", ".parquet") or not start or start.startswith("<"):
        return None
    return _JSON if start[0] in "{[" else _CSV


def _head_text(body: bytes) -> str | None:
    """The beginning of a text; None for bytes that are no text."""
    head = body[:_HEAD]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", "gb18030"):
        # An incremental decoder passes over a character that is cut in two.
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            text = decoder.decode(head, final=len(body) <= _HEAD)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(text) else text
    return None
