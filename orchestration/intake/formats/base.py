"""What all readers share: a document as a plain mapping, where it stands, why it can't be read.

Belongs here: the vocabulary of the readers. Doesn't belong here: any one format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

__all__ = ["Cells", "JsonPointer", "Limits", "Locator", "RawDocument", "Remark", "Unreadable"]


@dataclass(frozen=True)
class Limits:
    """How much an object may hold once it is opened; settings, with defaults in ``Settings``.

    Attributes:
        expanded_bytes: of a compressed container (XLSX, Parquet) when unpacked.
        rows: of a table.
    """

    expanded_bytes: int
    rows: int


class Unreadable(ValueError):
    """An object or a document that can't be read as the contract wants it.

    Args:
        code: the receipt's error code.
        value: the text at the place of the mistake, or the field's name.
        document_id, unit_code: of the document, where that much can be read.
        fields: what else the message names.
    """

    def __init__(
        self,
        code: str,
        value: str,
        *,
        document_id: str | None = None,
        unit_code: str | None = None,
        **fields: str,
    ) -> None:
        super().__init__(value)
        self.code = code
        self.value = value
        self.document_id = document_id
        self.unit_code = unit_code
        self.fields = fields


class Locator(Protocol):
    """Says where in its object a document and its parts stand."""

    def at(self, *path: str | int) -> str:
        """The place of a part, e.g. ``at("values", "C_04")``; of the document without a path."""


class JsonPointer(NamedTuple):
    """A place in a JSON object (RFC 6901); ``prefix`` is the document's own pointer."""

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
    """A place in a table.

    Attributes:
        sheet: the sheet's name; "" in a table that has no sheets.
        row: the row (from 1) in which the document begins.
        columns: contract column → spreadsheet letters, or the column's header without sheets.
        value_column: the column of the long form's values, or "".
        keys: indicator codes (plans: ``year/code``) in the order of their rows.
        rows: the row of each of them.
    """

    sheet: str
    row: int
    columns: Mapping[str, str]
    value_column: str = ""
    keys: Sequence[str] = ()
    rows: Sequence[int] = ()

    def at(self, *path: str | int) -> str:
        """``填报!F12``, or ``row 12, column value``; the whole row where no cell is meant."""
        row, column = self.row, ""
        if path and path[0] in ("values", "targets"):
            column = self.value_column
            key = "/".join(str(part) for part in path[1:])
            if key in self.keys:
                row = self.rows[self.keys.index(key)]
            else:
                column = ""
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
        """Key → the place of its value, as ``at`` says it, for all of them at once."""
        place = self.columns.get(self.value_column, "")
        return {key: self._cell(place, row) for key, row in zip(self.keys, self.rows, strict=True)}

    def _cell(self, place: str, row: int) -> str:
        if self.sheet:
            return f"{self.sheet}!{place}{row}"
        return f"row {row}, column {place}" if place else f"row {row}"


class RawDocument(NamedTuple):
    """A document before its contract is checked.

    Attributes:
        where: its place in the object.
        content: a mapping as JSON would give it, or :class:`Unreadable` in its place.
    """

    where: Locator
    content: Any


class Remark(NamedTuple):
    """A warning about the object itself: something in it was not read.

    Attributes:
        code: a row of ``error_codes.csv``.
        where: the sheet, row or column.
        value: what was not read.
    """

    code: str
    where: str
    value: str
