"""What is in the landing bucket, and what of it is new.

Belongs here: the layout of landing keys (contract §1) and the comparison with the manifest of
what was taken in (key + ETag). Doesn't belong here: bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.contracts import DOCUMENT_TYPES
from orchestration.storage import ObjectInfo, Store, can_be_asked_for

__all__ = ["ATTACHMENTS", "MINISTRY", "Place", "list_landing", "place_of", "unseen"]

#: The prefix of the Ministry of Education itself.
MINISTRY = "000000"
_KEY = re.compile(r"([^/]+)/year=([0-9]{4})/province=([0-9]{6})/(.+)\Z", re.DOTALL)
_YEAR = re.compile(r"/year=([0-9]{4})/")
_PROVINCE = re.compile(r"/province=([0-9]{6})/")
#: Where report files are: named by documents, never documents themselves.
ATTACHMENTS = "attachments/"


@dataclass(frozen=True)
class Place:
    """What a landing key says.

    Attributes:
        document_type: one of the six, or "" where the key doesn't follow the layout.
        year: the key's year; the intake's where it has none.
        province_code: the key's province, or ``unknown``.
        name: the key's rest: what the receipt is named after.
        follows_layout: False makes the object rejected.
    """

    document_type: str
    year: int
    province_code: str
    name: str
    follows_layout: bool


def place_of(key: str, default_year: int) -> Place:
    """Read a landing key."""
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
    """All objects of years up to ``year``, but for attachments.

    Registrations, plans and reviews last beyond their year, so earlier years are listed too.

    Args:
        passed_over: filled with the keys of objects that can't be asked for by their key, nor
            have a receipt named after it (empty or dot segments, control characters).
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
    usable = [info for info in found if can_be_asked_for(info.key)]
    if passed_over is not None and len(usable) < len(found):
        passed_over += [info.key for info in found if not can_be_asked_for(info.key)]
    return usable


def unseen(con: duckdb.DuckDBPyConnection, infos: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    """Those whose key and ETag are not in ``lake.raw.objects``, in a fixed order.

    Order: document type (registrations first), then key.
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
