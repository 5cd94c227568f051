"""Report files: inspects each attachment that a document names, once per version.

Belongs here: which named attachments are new or changed, their sha256 and size, and whether their
content matches their extension. Files are read as streams, so a large file costs no memory. Only
these facts are stored, not the files. Doesn't belong here: the findings that follow for the
documents (dbt, ``int_report_findings``), because a report may land before or after its document.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import duckdb
import pyarrow as pa

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.settings import Settings
from orchestration.intake.places import ATTACHMENTS
from orchestration.lakehouse import RAW_TABLES
from orchestration.storage import Inspected, ObjectInfo, Store, Transfers, is_usable_key

__all__ = ["matches_extension", "pending_attachments", "take_in_attachments"]

#: Attachments inspected per transaction: a killed run repeats at most this many.
_BATCH = 4_000
#: A PDF may have a few bytes before its header (ISO 32000-1, Annex H, note 13).
_PDF_HEAD = 1_024

_REPORTS = " union all ".join(
    f"select report_object_key, year from lake.raw.{each.raw_table}"
    for each in DOCUMENT_TYPES.values()
    if each.has_report
)
_NAMED_REPORTS = (
    f"select distinct report_object_key from ({_REPORTS}) "
    "where report_object_key is not null and year <= ?"
)


def matches_extension(key: str, head: bytes) -> bool:
    """Whether a file's first bytes match its extension (seed ``attachment_types.csv``).

    Args:
        key: the object's key, which ends in the extension.
        head: the file's first bytes.
    """
    extension = PurePosixPath(key).suffix.lower().lstrip(".")
    magic = load_catalogue().attachment_types.get(extension)
    if magic is None:
        return False
    return magic in head[:_PDF_HEAD] if extension == "pdf" else head.startswith(magic)


def pending_attachments(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> tuple[list[str], list[ObjectInfo]]:
    """The attachments that documents name and that differ from those recorded in the lake.

    Returns:
        the keys of attachments that are gone; the new or changed attachments, ordered by key.

    Raises:
        Unreachable: the store fails.
    """
    named = {row[0] for row in con.execute(_NAMED_REPORTS, [year]).fetchall()}
    known = dict(con.execute("select object_key, etag from lake.raw.attachments").fetchall())
    if not named and not known:
        return [], []
    listed = {
        info.key: info
        for prefix in store.prefixes(settings.landing_bucket, ATTACHMENTS)
        for info in store.list(settings.landing_bucket, prefix)
        if info.key in named and is_usable_key(info.key)
    }
    gone = sorted(key for key in known if key in named and key not in listed)
    return gone, [info for key, info in sorted(listed.items()) if known.get(key) != info.etag]


def take_in_attachments(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    transfers: Transfers,
    settings: Settings,
    *,
    year: int,
    run_id: str,
    commit: Callable[[], None],
    progress: Callable[[str], None],
) -> int:
    """Inspect the new or changed attachments that documents name.

    Args:
        con: the writing connection to the lake.
        commit: commits the open transaction with the run's commit message.

    Returns:
        the number of attachments inspected.

    Raises:
        Unreachable: the store fails.
    """
    gone, new = pending_attachments(con, store, settings, year)
    if gone:
        _replace_rows(con, gone, [], run_id, commit)
    for start in range(0, len(new), _BATCH):
        part = new[start : start + _BATCH]
        small = [info for info in part if info.size <= settings.max_attachment_bytes]
        inspected = transfers.inspect_many(settings.landing_bucket, small).result()
        large = [
            Inspected(info, None, b"") for info in part if info.size > settings.max_attachment_bytes
        ]
        _replace_rows(con, [info.key for info in part], [*inspected, *large], run_id, commit)
        progress(f"intake: {start + len(part)} of {len(new)} new report files inspected")
    return len(new)


def _replace_rows(
    con: duckdb.DuckDBPyConnection,
    keys: list[str],
    inspected: list[Inspected],
    run_id: str,
    commit: Callable[[], None],
) -> None:
    """Replace the rows of ``keys`` by rows of the inspected files."""
    schema = RAW_TABLES["attachments"].arrow
    rows = [_attachment_row(item, run_id) for item in inspected]
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    table = pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
    con.register("inspected", table)
    con.register("replaced", pa.table({"object_key": pa.array(keys, pa.string())}))
    con.execute("begin")
    con.execute(
        "delete from lake.raw.attachments where object_key in (select object_key from replaced)"
    )
    con.execute("insert into lake.raw.attachments by name select * from inspected")
    commit()
    con.unregister("inspected")
    con.unregister("replaced")


def _attachment_row(item: Inspected, run_id: str) -> tuple[object, ...]:
    """The row of ``raw.attachments`` of an inspected file."""
    info: ObjectInfo = item.info
    parts = info.key.split("/")
    year = parts[1].removeprefix("year=") if len(parts) > 1 else ""
    return (
        info.key,
        info.etag,
        item.sha256,
        run_id,
        int(year) if len(year) == 4 and year.isdecimal() else 0,
        parts[2].removeprefix("province=")[:6] if len(parts) > 2 else "",
        info.size,
        item.sha256 is None,
        item.sha256 is not None and matches_extension(info.key, item.head),
    )
