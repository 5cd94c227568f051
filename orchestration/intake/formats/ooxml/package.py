"""Opens a package: a zip archive of parts that relationships connect (ECMA-376 part 2).

Belongs here: the sizes in the archive's directory, part names in any case and with either slash,
relationships. Doesn't belong here: what the parts hold.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from orchestration.intake.formats.base import Limits, Unreadable, damaged
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part

__all__ = ["BROKEN_ARCHIVE", "Package", "Relationship"]

#: What zipfile raises for a damaged archive; RuntimeError for an encrypted part.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
_CHUNK = 256 * 1024
#: Most parts for each sheet that a workbook may have: a sheet with comments and a picture has six.
_PARTS_PER_SHEET = 10


class Relationship(NamedTuple):
    """A reference from one part to another.

    Attributes:
        kind: the last segment of its type, e.g. ``worksheet``; transitional and strict types have
            the same one.
        target: the other part's name.
    """

    kind: str
    target: str


class Package:
    """The parts of an archive by name.

    Args:
        body: the archive's bytes.
        limits: bounds on its unpacked size and number of parts.

    Raises:
        Unreadable: not a zip archive or too many parts (E012), too large when unpacked (E011).
    """

    def __init__(self, body: bytes, limits: Limits) -> None:
        self.limits = limits
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(body))
        except BROKEN_ARCHIVE:
            raise damaged("XLSX", is_empty=not body) from None
        entries = self._archive.infolist()
        total = sum(entry.file_size for entry in entries)
        if len(entries) > limits.sheets * _PARTS_PER_SHEET:
            english = f"a package of {len(entries)} parts"
            problem = f"文件由{len(entries)}个部件组成，过多"
            raise Unreadable("E012", problem, value_en=english, format="XLSX")
        if total > limits.expanded_bytes:
            raise Unreadable("E011", str(total), limit=str(limits.expanded_bytes))
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._ambiguous: set[str] = set()
        for entry in entries:
            name = _folded(entry.filename)
            if name in self._entries:
                self._ambiguous.add(name)
            self._entries[name] = entry

    def __contains__(self, name: str) -> bool:
        return _folded(name) in self._entries

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a part's bytes; zipfile never unpacks more than the directory says.

        Raises:
            Unreadable: no such part, two of this name, or a damaged one (E012).
        """
        folded = _folded(name)
        if folded not in self._entries or folded in self._ambiguous:
            raise damaged("XLSX", name)
        try:
            with self._archive.open(self._entries[folded]) as part:
                while chunk := part.read(_CHUNK):
                    yield chunk
        except BROKEN_ARCHIVE:
            raise damaged("XLSX", name) from None

    def held(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a part whose content is kept in memory, which has its own limit.

        Raises:
            Unreadable: as :meth:`chunks`, or the part is too large (E011).
        """
        entry = self._entries.get(_folded(name))
        if entry is not None and entry.file_size > self.limits.held_bytes:
            raise Unreadable("E011", str(entry.file_size), limit=str(self.limits.held_bytes))
        return self.chunks(name)

    def relationships(self, name: str) -> dict[str, Relationship]:
        """The relationships of a part (of the package: "") by id; empty if it has none.

        Raises:
            Unreadable: their part is damaged or not well-formed (E012).
        """
        folder, base = posixpath.split(name)
        part = posixpath.join(folder, "_rels", base + ".rels")
        found: dict[str, Relationship] = {}

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                kind = attributes.get("Type", "").rpartition("/")[2]
                target = unquote(attributes.get("Target", "")).replace("\\", "/")
                found[attributes.get("Id", "")] = Relationship(
                    kind, posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
                )

        if part in self:
            try:
                parse_part(self.held(part), start)
            except MarkupError:
                raise damaged("XLSX", part) from None
        return found


def _folded(name: str) -> str:
    """A part's name for comparison: names differ neither by case nor by kind of slash."""
    return name.replace("\\", "/").lstrip("/").casefold()
