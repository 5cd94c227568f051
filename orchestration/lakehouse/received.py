"""The query for received documents of any type, with the columns that all types have.

The build gives dbt its result as the table ``control.documents``; traces and the readable receipts
run it on the lake. It also says when each document came: ``sent_at`` decides which of two
documents is the later one, and ``judged_at`` is compared with cut-offs (contract §1, "What
counts"; ``ReportingPeriod.arrival`` is the same in Python).

Belongs here: the union over the raw tables of ``core.document_types``, the arrival of each
document, and the query for returned ones. Doesn't belong here: which of the documents counts
(``int_documents`` in dbt).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import duckdb

from orchestration.core.document_types import DOCUMENT_TYPES, DocumentType
from orchestration.core.reporting_calendar import CLOCK_TOLERANCE, period_of, years
from orchestration.lakehouse.tables import has_table

__all__ = ["received_documents", "returned_documents"]


def received_documents(
    names: Iterable[str],
    *,
    lasting: bool = True,
    own: Iterable[str] = (),
    at: str = "",
) -> str:
    """Return a query (parameter ``$year``) for the documents of a year in ``lake.raw``.

    Args:
        names: document types.
        lasting: include earlier years for the types that stay effective.
        own: further columns with text, NULL for types that do not have them.
        at: clause that pins the tables at a snapshot.
    """
    further = tuple(own)
    union = " union all ".join(
        _of_type(DOCUMENT_TYPES[name], lasting, further, at) for name in names
    )
    wrong = f"submitted > received_at + {_interval(CLOCK_TOLERANCE)}"
    return f"""
        with sent as ({union}),
        timed as (
            select sent.*, timezone('UTC', cast(sent.submitted_at as timestamptz)) as submitted,
                object.last_modified as received_at,
                case when not coalesce(sent.synthetic, false) then {_transfer()} end as transfer
            from sent left join (
                select object_key, etag, last_modified from lake.raw.objects {at}
            ) as object using (object_key, etag)
        ),
        checked as (
            select *, transfer is not null and coalesce({wrong}, false) as has_wrong_clock
            from timed
        ),
        dated as (
            select *, case when has_wrong_clock then received_at else submitted end as sent_at
            from checked
        )
        select * exclude (submitted),
            case when transfer is null then sent_at
                else greatest(sent_at, coalesce(received_at - transfer, sent_at)) end as judged_at
        from dated
    """


def returned_documents(con: duckdb.DuckDBPyConnection) -> str:
    """Return a query (parameter ``$year``) for the documents that a return makes ineffective.

    Its columns are ``kind``, ``province_code`` and ``document_id``, the identity of a document.

    Args:
        con: a connection to the lake, maybe pinned at a snapshot of before there were returns.
    """
    columns = "document_type as kind, province_code, document_id"
    if not has_table(con, "quality.returned_documents"):
        return f"select {columns} from lake.raw.documents where false and year = $year"
    return (
        f"select {columns} from lake.quality.returned_documents "
        "where year = $year and state in ('pending', 'answered')"
    )


def _transfer() -> str:
    """The transfer time of a document's year as an SQL interval, or NULL."""
    known = {year: period_of(year).transfer for year in years()}
    cases = "".join(
        f" when {year} then {_interval(transfer)}"
        for year, transfer in known.items()
        if transfer is not None
    )
    nothing = "cast(null as interval)"
    return f"case sent.year{cases} else {nothing} end" if cases else nothing


def _interval(span: timedelta) -> str:
    return f"to_seconds({int(span.total_seconds())})"


def _of_type(described: DocumentType, lasting: bool, own: tuple[str, ...], at: str) -> str:
    subject = described.subject
    has = {column.name for column in described.columns}
    further = "".join(
        f", {name if name in has else f'cast(null as varchar) as {name}'}" for name in own
    )
    return (
        f"select '{described.name}' as document_type, document_id, year, province_code, "
        f"{subject.unit_sql} as unit_code, {subject.task_sql} as task_code, "
        f"{subject.sql} as subject, "
        f"{described.series or 'cast(null as varchar)'} as series, "
        "submitted_at, object_key, etag, sha256, synthetic, "
        f"{str(described.has_cutoff).lower()} as has_cutoff{further} "
        f"from lake.raw.{described.raw_table} {at} "
        f"where year {'<=' if lasting and described.lasts else '='} $year"
    )
