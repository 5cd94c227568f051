"""Carries over the files of the former edition that would be made from the same content.

Belongs here: comparing digests of the content that a file is made from, and returning the former
file. Doesn't belong here: deciding whether the former edition was made by the same code with the
same libraries; the caller decides that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from orchestration.bulletin.edition import Edition

__all__ = ["CarryOver", "digest_of"]


def digest_of(content: Any) -> str:
    """Return the sha256 in hex of the content that a file is made from.

    The content consists of dataclasses, rows of the catalogue, lists, texts and numbers only. Equal
    content must have the same ``repr`` in every process, so sets and functions are not allowed: the
    digest is in the manifest, and making an edition again must give the same manifest.
    """
    return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()


class CarryOver:
    """Finds former files by the digest of their content, before they would be made.

    Attributes:
        contents: path → digest of the content, of every file that was looked up.
        carried: path → bytes, of the files that are carried over.
    """

    def __init__(self, former: Edition | None = None) -> None:
        """Create an instance.

        Args:
            former: an edition made by the same code, libraries and fonts; None carries over
                nothing.
        """
        self._former = former
        self._entries = {e["path"]: e for e in former.content["files"]} if former else {}
        self.contents: dict[str, str] = {}
        self.carried: dict[str, bytes] = {}
        self._bodies: dict[str, bytes | None] = {}

    def find(self, path: str, digest: str) -> bytes | None:
        """Return the former edition's file if it is undamaged and has this digest, or None."""
        self.contents[path] = digest
        entry = self._entries.get(path)
        if entry is None or entry.get("content") != digest:
            return None
        body = self._undamaged(path)
        if body is not None:
            self.carried[path] = body
        return body

    def digests_in(self, folder: str) -> dict[str, str]:
        """Return path → digest of the former edition's undamaged files in a folder."""
        return {
            path: entry["content"]
            for path, entry in self._entries.items()
            if path.startswith(folder) and "content" in entry and self._undamaged(path) is not None
        }

    def _undamaged(self, path: str) -> bytes | None:
        """Return a former file, or None if it is missing or differs from its sha256."""
        if path not in self._bodies:
            body = self._former.files.get(path) if self._former else None
            if (
                body is not None
                and hashlib.sha256(body).hexdigest() != self._entries[path]["sha256"]
            ):
                body = None
            self._bodies[path] = body
        return self._bodies[path]

    def find_or_make(self, path: str, digest: str, make: Callable[[], bytes]) -> bytes:
        """Return the former edition's file if it has this digest, otherwise ``make()``."""
        body = self.find(path, digest)
        return make() if body is None else body

    @property
    def sums(self) -> dict[str, str]:
        """Path → sha256 in hex, of the files that are carried over."""
        return {path: self._entries[path]["sha256"] for path in self.carried}

    @property
    def sources(self) -> dict[str, str]:
        """Path → key in the publication bucket, of the files that are carried over."""
        return {path: self._former.prefix + path for path in self.carried} if self._former else {}
