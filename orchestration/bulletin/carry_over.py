"""What an edition takes over from the one before: files that were made from the same.

Belongs here: comparing digests of what a file is made from, and answering with the former file.
Doesn't belong here: whether the former edition was made by this code with these libraries (who
asks for it knows).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from orchestration.bulletin.edition import Edition

__all__ = ["CarryOver", "digest_of"]


def digest_of(said: Any) -> str:
    """Of what a file says: dataclasses, lists, texts and numbers all the way down.

    What says the same has the same ``repr`` in every process: nothing in it may be a set or a
    function. The manifest names the digest, and making an edition again gives the same manifest.
    """
    return hashlib.sha256(repr(said).encode("utf-8", "surrogatepass")).hexdigest()


class CarryOver:
    """Asked for each file whose digest is known before it is made.

    Attributes:
        contents: path → digest, of every file that was asked for.
        taken: the files that the former edition had.
    """

    def __init__(self, former: Edition | None = None) -> None:
        """Args: former: an edition that the same code made with the same libraries and fonts."""
        self._former = former
        self._said = {e["path"]: e for e in former.content["files"]} if former else {}
        self.contents: dict[str, str] = {}
        self.taken: dict[str, bytes] = {}
        self._found: dict[str, bytes | None] = {}

    def take(self, path: str, digest: str) -> bytes | None:
        """The former edition's file, where it was made from the same and is what it was."""
        self.contents[path] = digest
        entry = self._said.get(path)
        if entry is None or entry.get("content") != digest:
            return None
        body = self._intact(path)
        if body is not None:
            self.taken[path] = body
        return body

    def standing(self, folder: str) -> dict[str, str]:
        """Path → digest of the former edition's files in a folder that could be taken."""
        return {
            path: entry["content"]
            for path, entry in self._said.items()
            if path.startswith(folder) and "content" in entry and self._intact(path) is not None
        }

    def _intact(self, path: str) -> bytes | None:
        """The former file, but none that somebody damaged: what ``verify`` says of it."""
        if path not in self._found:
            body = self._former.files.get(path) if self._former else None
            if body is not None and hashlib.sha256(body).hexdigest() != self._said[path]["sha256"]:
                body = None
            self._found[path] = body
        return self._found[path]

    def file(self, path: str, digest: str, make: Callable[[], bytes]) -> bytes:
        """The former edition's file, or a new one."""
        body = self.take(path, digest)
        return make() if body is None else body

    @property
    def sums(self) -> dict[str, str]:
        """Path → sha256 in hex, of the files taken over."""
        return {path: self._said[path]["sha256"] for path in self.taken}

    @property
    def sources(self) -> dict[str, str]:
        """Path → key in the publication bucket, of the files taken over."""
        return {path: self._former.prefix + path for path in self.taken} if self._former else {}
