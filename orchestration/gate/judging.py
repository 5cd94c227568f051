"""Judges one year of the marts: compares the frames, runs the suites, names the causes.

Belongs here: making a :class:`GateDecision` from a connection, without writing. Doesn't belong
here: thresholds (``expectations``), comparing rows with them (``comparing``), storing the results
and pinning snapshots (the caller).

Great Expectations' SQL engine doesn't support DuckDB. DuckDB compares every row; Great Expectations
judges the worst value of each check, and its result must agree with DuckDB's. So the gate's own
memory and Great Expectations' time depend on the number of checks only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb

from expectations import CHECKS
from expectations.checks import Check
from orchestration.gate.comparing import Comparison, Row, compare_frame, query
from orchestration.gate.decision import Cause, GateBroken, GateDecision, Outcome, shown_value
from orchestration.gate.frames import FRESHNESS, KEYS, culprits_sql, frame_sql
from orchestration.gate.waivers import Waiver, check_waivers

__all__ = ["judge"]

#: A cause has at most this many culprits, enough for the report, and their total number.
_CULPRITS_KEPT = 30

#: The first labels of each key of a query of culprits, in its order, and their number.
_LABELS = """
select
    {key}
    min_by(label, place, {kept}) as labels,
    count(*) as total
from (select *, row_number() over () as place from ({culprits}))
group by all
"""

_NATION = "全国"

#: The key columns of a query of culprits; values of these → the first labels, the number of all.
_Culprits = tuple[list[str], dict[tuple[str, ...], tuple[list[str], int]]]


class Period(Protocol):
    """The part of the reporting calendar that the gate needs."""

    @property
    def cutoff_at(self) -> datetime:
        """Documents count if they are submitted before this time (UTC aware)."""


def judge(
    con: duckdb.DuckDBPyConnection,
    *,
    year: int,
    snapshot_id: int,
    run_id: str,
    now: datetime,
    last_intake_at: datetime | None,
    period: Period,
    marts_stale: bool = False,
    waivers: Sequence[Waiver] = (),
) -> GateDecision:
    """Judge the marts of a year; writes nothing.

    Args:
        con: a connection with the schemas ``marts``, ``quality`` and ``raw``, pinned at the
            snapshot.
        year: the reporting year.
        snapshot_id: the snapshot that ``con`` reads.
        run_id: the run that judges.
        now: the time of the judgement (aware); an intake after it doesn't count as fresh.
        last_intake_at: when the last intake began to list objects, or None if there was none.
        period: the year's calendar.
        marts_stale: whether something was taken in after the marts were built.
        waivers: the year's waivers, valid at ``now`` or not.

    Raises:
        GateBroken: a query or an expectation could not be carried out.
        Unreachable: the lake's files can't be read.
        UsageError: a waiver names an unknown check or column.
    """
    check_waivers(
        waivers,
        {
            (level, check.name): KEYS[check.frame]
            for level, checks in CHECKS.items()
            for check in checks
        },
    )
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Imported here because it imports Great Expectations, which takes seconds.
    from expectations.suites import suite_of

    names = _Names(con, year)
    freshness = _freshness(now, last_intake_at, period.cutoff_at, marts_stale)
    outcomes: list[Outcome] = []
    context = _context()
    for level, checks in CHECKS.items():
        compared = _compare(con, checks, year, freshness)
        judged = [check for check in checks if compared[check.name].evaluated]
        worst = {check.name: compared[check.name].worst for check in judged}
        results = _validate(context, suite_of(level, judged), worst) if judged else {}
        for check in checks:
            comparison = compared[check.name]
            if comparison.evaluated:
                _confirm(level, check, comparison, results.get(check.name))
            outcome = _outcome(level, check, comparison, names)
            of_check = [w for w in waivers if (w.suite, w.expectation) == (level, check.name)]
            outcomes.append(
                replace(
                    outcome,
                    waivers=tuple(w for w in of_check if w.is_valid(now)),
                    expired=tuple(w for w in of_check if w.has_expired(now)),
                )
            )
    return GateDecision(
        year=year,
        snapshot_id=snapshot_id,
        run_id=run_id,
        is_synthetic=names.is_synthetic,
        outcomes=tuple(outcomes),
        cutoff_at=period.cutoff_at,
    )


# -- reading --------------------------------------------------------------------------------


def _compare(
    con: duckdb.DuckDBPyConnection, checks: Sequence[Check], year: int, freshness: Row
) -> dict[str, Comparison]:
    """Compare the frames of a level's checks; return the comparisons by name of the check."""
    compared: dict[str, Comparison] = {}
    for frame in dict.fromkeys(check.frame for check in checks):
        of_frame = [check for check in checks if check.frame == frame]
        if frame == FRESHNESS:
            columns = ", ".join(f"? as {column}" for column in freshness)
            sql, values = f"select {columns}", list(freshness.values())
        else:
            sql, values = frame_sql(frame, year), []
        compared |= compare_frame(con, frame, sql, values, KEYS[frame], of_frame)
    return compared


def _freshness(
    now: datetime, last_intake_at: datetime | None, cutoff_at: datetime, marts_stale: bool
) -> Row:
    intake = _utc(last_intake_at)
    is_fresh = intake is not None and cutoff_at <= intake <= _aware(now)
    return {
        "intake_before_cutoff": 0 if is_fresh else 1,
        "marts_stale": int(marts_stale),
        "intake_zh": f"最近一次入库{_beijing(intake, '从未执行')}，截止时间{_beijing(cutoff_at)}",
        "intake_en": (
            f"last intake {_beijing(intake, 'never')}, cut-off {_beijing(cutoff_at)}, Beijing time"
        ),
    }


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else _aware(moment)


def _beijing(moment: datetime | None, otherwise: str = "") -> str:
    if moment is None:
        return otherwise
    return f"{moment.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M:%S}"


class _Names:
    """The Chinese names of keys, and the results of culprit queries, each read once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, year: int) -> None:
        def pairs(sql: str) -> dict[str, str]:
            return {r["code"]: r["name"] for r in query(con, sql, "names")}

        self.provinces = pairs(
            "select province_code as code, short_name as name from marts.dim_region"
        )
        self.provinces["000000"] = "教育部"
        self.tasks = pairs("select task_code as code, task_name as name from marts.dim_task")
        self.indicators = pairs(
            "select indicator_code as code, name_zh as name from marts.dim_indicator"
        )
        self.contradictions = pairs(
            "select distinct contradiction as code, title_zh as name "
            f"from quality.contradictions where year = {year}"
        )
        synthetic = query(
            con,
            "select coalesce(bool_or(is_synthetic), false) as yes "
            f"from marts.dim_reporting_year where year = {year}",
            "synthetic mark",
        )
        self.is_synthetic = bool(synthetic[0]["yes"])
        self._con, self._year = con, year
        self._culprits: dict[tuple[str, str], _Culprits] = {}

    def culprits(self, name: str, frame: str) -> _Culprits:
        """The result of a query of ``frames.CULPRITS`` for the rows of a frame.

        Returns:
            the columns of the frame's key that the query has; values of these columns → the first
            labels and the number of all.
        """
        if (name, frame) not in self._culprits:
            sql, what = culprits_sql(name, self._year), f"culprits {name}"
            columns = [row["column_name"] for row in query(self._con, f"describe {sql}", what)]
            shared = [column for column in KEYS[frame] if column in columns]
            key = "".join(f"{column}, " for column in shared)
            sql = _LABELS.format(key=key, kept=_CULPRITS_KEPT, culprits=sql)
            rows = query(self._con, sql, what)
            by_key = {_key_of(row, shared): (row["labels"], row["total"]) for row in rows}
            self._culprits[name, frame] = shared, by_key
        return self._culprits[name, frame]

    def place(self, key: Mapping[str, str]) -> str:
        """The name of a key, ``广东·T05 职业教育信息化标杆学校·T05_03 …``; "全国" if empty."""
        parts = []
        for column, code in key.items():
            if column == "province_code":
                parts.append(self.provinces.get(code, code))
            elif column == "task_code":
                parts.append(
                    "各任务合计" if code == "ALL" else f"{code} {self.tasks.get(code, '')}"
                )
            elif column == "indicator_code":
                parts.append(f"{code} {self.indicators.get(code, '')}")
            elif column == "contradiction":
                parts.append(self.contradictions.get(code, code))
            elif code:
                parts.append(code)
        return "·".join(part.strip() for part in parts) or _NATION


# -- judging --------------------------------------------------------------------------------


def _context() -> Any:
    """A context of Great Expectations in memory, without files and progress bars."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _validate(context: Any, suite: Any, worst: Mapping[str, Any]) -> dict[str, Any]:
    """Run a suite on one row with the worst value of each check; return the results by check."""
    import pandas as pd

    table = pd.DataFrame({name: [float(value)] for name, value in worst.items()})
    batch = context.data_sources.pandas_default.read_dataframe(table, asset_name=suite.name)
    validation = batch.validate(suite, result_format="BASIC")
    return {result.expectation_config.meta["name"]: result for result in validation.results}


def _crash(result: Any) -> str | None:
    """The error message of an expectation that raised an exception, or None."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _confirm(level: str, check: Check, comparison: Comparison, result: Any) -> None:
    """Check that Great Expectations comes to the same result as the database.

    Raises:
        GateBroken: the expectation gave no result or raised an exception, or the results differ.
    """
    if result is None:
        raise GateBroken(f"gate: {level}.{check.name} gave no result")
    crash = _crash(result)
    if crash is not None or "observed_value" not in result.result:
        raise GateBroken(f"gate: {level}.{check.name} crashed: {crash or 'no result'}")
    judged = float(result.result["observed_value"])
    passes = not comparison.failed
    if (bool(result.success), judged) != (passes, float(comparison.worst)):
        raise GateBroken(
            f"gate: {level}.{check.name}: Great Expectations finds {judged:g} "
            f"{'met' if result.success else 'not met'}, the database {comparison.worst:g} with "
            f"{len(comparison.failed)} of {comparison.evaluated} failing"
        )


def _outcome(level: str, check: Check, comparison: Comparison, names: _Names) -> Outcome:
    return Outcome(
        level=level,
        check=check,
        success=not comparison.failed,
        observed=_observed_in(check, comparison),
        evaluated=comparison.evaluated,
        causes=_causes_of(check, comparison.failed, names) if comparison.failed else (),
    )


def _observed_in(check: Check, comparison: Comparison) -> str:
    """The observed value of a check, as text: the worst one."""
    if check.equals is not None:
        return f"{len(comparison.failed)} differ" if comparison.failed else "equal"
    return shown_value(comparison.worst, check.shown)


def _key_of(row: Row, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple("?" if row[c] is None else str(row[c]) for c in columns)


def _causes_of(check: Check, failed: Sequence[Row], names: _Names) -> tuple[Cause, ...]:
    """The causes of a check's failing rows, in their order."""
    columns = KEYS[check.frame]
    shared, culprits = names.culprits(check.culprits, check.frame) if check.culprits else ([], {})
    causes = []
    for row in failed:
        key = dict(zip(columns, _key_of(row, columns), strict=True))
        labels, total = culprits.get(tuple(key[c] for c in shared), ([], 0))
        value = (
            f"{row[check.column] or '—'} ≠ {row[check.equals] or '—'}"
            if check.equals is not None
            else shown_value(row[check.column], check.shown)
        )
        cells = {n: f"{v:,}" if type(v) is int else v for n, v in row.items()}
        cause = Cause(
            key=key,
            place=names.place(key),
            value=value,
            note_zh=check.note_zh.format(**cells),
            note_en=check.note_en.format(**cells),
            culprits=tuple(labels),
            culprits_total=total,
            counted_zh=check.counted_zh,
        )
        causes.append(cause)
    return tuple(causes)
