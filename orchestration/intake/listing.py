"""Lists the landing bucket and finds the objects that are new or changed.

Belongs here: the listing, and its comparison with the objects already taken in (key and ETag).
Doesn't belong here: what a key says (``places``), the content of objects.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.intake.places import ATTACHMENTS, year_of_prefix
from orchestration.storage import ObjectInfo, Store, is_usable_key

__all__ = ["list_landing", "new_objects"]


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

    They are ordered by document type (registrations first), then by key.
    """
    infos = list(infos)
    listing = pa.table(
        {
            "position": pa.array(range(len(infos)), pa.int32()),
            "object_key": pa.array([info.key for info in infos], pa.string()),
            "etag": pa.array([info.etag for info in infos], pa.string()),
        }
    )
    con.register("listing", listing)
    rows = con.execute(
        "select position from listing anti join lake.raw.objects using (object_key, etag)"
    ).fetchall()
    con.unregister("listing")
    rank = {name: index for index, name in enumerate(DOCUMENT_TYPES)}
    new = [infos[row[0]] for row in rows]
    new.sort(key=lambda info: (rank.get(info.key.partition("/")[0], len(rank)), info.key))
    return new
