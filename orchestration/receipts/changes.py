"""Finds the pages whose data have changed since they were written.

Belongs here: comparing digests with ``publication.receipt_pages``, and recording written pages
there. Doesn't belong here: computing a page's digest (``objects``, ``units``, ``run``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

__all__ = ["Page", "changed_keys_table", "changed_pages", "record_pages"]


@dataclass(frozen=True)
class Page:
    """A page and the state of the data behind it.

    Attributes:
        digest: digest of the data that the page is made from.
        subject: what the page is about; its type depends on the kind of page.
    """

    province_code: str
    digest: str
    subject: Any


def changed_pages(
    con: duckdb.DuckDBPyConnection, year: int, pages: dict[str, Page]
) -> dict[str, Page]:
    """Return the pages that were never written, or were written from other data.

    Args:
        pages: key in the publication bucket → page.
    """
    known = dict(
        con.execute(
            "select page, digest from lake.publication.receipt_pages where year = ?", [year]
        ).fetchall()
    )
    return {key: page for key, page in pages.items() if known.get(key) != page.digest}


@contextlib.contextmanager
def changed_keys_table(con: duckdb.DuckDBPyConnection, keys: Collection[str]) -> Iterator[None]:
    """Register these keys as ``changed_keys``, a table with the column ``key``, for a ``with``."""
    con.register("changed_keys", pa.table({"key": pa.array(sorted(keys), pa.string())}))
    try:
        yield
    finally:
        con.unregister("changed_keys")


def record_pages(con: duckdb.DuckDBPyConnection, year: int, pages: dict[str, Page]) -> None:
    """Record that these pages are written; the caller opens and commits the transaction."""
    columns = {
        "year": pa.array([year] * len(pages), pa.int32()),
        "province_code": pa.array([page.province_code for page in pages.values()], pa.string()),
        "page": pa.array(list(pages), pa.string()),
        "digest": pa.array([page.digest for page in pages.values()], pa.string()),
    }
    con.register("written_pages", pa.table(columns))
    con.execute(
        "delete from lake.publication.receipt_pages where year = ? "
        "and page in (select page from written_pages)",
        [year],
    )
    con.execute("insert into lake.publication.receipt_pages select * from written_pages")
    con.unregister("written_pages")
