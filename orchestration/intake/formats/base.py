"""Types that all readers share: raw documents, their locations, reading errors and limits.

Belongs here: types that are independent of a format. Doesn't belong here: the readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from orchestration.core.settings import (
    DEFAULT_MAX_COLUMNS,
    DEFAULT_MAX_DOCUMENTS,
    DEFAULT_MAX_FINDINGS,
    DEFAULT_MAX_HELD_BYTES,
    DEFAULT_MAX_OBJECT_SECONDS,
    DEFAULT_MAX_SHEETS,
)

__all__ = [
    "Cells",
    "JsonPointer",
    "Limits",
    "Locator",
    "MergedRow",
    "NoHeader",
    "RawDocument",
    "Remark",
    "Row",
    "Unreadable",
    "damaged",
]

#: A row's number (from 1) and its cells.
Row = tuple[int, Sequence[Any]]


@dataclass(frozen=True)
class Limits:
    """Bounds on the unpacked content of an object; ``Settings`` gives the reasons.

    Attributes:
        expanded_bytes: the largest unpacked size of a compressed file (XLSX, Parquet).
        rows: the largest number of rows of an object, over all its sheets.
        sheets: the largest number of sheets of a workbook.
        columns: the largest number of columns with values in a sheet.
        held_bytes: the largest unpacked size of a part of a workbook that is kept in memory
            (shared strings, styles, the list of sheets).
        documents: the largest number of documents.
        findings: findings listed; the others are counted.
        seconds: CPU seconds of a process that a reader starts.
    """

    expanded_bytes: int
    rows: int
    sheets: int = DEFAULT_MAX_SHEETS
    columns: int = DEFAULT_MAX_COLUMNS
    held_bytes: int = DEFAULT_MAX_HELD_BYTES
    documents: int = DEFAULT_MAX_DOCUMENTS
    findings: int = DEFAULT_MAX_FINDINGS
    seconds: int = DEFAULT_MAX_OBJECT_SECONDS


class MergedRow(list[Any]):
    """The cells of a row that merged cells of several rows cross.

    Only the first row of a merged cell stores its value; in the other rows the cell is blank.

    Attributes:
        merged: what each merged cell holds, by its position in the row (from 0).
    """

    __slots__ = ("merged",)

    def __init__(self, cells: Sequence[Any], merged: Mapping[int, Any]) -> None:
        super().__init__(cells)
        self.merged = merged


class Unreadable(ValueError):
    """Raised for an object or a document that can't be read.

    Args:
        code: the receipt's error code.
        value: the text at the place of the error, or the field's name.
        document_id, unit_code: of the document, where they can be read.
        where: the place of the error, if it isn't the beginning of the document.
        fields: further placeholders of the message.
    """

    def __init__(
        self,
        code: str,
        value: str,
        *,
        document_id: str | None = None,
        unit_code: str | None = None,
        where: str | None = None,
        **fields: str,
    ) -> None:
        super().__init__(value)
        self.code = code
        self.value = value
        self.document_id = document_id
        self.unit_code = unit_code
        self.where = where
        self.fields = fields


def damaged(file_format: str, part: str = "", *, is_empty: bool = False) -> Unreadable:
    """The error of a file that can't be opened, or a part of which can't be read.

    Args:
        file_format: as people call it, e.g. ``XLSX``.
        part: the sheet's or the part's name.
        is_empty: the file has no bytes.
    """
    if is_empty:
        return Unreadable("E012", "文件是空的", value_en="no bytes", format=file_format)
    place = f"（{part}）" if part else ""
    return Unreadable(
        "E012",
        f"文件损坏、加密或不完整{place}",
        value_en=f"damaged, encrypted or incomplete{f' ({part})' if part else ''}",
        format=file_format,
    )


class NoHeader(Unreadable):
    """Raised for a table without a known header.

    Args:
        value: how the table begins.
        expected, expected_en: the columns that are missing, by label and by name.
        holds_codes: whether unit or indicator codes are in its first rows, so that it seems to hold
            values.
    """

    def __init__(self, value: str, expected: str, expected_en: str, holds_codes: bool) -> None:
        super().__init__("E009", value, expected=expected, expected_en=expected_en)
        self.holds_codes = holds_codes


class Locator(Protocol):
    """The location of a document and its parts in their object."""

    def at(self, *path: str | int) -> str:
        """The location of a part, e.g. ``at("values", "C_04")``; without a path, the document's."""


class JsonPointer(NamedTuple):
    """A location in a JSON object (RFC 6901); ``prefix`` is the document's own pointer."""

    prefix: str

    def at(self, *path: str | int) -> str:
        """The pointer of a part."""
        if not path:
            return self.prefix
        return self.prefix + "".join(
            "/" + str(part).replace("~", "~0").replace("/", "~1") for part in path
        )


@dataclass(slots=True)
class Cells:
    """A location in a table.

    Attributes:
        sheet: the sheet's name; "" for a file without sheets.
        row: the row (from 1) in which the document begins.
        columns: spreadsheet letters (without sheets: the header) by the contract's column name.
        value_column: the column of the long form's values, or "".
        keys: indicator codes (plans: ``year/code``) in the order of their rows.
        rows: the row of each key.
        places: the index of each key, made when it is first needed.
    """

    sheet: str
    row: int
    columns: Mapping[str, str]
    value_column: str = ""
    keys: Sequence[str] = ()
    rows: Sequence[int] = ()
    places: Mapping[str, int] | None = None

    def at(self, *path: str | int) -> str:
        """``填报!F12``, or ``row 12, column value``; the row alone for the whole document."""
        row, column = self.row, ""
        if path and path[0] in ("values", "targets"):
            column = self.value_column
            if self.places is None:
                # The first of several rows of one key.
                last = len(self.keys) - 1
                self.places = {key: last - at for at, key in enumerate(reversed(self.keys))}
            place = self.places.get("/".join(str(part) for part in path[1:]))
            if place is None:
                column = ""
            else:
                row = self.rows[place]
        elif path:
            names = [str(part) for part in path if not isinstance(part, int)]
            column = next(
                (
                    name
                    for name in ("_".join(names[:length]) for length in range(len(names), 0, -1))
                    if name in self.columns
                ),
                "",
            )
        return self._cell(self.columns.get(column, ""), row)

    def of_keys(self) -> dict[str, str]:
        """The location of each key's value, as ``at`` gives it, for all keys at once."""
        place = self.columns.get(self.value_column, "")
        return {key: self._cell(place, row) for key, row in zip(self.keys, self.rows, strict=True)}

    def _cell(self, place: str, row: int) -> str:
        if self.sheet:
            return f"{self.sheet}!{place}{row}"
        return f"row {row}, column {place}" if place else f"row {row}"


class Remark(NamedTuple):
    """A finding of a reader about a part of the object.

    Attributes:
        code: a row of ``error_codes.csv``.
        where: the sheet, row, column or cell.
        value: what was found there.
        fields: further placeholders of the message.
        severity: replaces the code's own severity.
    """

    code: str
    where: str
    value: str
    fields: Mapping[str, str] = MappingProxyType({})
    severity: str | None = None


class RawDocument(NamedTuple):
    """A document before its contract is checked.

    Attributes:
        where: its location in the object.
        content: a mapping as parsed from JSON, or the :class:`Unreadable` that replaces it.
        remarks: the reader's findings about parts of the document.
        is_form: whether it comes from one of the project's own reporting forms, which have no
            document ids.
        unit_name: the unit's name beside its code, where the format has no field for it, or None.
    """

    where: Locator
    content: Any
    remarks: Sequence[Remark] = ()
    is_form: bool = False
    unit_name: str | None = None
