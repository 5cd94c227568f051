"""Makes the build file: a plain DuckDB file that dbt reads and writes, new for each transform.

Belongs here: the content of the file. It has ``raw`` up to the reporting year from one snapshot
of the lake, ``prior`` (last year's marts) and ``control`` (the year, its cut-off and the bounds of
settings). Contact data, also in keys, and the bodies of objects are not copied. dbt is twice as
fast on a plain file as on DuckLake, and readers of the lake never see an incomplete build. Doesn't
belong here: running dbt (``dbt``) and copying its results to the lake (``commit``).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb

from orchestration.core.contacts import MAY_HOLD_CONTACT, struck
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.reporting_calendar import ReportingPeriod, period_of, years
from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.received import received_documents
from orchestration.lakehouse.tables import (
    CONTACTS,
    RAW_TABLES,
    ensure_tables,
    has_table,
    utc_naive,
)

__all__ = [
    "BUILD_FILE",
    "INPUT_SCHEMAS",
    "PRIOR_TABLES",
    "build_file",
    "make_empty_build",
    "prepare_build",
]

#: The build file's name. dbt calls the database after it, so a parsed project depends on it.
BUILD_FILE = "tongbao.duckdb"

#: The schemas of the tables that dbt reads.
INPUT_SCHEMAS = ("raw", "prior", "control")

#: Last year's marts that the models read: counted values, targets and previous figures.
PRIOR_TABLES = (
    "fct_unit_indicator",
    "fct_unit_year",
    "agg_province_indicator",
    "agg_national_indicator",
)

_NOT_COPIED = {CONTACTS, "documents", "gone_objects", "intake_runs", "objects"}
#: Long tables are copied without lineage columns; the tables of their documents have them. The
#: province stays, because it is part of a document's identity.
_LONG = {each.long.raw_table for each in DOCUMENT_TYPES.values() if each.long}
#: Columns that no build and no page has.
_PERSONAL = {
    column.name for each in DOCUMENT_TYPES.values() for column in each.columns if column.is_personal
}
#: Tables of which only the reporting year's rows count.
_OF_THE_YEAR = {"document_errors"} | {
    table
    for each in DOCUMENT_TYPES.values()
    if not each.lasts
    for table in (each.raw_table, *([each.long.raw_table] if each.long else ()))
}
_LINEAGE = {"etag", "object_key", "run_id", "sha256", "unit_code"}


def build_file(settings: Settings) -> Path:
    """The path of the build file: constant, so that dbt can reuse its parsed project."""
    return settings.home / "build" / BUILD_FILE


def prepare_build(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    period: ReportingPeriod,
    *,
    snapshot_id: int,
    edition: int = 1,
) -> Path:
    """Make the build file of a year from the lake attached to ``con``.

    A file that a killed run left is replaced.

    Args:
        snapshot_id: the snapshot that everything is read from.
        edition: for edition 1, documents count until the cut-off; for later editions, until the
            correction cut-off.

    Returns:
        the file's path.
    """
    path = build_file(settings)
    at = f"at (version => {int(snapshot_id)})"
    _fill(con, path, period, at, settings.max_findings, edition)
    return path


def make_empty_build(path: Path) -> Path:
    """Make a build file of a lake without submissions; return its path."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as lake")
        ensure_tables(con)
        _fill(con, path, period_of(years()[0]), at="", max_findings=0, edition=1)
    return path


def _fill(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    period: ReportingPeriod,
    at: str,
    max_findings: int,
    edition: int,
) -> None:
    """Make a build file from the tables of ``lake``, at the snapshot that a clause names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(path.name + "*"):
        leftover.unlink()
    con.execute(f"attach {quoted(str(path))} as build")
    try:
        for schema in INPUT_SCHEMAS:
            con.execute(f"create schema build.{schema}")
        shown = _without_contacts if _find_contacts_in_keys(con, at) else _as_it_is
        for name, table in RAW_TABLES.items():
            if name in _NOT_COPIED:
                continue
            left = {"body"} | _PERSONAL | (_LINEAGE if name in _LONG else set())
            columns = ", ".join(
                shown(column) if column in _KEYS else column
                for column in table.names
                if column not in left
            )
            compared = "=" if name in _OF_THE_YEAR else "<="
            con.execute(
                f"create table build.raw.{name} as "
                f"select {columns} from lake.raw.{name} {at} where year {compared} {period.year}"
            )
        con.execute(
            "create table build.control.documents as select * exclude (transfer) "
            f"replace ({shown('object_key')}), "
            "transfer is not null as is_timed, "
            "(document_type, document_id) in (select (document_type, document_id) from "
            f"lake.raw.documents {at} group by all having count(distinct province_code) > 1) "
            f"as is_shared_id from ({received_documents(DOCUMENT_TYPES, at=at)})",
            {"year": period.year},
        )
        _copy_signable_digests(con, period.year, at)
        for name in PRIOR_TABLES:
            _copy_prior(con, name, period.year - 1, at)
        con.execute(
            "create table build.control.bounds as select ?::integer as max_findings",
            [max_findings],
        )
        con.execute(
            "create table build.control.reporting_period as "
            "select ?::integer as year, ?::timestamp as cutoff_at, ?::timestamp as counts_until, "
            "?::integer as edition",
            [
                period.year,
                utc_naive(period.cutoff_at),
                utc_naive(period.counts_until(edition)),
                edition,
            ],
        )
    finally:
        con.execute("detach build")


#: Columns with keys of objects: people write contacts into file names.
_KEYS = {"object_key", "report_object_key", "scan_object_key"}
#: Tables with a row for each object; the others name an object once for each of its documents.
_OBJECTS = {"objects", "attachments"}


def _copy_signable_digests(con: duckdb.DuckDBPyConnection, year: int, at: str) -> None:
    """Make ``control.signable_digests``; a snapshot of before there were any has none."""
    columns = "province_code, day, document_digest, task_code, figures_digest"
    con.execute(
        "create table build.control.signable_digests (province_code varchar, day date, "
        "document_digest varchar, task_code varchar, figures_digest varchar)"
    )
    with contextlib.suppress(duckdb.CatalogException):
        con.execute(
            f"insert into build.control.signable_digests select distinct {columns} "
            f"from lake.publication.signable_digests {at} where year = {year}"
        )


def _find_contacts_in_keys(con: duckdb.DuckDBPyConnection, at: str) -> bool:
    """Make the table ``struck_keys``: the keys with contacts, and what is shown of them.

    Returns:
        whether there are any.
    """
    columns = [
        f"select distinct {column} as key from lake.raw.{name} {at}"
        for name, schema in RAW_TABLES.items()
        if name == "objects" or name not in _NOT_COPIED | _LONG
        for column in schema.names
        if column in _KEYS - ({"object_key"} if name not in _OBJECTS else set())
    ]
    keys = con.execute(
        f"select distinct key from ({' union all '.join(columns)}) where regexp_matches(key, ?)",
        [MAY_HOLD_CONTACT],
    ).fetchall()
    shown = [(key, struck(key)) for (key,) in keys]
    found = [each for each in shown if each[0] != each[1]]
    con.execute("create or replace temp table struck_keys (key varchar, shown varchar)")
    if found:
        con.executemany("insert into struck_keys values (?, ?)", found)
    return bool(found)


def _without_contacts(column: str) -> str:
    return (
        f"coalesce((select shown from struck_keys where struck_keys.key = {column}), {column}) "
        f"as {column}"
    )


def _as_it_is(column: str) -> str:
    return f"{column} as {column}"


#: The columns of ``prior`` that models read; empty tables have them if the lake has no marts yet.
_EMPTY_PRIOR = {
    "fct_unit_indicator": (
        "year integer, unit_code varchar, task_code varchar, province_code varchar, "
        "indicator_code varchar, value decimal(24,6), target decimal(24,6), "
        "attainment decimal(18,6), is_excluded boolean, exclusion_code varchar, "
        "document_id varchar"
    ),
    "fct_unit_year": (
        "year integer, unit_code varchar, task_code varchar, province_code varchar, "
        "level varchar, has_reported boolean, is_on_time boolean, targets_set integer, "
        "targets_met integer, targets_counted integer"
    ),
    "agg_province_indicator": (
        "year integer, province_code varchar, task_code varchar, indicator_code varchar, "
        "value decimal(24,6), units_counted integer"
    ),
    "agg_national_indicator": (
        "year integer, task_code varchar, indicator_code varchar, value decimal(24,6), "
        "units_counted integer"
    ),
}


def _copy_prior(con: duckdb.DuckDBPyConnection, name: str, year: int, at: str) -> None:
    if has_table(con, f"marts.{name}"):
        con.execute(
            f"create table build.prior.{name} as "
            f"select * from lake.marts.{name} {at} where year = {year}"
        )
    else:
        con.execute(f"create table build.prior.{name} ({_EMPTY_PRIOR[name]})")
