"""Lists the landing bucket and finds the objects that are new or changed.

Belongs here: the layout of landing keys (contract §1) and the comparison with the objects already
taken in (key and ETag). Doesn't belong here: the content of objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.storage import ObjectInfo, Store, is_usable_key

__all__ = ["ATTACHMENTS", "MINISTRY", "Place", "list_landing", "new_objects", "place_of"]

#: The prefix of the Ministry of Education itself.
MINISTRY = "000000"
_KEY = re.compile(r"([^/]+)/year=([0-9]{4})/province=([0-9]{6})/(.+)\Z", re.DOTALL)
_YEAR = re.compile(r"/year=([0-9]{4})/")
_PROVINCE = re.compile(r"/province=([0-9]{6})/")
#: The prefix of report files; documents name them, and they are not documents themselves.
ATTACHMENTS = "attachments/"


@dataclass(frozen=True)
class Place:
    """What a landing key says.

    Attributes:
        document_type: a key of ``DOCUMENT_TYPES``, or "" where the key breaks the layout.
        year: the key's year; the intake's year where the key has none.
        province_code: the key's province, or ``unknown``.
        name: the rest of the key, from which the receipt's name is made.
        follows_layout: whether the key follows the layout; otherwise the object is rejected.
    """

    document_type: str
    year: int
    province_code: str
    name: str
    follows_layout: bool


def place_of(key: str, default_year: int) -> Place:
    """Parse a landing key.

    Args:
        default_year: the year of a key that has none.
    """
    match = _KEY.match(key)
    if match:
        kind, year, province, name = match.groups()
        known = kind in DOCUMENT_TYPES and (
            province in load_catalogue().regions or province == MINISTRY
        )
        if known:
            return Place(kind, int(year), province, name, True)
    year_match, province_match = _YEAR.search(key), _PROVINCE.search(key)
    return Place(
        document_type="",
        year=int(year_match.group(1)) if year_match else default_year,
        province_code=province_match.group(1) if province_match else "unknown",
        name=key,
        follows_layout=False,
    )


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
                match = _YEAR.search("/" + year_prefix[len(prefix) :])
                if match is None or int(match.group(1)) <= year:
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
