"""Which pages have to be written: those whose data differ from what they were made from.

Belongs here: the comparison with ``publication.receipt_pages``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

__all__ = ["Page", "changed", "only", "record"]


@dataclass(frozen=True)
class Page:
    """A page that there should be.

    Attributes:
        digest: of the data behind it.
        subject: what it is about.
    """

    province_code: str
    digest: str
    subject: Any


def changed(con: duckdb.DuckDBPyConnection, year: int, pages: dict[str, Page]) -> dict[str, Page]:
    """Those that were never written, or from other data."""
    known = dict(
        con.execute(
            "select page, digest from lake.publication.receipt_pages where year = ?", [year]
        ).fetchall()
    )
    return {key: page for key, page in pages.items() if known.get(key) != page.digest}


@contextlib.contextmanager
def only(con: duckdb.DuckDBPyConnection, keys: Collection[str]) -> Iterator[None]:
    """``changed_keys`` (a table of one column ``key``) for the time of a query."""
    con.register("changed_keys", pa.table({"key": pa.array(sorted(keys), pa.string())}))
    try:
        yield
    finally:
        con.unregister("changed_keys")


def record(con: duckdb.DuckDBPyConnection, year: int, pages: dict[str, Page]) -> None:
    """Note that these pages are written (within the caller's transaction)."""
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
