"""Judges one year of the marts: queries the frames, runs the suites, names the causes.

Belongs here: making a :class:`GateDecision` from a connection, without writing. Doesn't belong
here: thresholds (``expectations``), storing the results and pinning snapshots (the caller).

Great Expectations' SQL engine doesn't support DuckDB. DuckDB does the arithmetic, and the pandas
engine judges the few resulting rows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb

from expectations import CHECKS
from expectations.checks import Check
from orchestration.core.errors import Unreachable
from orchestration.gate.decision import Cause, GateBroken, GateDecision, Outcome, shown_value
from orchestration.gate.frames import FRESHNESS, KEYS, culprits_sql, frame_sql
from orchestration.gate.waivers import Waiver, check_waivers
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["judge"]

#: A cause has at most this many culprits, enough for the report, and their total number.
_CULPRITS_KEPT = 30

#: The key column of a frame with a single row for the nation.
_SCOPE = "scope"
_NATION = "全国"

Row = dict[str, Any]


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
    from expectations.suites import suites_of

    names = _Names(con, year)

    outcomes: list[Outcome] = []
    context = _context()
    for level, checks in CHECKS.items():
        results: dict[str, Any] = {}
        rows: dict[str, list[Row]] = {}
        for frame, suite in suites_of(level, checks).items():
            rows[frame] = (
                [_freshness(now, last_intake_at, period.cutoff_at, marts_stale)]
                if frame == FRESHNESS
                else _read_frame(con, frame, year)
            )
            of_frame = [check for check in checks if check.frame == frame]
            validation = _validate(context, suite, frame, rows[frame], of_frame)
            results |= {r.expectation_config.meta["name"]: r for r in validation.results}
        for check in checks:
            if check.name not in results:
                raise GateBroken(f"gate: {level}.{check.name} gave no result")
            outcome = _outcome(level, check, results[check.name], rows[check.frame], names)
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


def _query(con: duckdb.DuckDBPyConnection, sql: str, what: str) -> list[Row]:
    """Run a query and return its rows; ``what`` names it in an error message.

    Raises:
        GateBroken: the query fails.
        Unreachable: the lake's files can't be read.
    """
    try:
        return rows_as_dicts(con.execute(sql))
    except (duckdb.IOException, duckdb.HTTPException) as error:
        raise Unreachable(f"gate: {what}: the lake can't be read: {error}") from error
    except duckdb.Error as error:
        raise GateBroken(f"gate: {what} can't be computed: {error}") from error


def _read_frame(con: duckdb.DuckDBPyConnection, frame: str, year: int) -> list[Row]:
    return _query(con, frame_sql(frame, year), f"frame {frame}")


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
            return {r["code"]: r["name"] for r in _query(con, sql, "names")}

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
        synthetic = _query(
            con,
            "select coalesce(bool_or(is_synthetic), false) as yes "
            f"from marts.dim_reporting_year where year = {year}",
            "synthetic mark",
        )
        self.is_synthetic = bool(synthetic[0]["yes"])
        self._con, self._year = con, year
        self._culprits: dict[str, list[Row]] = {}

    def culprits(self, query: str) -> list[Row]:
        """The rows of a query of ``frames.CULPRITS``."""
        if query not in self._culprits:
            sql = culprits_sql(query, self._year)
            self._culprits[query] = _query(self._con, sql, f"culprits {query}")
        return self._culprits[query]

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
            elif column != _SCOPE and code:
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


def _key_columns(frame: str) -> tuple[str, ...]:
    return KEYS[frame] or (_SCOPE,)


def _key_of(row: Row, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        _NATION if c == _SCOPE else ("?" if row[c] is None else str(row[c])) for c in columns
    )


def _validate(context: Any, suite: Any, frame: str, rows: list[Row], checks: list[Check]) -> Any:
    """Run one suite on one frame; the results identify rows by the frame's key."""
    import pandas as pd

    key = _key_columns(frame)
    keys = [_key_of(row, key) for row in rows]
    if len(set(keys)) != len(keys):
        raise GateBroken(f"gate: frame {frame} has two rows with the same key")
    judged = {
        column
        for check in checks
        for column in (check.column, check.equals, *(c for c, _, _ in check.only))
        if column is not None
    }
    missing = [column for column in judged if rows and column not in rows[0]]
    if missing:
        raise GateBroken(f"gate: frame {frame} has no column {', '.join(sorted(missing))}")
    table = pd.DataFrame(keys, columns=list(key))
    for column in sorted(judged):
        is_text = any(column in (c.column, c.equals) for c in checks if c.equals)
        table[column] = pd.Series(
            [row[column] for row in rows], dtype="object" if is_text else "float64"
        )
    batch = context.data_sources.pandas_default.read_dataframe(table, asset_name=suite.name)
    return batch.validate(
        suite,
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": list(key),
            "include_unexpected_rows": False,
        },
    )


def _crash(result: Any) -> str | None:
    """The error message of an expectation that raised an exception, or None."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _outcome(
    level: str,
    check: Check,
    result: Any,
    rows: list[Row],
    names: _Names,
) -> Outcome:
    """The outcome of a check, from its rows; Great Expectations' result must agree with it.

    Raises:
        GateBroken: the expectation raised an exception, or the results differ.
    """
    crash = _crash(result)
    if crash is not None or "element_count" not in result.result:
        raise GateBroken(f"gate: {level}.{check.name} crashed: {crash or 'no result'}")
    columns = _key_columns(check.frame)
    judged = _judged_rows(check, rows)
    failed = [row for row in judged if not _keeps(row, check)]
    failing = {
        tuple(str(entry[c]) for c in columns)
        for entry in result.result.get("unexpected_index_list") or []
    }
    evaluated = int(result.result["element_count"]) - int(result.result.get("missing_count") or 0)
    if (bool(result.success), failing, evaluated) != (
        not failed,
        {_key_of(row, columns) for row in failed},
        len(judged),
    ):
        raise GateBroken(
            f"gate: {level}.{check.name}: Great Expectations finds {len(failing)} of {evaluated} "
            f"failing, a plain comparison {len(failed)} of {len(judged)}"
        )
    return Outcome(
        level=level,
        check=check,
        success=not failed,
        observed=_observed_in(check, judged, failed),
        evaluated=len(judged),
        causes=_causes_of(check, failed, names),
    )


def _keeps(row: Row, check: Check) -> bool:
    """Whether a judged row meets the threshold, compared without Great Expectations."""
    if check.equals is not None:
        return bool(row[check.column] == row[check.equals])
    value, low, high = float(row[check.column]), check.at_least, check.at_most
    return (low is None or value >= low) and (high is None or value <= high)


def _judged_rows(check: Check, rows: Iterable[Row]) -> list[Row]:
    """The rows that a check judges: they have a value and meet the conditions of ``only``.

    If the check compares two columns, a value in one of them is enough.
    """
    columns = [check.column] if check.equals is None else [check.column, check.equals]
    return [
        row
        for row in rows
        if any(row[column] is not None for column in columns)
        and all(_holds(row, term) for term in check.only)
    ]


def _holds(row: Row, term: tuple[str, str, float]) -> bool:
    column, operator, number = term
    value = row[column]
    if value is None:
        return False
    return value >= number if operator == ">=" else value > number


def _distance(check: Check, row: Row) -> float:
    """The distance of a row's value from the threshold; larger is worse."""
    value = row[check.column]
    if check.equals is not None or value is None:
        return 0.0
    value = float(value)
    if check.shown == "factor":
        return abs(math.log(value)) if value > 0 else math.inf
    off = []
    if check.at_least is not None:
        off.append(check.at_least - value)
    if check.at_most is not None:
        off.append(value - check.at_most)
    return max(off)


def _observed_in(check: Check, judged: list[Row], failed: list[Row]) -> str:
    """The observed value of a check, as text: the worst one."""
    if check.equals is not None:
        return f"{len(failed)} differ" if failed else "equal"
    if not judged:
        return "—"
    worst = max(judged, key=lambda row: _distance(check, row))
    return shown_value(worst[check.column], check.shown)


def _causes_of(check: Check, failed: Iterable[Row], names: _Names) -> tuple[Cause, ...]:
    """The causes of a check's failing rows, the worst first."""
    columns = _key_columns(check.frame)
    failed = sorted(failed, key=lambda row: (-_distance(check, row), _key_of(row, columns)))
    culprits = names.culprits(check.culprits) if failed and check.culprits else []
    shared = [c for c in columns if culprits and c in culprits[0]]
    by_key: dict[tuple[str, ...], list[str]] = {}
    for culprit in culprits:
        by_key.setdefault(_key_of(culprit, shared), []).append(str(culprit["label"]))
    causes = []
    for row in failed:
        key = dict(zip(columns, _key_of(row, columns), strict=True))
        labels = by_key.get(tuple(key[c] for c in shared), [])
        value = (
            f"{row[check.column] or '—'} ≠ {row[check.equals] or '—'}"
            if check.equals is not None
            else shown_value(row[check.column], check.shown)
        )
        cells = {n: f"{v:,}" if type(v) is int else v for n, v in row.items()}
        cause = Cause(
            key={column: code for column, code in key.items() if column != _SCOPE},
            place=names.place(key),
            value=value,
            note_zh=check.note_zh.format(**cells),
            note_en=check.note_en.format(**cells),
            culprits=tuple(labels[:_CULPRITS_KEPT]),
            culprits_total=len(labels),
            counted_zh=check.counted_zh,
        )
        causes.append(cause)
    return tuple(causes)
