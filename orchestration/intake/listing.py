"""Lists the landing bucket and finds the objects that are new or changed, and those that are gone.

Belongs here: the listing, and its comparison with the objects already taken in (key and ETag).
Doesn't belong here: what a key says (``places``), the content of objects.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import duckdb
import pyarrow as pa

from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.intake.places import ATTACHMENTS, year_of_prefix
from orchestration.storage import ObjectInfo, Store, is_usable_key

__all__ = ["gone_objects", "list_landing", "new_objects", "record_gone_objects"]

#: Key and ETag.
_Version = tuple[str, str]


def list_landing(
    store: Store, bucket: str, year: int, passed_over: list[str] | None = None
) -> list[ObjectInfo]:
    """List all objects of years up to ``year``, without attachments.

    Registrations, plans and reviews stay effective beyond their year, so earlier years are listed.

    Args:
        passed_over: receives the keys of objects that can't be requested and can't have a receipt
            named after them (empty or dot segments, control characters).
    """
    found: list[ObjectInfo] = []
    for prefix in store.prefixes(bucket, ""):
        if prefix == ATTACHMENTS:
            continue
        if prefix.rstrip("/") in DOCUMENT_TYPES:
            for year_prefix in store.prefixes(bucket, prefix):
                if (year_of_prefix(year_prefix[len(prefix) :]) or 0) <= year:
                    found += store.list(bucket, year_prefix)
            found += store.list_here(bucket, prefix)
        else:
            found += store.list(bucket, prefix)
    found += store.list_here(bucket, "")
    usable = [info for info in found if is_usable_key(info.key)]
    if passed_over is not None and len(usable) < len(found):
        passed_over += [info.key for info in found if not is_usable_key(info.key)]
    return usable


def new_objects(con: duckdb.DuckDBPyConnection, infos: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    """The objects whose key and ETag are not in ``lake.raw.objects``.

    They are ordered by document type (registrations first), then by the time when the store
    received them, so that of two documents with one id the one that came first counts (contract
    §1, "What counts").
    """
    infos = list(infos)
    with _listed(con, infos):
        rows = con.execute(
            "select position from listing anti join lake.raw.objects using (object_key, etag)"
        ).fetchall()
    rank = {name: index for index, name in enumerate(DOCUMENT_TYPES)}
    new = [infos[row[0]] for row in rows]
    new.sort(
        key=lambda info: (
            rank.get(info.key.partition("/")[0], len(rank)),
            info.last_modified,
            info.key,
        )
    )
    return new


def gone_objects(
    con: duckdb.DuckDBPyConnection, infos: Iterable[ObjectInfo], year: int
) -> tuple[list[_Version], list[_Version]]:
    """How the objects of years up to ``year`` that no longer stand at their key have changed.

    Returns:
        key and ETag of those that were deleted or overwritten since the last intake, and of those
        that stand again.
    """
    with _listed(con, infos):
        gone = con.execute(
            "select object_key, etag from lake.raw.objects anti join listing "
            "using (object_key, etag) anti join lake.raw.gone_objects using (object_key, etag) "
            "where year <= ?",
            [year],
        ).fetchall()
        back = con.execute(
            "select object_key, etag from lake.raw.gone_objects "
            "semi join listing using (object_key, etag) where year <= ?",
            [year],
        ).fetchall()
    return gone, back


def record_gone_objects(
    con: duckdb.DuckDBPyConnection,
    infos: Iterable[ObjectInfo],
    year: int,
    *,
    run_id: str,
    commit: Callable[[], None],
) -> int:
    """Record what :func:`gone_objects` returns; return the number of changes.

    Args:
        con: the writing connection to the lake.
        commit: commits the open transaction with the run's commit message.
    """
    gone, back = gone_objects(con, infos, year)
    if not gone and not back:
        return 0
    con.execute("begin")
    with _registered(con, "changed", gone):
        con.execute(
            "insert into lake.raw.gone_objects by name select object_key, etag, sha256, "
            "? as run_id, year, province_code from lake.raw.objects "
            "semi join changed using (object_key, etag)",
            [run_id],
        )
    with _registered(con, "changed", back):
        con.execute(
            "delete from lake.raw.gone_objects "
            "where (object_key, etag) in (select (object_key, etag) from changed)"
        )
    commit()
    return len(gone) + len(back)


@contextlib.contextmanager
def _listed(con: duckdb.DuckDBPyConnection, infos: Iterable[ObjectInfo]) -> Iterator[None]:
    """Show the objects to SQL as the table ``listing``, with their positions."""
    with _registered(con, "listing", [(info.key, info.etag) for info in infos]):
        yield


@contextlib.contextmanager
def _registered(
    con: duckdb.DuckDBPyConnection, name: str, versions: Sequence[_Version]
) -> Iterator[None]:
    table = pa.table(
        {
            "position": pa.array(range(len(versions)), pa.int32()),
            "object_key": pa.array([key for key, _ in versions], pa.string()),
            "etag": pa.array([etag for _, etag in versions], pa.string()),
        }
    )
    con.register(name, table)
    try:
        yield
    finally:
        con.unregister(name)
