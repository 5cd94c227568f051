"""Reads the units, values, documents and findings behind a figure from the lake.

Belongs here: the SQL of traces, for one figure and, with a scope of a whole year, for the trace
pages. The caller's reader is pinned at a snapshot. Doesn't belong here: arithmetic
(``figures.recompute``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.figures.recompute import UnitValue
from orchestration.lakehouse import quoted
from orchestration.lakehouse.received import received_documents, returned_documents
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.trace.model import Document, Remark

__all__ = [
    "Scope",
    "counting_documents",
    "cutoff_of",
    "documents",
    "received",
    "received_by_kind",
    "remarks",
    "unit_levels",
    "unit_years",
    "values",
]


@dataclass(frozen=True)
class Scope:
    """Selects expected units of a year.

    Attributes:
        province_code: only this province; None selects all.
        task_code: only this task; None selects all.
        tasks: only these tasks; read by ``documents`` and ``counting_documents`` alone.
    """

    year: int
    province_code: str | None = None
    task_code: str | None = None
    tasks: frozenset[str] | None = None

    def where(self, alias: str) -> str:
        """Return the SQL condition on a relation that has the marts' columns."""
        terms = [f"{alias}.year = $year"]
        if self.province_code:
            terms.append(f"{alias}.province_code = $province")
        if self.task_code:
            terms.append(f"{alias}.task_code = $task")
        return " and ".join(terms)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the condition."""
        found: dict[str, Any] = {"year": self.year}
        if self.province_code:
            found["province"] = self.province_code
        if self.task_code:
            found["task"] = self.task_code
        return found


def cutoff_of(
    con: duckdb.DuckDBPyConnection, year: int, column: str = "cutoff_at"
) -> datetime | None:
    """Return a point in time of the year's calendar as the marts have it (UTC, without zone).

    Args:
        column: ``cutoff_at`` or ``counts_until``.
    """
    found = con.execute(
        f"select {column} from lake.marts.dim_reporting_year where year = ?", [year]
    ).fetchone()
    return found[0] if found else None


def values(
    con: duckdb.DuckDBPyConnection,
    scope: Scope,
    codes: Collection[str],
    pairs: Collection[tuple[str, str]] = (),
) -> list[UnitValue]:
    """Return units' values, ordered by task, indicator, province and unit.

    Args:
        codes: indicators that are read for every task.
        pairs: further (task code, indicator code) pairs.
    """
    parameters = scope.parameters | {
        "codes": sorted(codes),
        "pairs": sorted(f"{task}/{code}" for task, code in pairs),
    }
    rows = con.execute(
        f"""
        with wanted as (
            select unnest($codes::varchar[]) as indicator_code
            union select split_part(unnest($pairs::varchar[]), '/', 2)
        ),
        behind as (
            select unnest([indicator_code, numerator, denominator]) as indicator_code
            from lake.marts.dim_indicator semi join wanted using (indicator_code)
        ),
        fact as (
            select unit_code, province_code, task_code, indicator_code, value, target,
                exclusion_code, document_id, submitted_value
            from lake.marts.fct_unit_indicator as f
            where {scope.where("f")} and indicator_code in (from behind)
        )
        select f.unit_code, u.unit_name, f.province_code, f.task_code, f.indicator_code, f.value,
            f.target, f.exclusion_code, f.document_id, f.submitted_value,
            n.value, d.value, n.exclusion_code, d.exclusion_code
        from fact as f
        join lake.marts.dim_unit as u on u.year = $year and u.unit_code = f.unit_code
        join lake.marts.dim_indicator as i on i.indicator_code = f.indicator_code
        left join fact as n on n.unit_code = f.unit_code and n.indicator_code = i.numerator
        left join fact as d on d.unit_code = f.unit_code and d.indicator_code = i.denominator
        where f.indicator_code in (select unnest($codes::varchar[]))
            or f.task_code || '/' || f.indicator_code in (select unnest($pairs::varchar[]))
        order by f.task_code, f.indicator_code, f.province_code, f.unit_code
        """,
        parameters,
    ).fetchall()
    return [UnitValue(*row) for row in rows]


def unit_years(con: duckdb.DuckDBPyConnection, scope: Scope) -> list[dict[str, Any]]:
    """Return one row per expected unit, with everything that counts and rates are made of."""
    amounts = ("planned", "received", "from_enterprises", "spent")
    rates = ("arrival_rate", "execution_rate")
    roles = {role: quoted(load_catalogue().roles[role].code) for role in (*amounts, *rates)}
    columns = [
        f"max(value) filter (where indicator_code = {roles[role]}) as {role}" for role in amounts
    ] + [
        f"bool_or(is_excluded) filter (where indicator_code = {roles[role]}) as {role}_excluded"
        for role in rates
    ]
    return rows_as_dicts(
        con.execute(
            f"""
            with money as (
                select unit_code, {", ".join(columns)}
                from lake.marts.fct_unit_indicator as f
                where {scope.where("f")} and indicator_code in ({", ".join(roles.values())})
                group by unit_code
            ),
            watched as (
                select unit_code, string_agg(evidence, '；' order by reason) as watched_for
                from lake.marts.unit_watchlist as w where {scope.where("w")} group by unit_code
            )
            select u.unit_code, d.unit_name, u.province_code, u.task_code, u.level, u.category,
                u.has_reported, u.is_on_time, u.is_late, u.has_report_file, u.assessment_score,
                u.assessment_grade, u.indicators_reported, u.indicators_excluded, u.targets_set,
                u.targets_counted, u.targets_met, u.document_id,
                w.unit_code is not null as is_watched,
                w.watched_for, {", ".join(f"m.{role}" for role in amounts)},
                {", ".join(f"coalesce(m.{r}_excluded, false) as {r}_excluded" for r in rates)}
            from lake.marts.fct_unit_year as u
            join lake.marts.dim_unit as d on d.year = u.year and d.unit_code = u.unit_code
            left join watched as w on w.unit_code = u.unit_code
            left join money as m on m.unit_code = u.unit_code
            where {scope.where("u")}
            order by u.task_code, u.province_code, u.unit_code
            """,
            scope.parameters,
        )
    )


def unit_levels(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, str]:
    """Return the level of every expected unit of a year, by unit code."""
    return dict(
        con.execute(
            "select unit_code, level from lake.marts.fct_unit_year where year = ?", [year]
        ).fetchall()
    )


def _received_documents_query(kinds: Iterable[str], *, lasting: bool = True) -> str:
    """Return a query for all received documents of these types.

    Args:
        kinds: document types.
        lasting: include earlier years for the types that stay effective.
    """
    received = received_documents(kinds, lasting=lasting, own=("decision",))
    return (
        "select document_type as kind, coalesce(series, '') as stage, "
        "document_type <> 'review' or decision = 'approved' as is_approved, document_id, "
        "object_key, etag, sha256, submitted_at, province_code, subject, has_cutoff, sent_at, "
        f"judged_at from ({received})"
    )


def counting_documents(
    con: duckdb.DuckDBPyConnection, scope: Scope, kinds: Collection[str]
) -> tuple[str, dict[str, Any]]:
    """Return the query for the documents that count, and its parameters.

    For each unit, type and review stage this is the last document before the cut-off that was not
    returned. In a
    corrected edition it is the last before the correction's cut-off, except for reviews. If all
    performance documents of a unit came later, the last of them is returned, because the unit did
    report.
    """
    parameters = scope.parameters | {
        "cutoff": cutoff_of(con, scope.year),
        "until": cutoff_of(con, scope.year, "counts_until"),
    }
    terms = ["true"]
    if scope.province_code:
        terms.append("split_part(subject, '-', 2) = $province")
    if scope.task_code:
        terms.append("split_part(subject, '-', 1) = $task")
    if scope.tasks is not None:
        terms.append("split_part(subject, '-', 1) in $tasks")
        parameters["tasks"] = sorted(scope.tasks)
    query = f"""
        with received as ({_received_documents_query(sorted(kinds))}),
        valueless as (
            select etag, document_id from lake.quality.submission_errors
            where year = $year and code = 'E062'
        ),
        judged as (
            select *, judged_at >= $cutoff as is_late,
                judged_at >= case when kind = 'review' then $cutoff else $until end as is_out
            from received anti join valueless using (etag, document_id)
            anti join ({returned_documents(con)}) as returned
                using (kind, province_code, document_id)
            where {" and ".join(terms)}
        ),
        ranked as (
            select *, row_number() over (
                partition by kind, subject, stage order by is_out, sent_at desc, document_id desc
            ) as version
            from judged
        )
        select subject, kind, stage, document_id, object_key, etag, sha256, submitted_at,
            province_code, is_late
        from ranked
        where version = 1 and is_approved and (not is_out or kind = 'performance')
        """
    return query, parameters


def documents(
    con: duckdb.DuckDBPyConnection, scope: Scope, kinds: Collection[str]
) -> dict[str, list[Document]]:
    """Return the documents that count, by unit code (a summary: by ``task-province``)."""
    if not kinds:
        return {}
    query, parameters = counting_documents(con, scope, kinds)
    rows = con.execute(f"{query} order by subject, kind, stage", parameters).fetchall()
    found: dict[str, list[Document]] = {}
    for subject, *columns in rows:
        found.setdefault(subject, []).append(_published(Document(*columns)))
    return found


def _published(document: Document) -> Document:
    """A document whose object's key has no contacts."""
    key = struck(document.object_key)
    return document if key == document.object_key else replace(document, object_key=key)


def received(con: duckdb.DuckDBPyConnection, year: int) -> list[Document]:
    """Return every document that was received under a year's prefixes."""
    rows = con.execute(
        f"""
        select kind, stage, document_id, object_key, etag, sha256, submitted_at, province_code,
            has_cutoff and judged_at >= $cutoff as is_late
        from ({_received_documents_query(DOCUMENT_TYPES, lasting=False)})
        order by kind, province_code, object_key, document_id
        """,
        {"year": year, "cutoff": cutoff_of(con, year)},
    ).fetchall()
    return [_published(Document(*row)) for row in rows]


def received_by_kind(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, tuple[int, int]]:
    """Return document type → number of documents received for a year, number of late ones."""
    rows = con.execute(
        f"""
        select kind, count(*), count(*) filter (where has_cutoff and judged_at >= $cutoff)
        from ({_received_documents_query(DOCUMENT_TYPES, lasting=False)}) group by kind
        """,
        {"year": year, "cutoff": cutoff_of(con, year)},
    ).fetchall()
    return {kind: (number, late) for kind, number, late in rows}


def remarks(
    con: duckdb.DuckDBPyConnection, scope: Scope, about: Collection[str] | None
) -> dict[str, list[Remark]]:
    """Return findings about units' submissions, by unit code.

    Args:
        about: codes of indicators and rules; None selects findings about whole documents.
    """
    terms = ["e.year = $year", "e.unit_code is not null"]
    parameters = scope.parameters
    if scope.province_code:
        terms.append("split_part(e.unit_code, '-', 2) = $province")
    if scope.task_code:
        terms.append("split_part(e.unit_code, '-', 1) = $task")
    if about is None:
        terms.append("e.indicator_code is null")
    else:
        terms.append("(e.indicator_code in $about or e.code in $about)")
        parameters["about"] = sorted(about)
    rows = con.execute(
        f"""
        select e.unit_code, e.code, e.severity, e.indicator_code, e.document_id, e.message_zh,
            e.explained_by
        from lake.quality.submission_errors as e
        where {" and ".join(terms)}
        order by e.unit_code, e.severity, e.code, e.indicator_code, e.document_id, e.message_zh
        """,
        parameters,
    ).fetchall()
    found: dict[str, list[Remark]] = {}
    for unit, *columns in rows:
        found.setdefault(unit, []).append(Remark(*columns))
    return found
