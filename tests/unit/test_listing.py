"""Which listed objects are new, and in which order they are taken in."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from orchestration.intake.listing import new_objects
from orchestration.storage import ObjectInfo

PLACE = "year=2024/province=110000"


def _info(key: str, minute: int) -> ObjectInfo:
    return ObjectInfo(key, "etag", 1, datetime(2024, 11, 1, 9, minute, tzinfo=UTC))


def test_new_objects_are_taken_in_as_they_came_registrations_first() -> None:
    first, again = _info(f"performance/{PLACE}/b.json", 1), _info(f"performance/{PLACE}/a.json", 2)
    same_minute = _info(f"performance/{PLACE}/c.json", 1)
    registration = _info(f"registration/{PLACE}/a.json", 3)
    known = _info(f"performance/{PLACE}/d.json", 0)
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as lake; create schema lake.raw")
        con.execute("create table lake.raw.objects (object_key varchar, etag varchar)")
        con.execute("insert into lake.raw.objects values (?, ?)", [known.key, known.etag])
        new = new_objects(con, [again, same_minute, known, first, registration])
    assert new == [registration, first, same_minute, again]
