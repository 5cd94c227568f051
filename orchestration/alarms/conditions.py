"""Detects active conditions from the lake, the landing bucket, the journal and Dagster's runs.

The gate's findings are read from its recorded results; the gate is not run again.

Belongs here: detecting conditions, and which provinces and units they affect (by name, never with
contact data). Doesn't belong here: whether a message is due (``ledger``), and thresholds
(``kinds``).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration import lakehouse
from orchestration.alarms.kinds import (
    BACKUP_OVERDUE,
    GATE_BLOCKED,
    INTAKE_OVERDUE,
    PUBLICATION_OVERDUE,
    ROWS_FELL,
    RUN_FAILED,
    RUN_STUCK,
    STORE_UNREACHABLE,
    SUBMISSIONS_WAITING,
    TICKS_FAIL,
    TRANSFORM_OVERDUE,
    Kind,
)
from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import SHANGHAI, moment, period_of, years_in_play
from orchestration.core.workspace import Workspace
from orchestration.intake.listing import list_landing, new_objects
from orchestration.observing import RowCount, StageRun, last_backup, redact, stage_runs

__all__ = [
    "Affected",
    "CheckResult",
    "Condition",
    "RunState",
    "TickState",
    "lake_conditions",
    "row_count_conditions",
    "run_conditions",
    "tick_conditions",
    "unreachable_condition",
]

#: Age up to which runs are checked: a failed run older than a week was reported on seven mornings.
RUN_WINDOW = timedelta(days=7)
#: Findings that a message lists; the quality report has all of them.
_FINDINGS_LISTED = 5
_UNIT = re.compile(r"[（(](T\d\d-\d{6}-\d{4,6})[）)]")
_PROVINCE = re.compile(r"/province=(\d{6})/")

_AGAINST_ZH = {"day": "此前", "year": "上年"}
_AGAINST_EN = {"day": "before", "year": "the year before"}

#: Dagster job → arguments of ``tongbao`` that run the same stages; other jobs run all stages.
_COMMANDS = {
    "intake_year": "intake --year {year}",
    "transform_year": "transform --year {year}",
    "receipts_year": "receipts --year {year}",
    "gate_year": "gate --year {year}",
    "publish_year": "publish --year {year}",
    "collect": "run --year {year} --until transform",
    "rehearse_year": "run --year {year} --until gate",
}


@dataclass(frozen=True)
class Affected:
    """The provinces and units that a condition affects.

    Attributes:
        provinces: code → number of its units or objects.
        of: what is counted, ``units`` or ``objects``.
        units: names of affected units.
        total: number of units or objects.
    """

    provinces: Mapping[str, int] = field(default_factory=dict)
    of: str = "units"
    units: tuple[str, ...] = ()
    total: int = 0


def _key(kind: Kind, year: int | None, subject: str = "") -> str:
    return "/".join([kind.code, str(year or "-"), subject])


@dataclass(frozen=True)
class Condition:
    """An active condition.

    Attributes:
        since: start of the condition; aware, UTC.
        zh, en: a sentence that describes it.
        subject: distinguishes conditions of the same kind and year, e.g. by job; mostly empty.
        stage: value of ``{stage}`` in the kind's command.
        sign: identifies the cause; a new message is due when it changes.
    """

    kind: Kind
    year: int | None
    since: datetime
    zh: str
    en: str
    affected: Affected = Affected()
    subject: str = ""
    stage: str = ""
    sign: str = ""

    @property
    def key(self) -> str:
        """Identifies the condition from check to check."""
        return _key(self.kind, self.year, self.subject)

    @property
    def command(self) -> str:
        """The command to run next."""
        return self.kind.command.format(year=self.year, stage=self.stage)


@dataclass
class CheckResult:
    """The result of a check.

    Attributes:
        active: the active conditions.
        inactive: keys of the conditions that were checked and are not active. A condition that
            is in neither was not checked.
    """

    active: list[Condition] = field(default_factory=list)
    inactive: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class RunState:
    """The state of a Dagster run.

    Attributes:
        year: its partition, or None.
        state: ``under way``, ``failed`` or ``done``.
        at: when it ended, or when it began if it is under way; aware, UTC.
        step: the step that failed, or empty.
        error: message of a project error; of any other error, the name of its class.
        blocked: whether the gate blocked it; that is a condition of the gate, not of the run.
    """

    job: str
    year: int | None
    run_id: str
    state: str
    at: datetime
    step: str = ""
    error: str = ""
    blocked: bool = False


@dataclass(frozen=True)
class TickState:
    """A sensor or schedule whose last tick failed.

    Attributes:
        name: of the sensor or schedule.
        since: when the first of its failed ticks since the last good one was; aware, UTC.
        error: message of a project error; of any other error, the name of its class.
    """

    name: str
    since: datetime
    error: str


def tick_conditions(failing: Iterable[TickState], now: datetime) -> list[Condition]:
    """Make a condition of each sensor or schedule that has failed for a while.

    Args:
        now: aware, by the same clock as the ticks.
    """
    return [
        Condition(
            kind=TICKS_FAIL,
            year=None,
            since=each.since,
            zh=f"{each.name} 自 {moment(each.since)} 起每次执行均失败：{each.error}。其间由它发起的"
            "接收、汇总、发布或告警不会执行",
            en=f"each tick of {each.name} fails: {each.error}. The intake, transform, publication "
            "or alarm that it starts does not happen",
            subject=each.name,
            sign=each.error,
        )
        for each in failing
        if now - each.since >= TICKS_FAIL.after
    ]


def run_conditions(runs: Iterable[RunState], now: datetime) -> CheckResult:
    """Find failed runs that no later run has repaired, and runs that don't end.

    Args:
        runs: of each job and year the last run that ended within :data:`RUN_WINDOW`, and every
            run under way.
        now: aware.
    """
    runs = list(runs)
    found = CheckResult()
    for run in runs:
        is_repaired = run.state == "done" or run.blocked or _is_repaired(run, runs)
        if is_repaired:
            found.inactive.add(_key(RUN_FAILED, run.year, run.job))
        of_year = f"（{run.year}年）" if run.year else ""
        year_en = f" of {run.year}" if run.year else ""
        if run.state == "failed" and not is_repaired:
            where = f"，步骤 {run.step}" if run.step else ""
            where_en = f" at step {run.step}" if run.step else ""
            error = redact(run.error)[:300] or "no message"
            found.active.append(
                Condition(
                    kind=RUN_FAILED,
                    year=run.year,
                    since=run.at,
                    zh=f"作业 {run.job}{of_year}运行失败{where}（run {run.run_id}）：{error}",
                    en=f"the job {run.job}{year_en} failed{where_en} (run {run.run_id}): {error}",
                    subject=run.job,
                    stage=_COMMANDS.get(run.job, "run --year {year}").format(year=run.year),
                    sign=f"{run.step} {run.error.partition(':')[0]}",
                )
            )
        if run.state == "under way" and now - run.at >= RUN_STUCK.after:
            hours = int((now - run.at).total_seconds() // 3600)
            found.active.append(
                Condition(
                    kind=RUN_STUCK,
                    year=run.year,
                    since=run.at,
                    zh=f"作业 {run.job}{of_year}已运行 {hours} 小时未结束（run {run.run_id}），"
                    "其他运行均在等待；先在 Dagster 页面终止它",
                    en=f"the job {run.job}{year_en} has been under way for {hours} h "
                    f"(run {run.run_id}) and others wait for it; end it on Dagster's page first",
                    subject=run.run_id,
                )
            )
    return found


def _is_repaired(failed: RunState, runs: Iterable[RunState]) -> bool:
    """Whether the same job, or the job of all stages, has succeeded for the year since."""
    return any(
        run.state == "done"
        and run.year == failed.year
        and run.at > failed.at
        and run.job in {failed.job, "national_year"}
        for run in runs
    )


def row_count_conditions(counts: Iterable[RowCount]) -> list[Condition]:
    """Make one condition per year of the row counts that broke a bound."""
    by_year: dict[int, list[RowCount]] = {}
    for each in counts:
        by_year.setdefault(each.year, []).append(each)
    found = []
    for year, tables in sorted(by_year.items()):
        zh, en = [], []
        for each in tables:
            former = each.before if each.fell == "day" else each.last_year
            zh.append(f"{each.name} 现 {each.rows:,} 行，{_AGAINST_ZH[each.fell]} {former:,} 行")
            en.append(f"{each.name} has {each.rows:,} rows, {_AGAINST_EN[each.fell]} {former:,}")
        found.append(
            Condition(
                kind=ROWS_FELL,
                year=year,
                since=min(datetime.fromisoformat(each.at) for each in tables),
                zh="；".join(zh),
                en="; ".join(en),
                sign=" ".join(sorted(each.name for each in tables)),
            )
        )
    return found


def unreachable_condition(error: Unreachable, now: datetime) -> Condition:
    """The condition that the store or the catalogue can't be reached."""
    message = redact(str(error))[:300]
    return Condition(
        kind=STORE_UNREACHABLE,
        year=None,
        since=now,
        zh=f"无法访问：{message}。在恢复之前不接收、不汇总、不发布",
        en=f"{message}. Until it answers nothing is taken in, transformed or published",
    )


def lake_conditions(ws: Workspace, now: datetime) -> CheckResult:
    """Check the lake, the landing bucket and the journal for every year in play.

    Years that are no longer in play are not checked; intake and transform are checked only while
    the year's collection is open. Conditions that were not checked are neither active nor
    inactive.

    Raises:
        Unreachable: the store or the catalogue doesn't answer.
    """
    settings = ws.settings
    found = CheckResult()
    if not settings.catalog_is_postgres and not Path(settings.catalog).exists():
        return found  # No stage has run yet.
    backup = _check_backup(last_backup(settings, ws.store), now)
    if backup is None:
        found.inactive.add(_key(BACKUP_OVERDUE, None))
    else:
        found.active.append(backup)
    journal = stage_runs(settings)
    with lakehouse.reader(settings, ws.store) as con:
        decisions = lakehouse.newest_verdicts(con)
        for year in years_in_play(now):
            is_open = period_of(year).is_open(now)
            judged = decisions.get(year, [])
            checks = {
                GATE_BLOCKED: _check_gate(year, judged, journal, now),
                PUBLICATION_OVERDUE: _check_publication(con, year, now),
            }
            if is_open:
                checks |= {
                    INTAKE_OVERDUE: _check_intake(year, journal, now),
                    SUBMISSIONS_WAITING: _check_waiting(ws, con, year, now),
                    TRANSFORM_OVERDUE: _check_transform(con, year, now),
                }
            found.active += [each for each in checks.values() if each]
            found.inactive |= {_key(kind, year) for kind, each in checks.items() if not each}
            if not lakehouse.edition_rows(con, year):
                # Not overdue doesn't mean published: the clock may have been set back.
                found.inactive.discard(_key(PUBLICATION_OVERDUE, year))
    return found


def _check_backup(at: datetime | None, now: datetime) -> Condition | None:
    """Where no backup was ever recorded, only central monitoring can tell that one is missing."""
    if at is None or now - at < BACKUP_OVERDUE.after:
        return None
    return Condition(
        kind=BACKUP_OVERDUE,
        year=None,
        since=at,
        zh=f"最近一次完整备份始于{moment(at)}（北京时间），此后没有成功的备份",
        en=f"the last complete backup began at {at:%Y-%m-%d %H:%M} UTC; none has succeeded since",
    )


def _check_intake(year: int, journal: Sequence[StageRun], now: datetime) -> Condition | None:
    successes = [
        run.succeeded_at
        for run in journal
        if run.stage == "intake" and run.year >= year and run.succeeded_at
    ]
    since = max([*successes, period_of(year).opens_at])
    if now - since < INTAKE_OVERDUE.after:
        return None
    return Condition(
        kind=INTAKE_OVERDUE,
        year=year,
        since=since,
        zh=f"{year}年征集已开放，此后没有一次成功的接收：夜间任务或传感器可能未运行",
        en=f"the collection of {year} is open and no intake has succeeded since: the nightly "
        "schedule or the sensor may be off",
    )


def _check_waiting(
    ws: Workspace, con: duckdb.DuckDBPyConnection, year: int, now: datetime
) -> Condition | None:
    late = [
        info
        for info in new_objects(con, list_landing(ws.store, ws.settings.landing_bucket, year))
        if now - info.last_modified >= SUBMISSIONS_WAITING.after
    ]
    if not late:
        return None
    since = min(info.last_modified for info in late)
    minutes = int((now - since).total_seconds() // 60)
    matches = [_PROVINCE.search(info.key) for info in late]
    provinces = Counter(match.group(1) for match in matches if match)
    return Condition(
        kind=SUBMISSIONS_WAITING,
        year=year,
        since=since,
        zh=f"{len(late)} 个已上传的对象尚未接收，最早的已等待 {minutes} 分钟",
        en=f"{len(late)} uploaded objects are not taken in; the first has waited {minutes} minutes",
        affected=Affected(dict(provinces.most_common()), "objects", (), len(late)),
    )


def _check_transform(con: duckdb.DuckDBPyConnection, year: int, now: datetime) -> Condition | None:
    last = lakehouse.last_intake_at(con, year, now)
    if last is None or now - last < TRANSFORM_OVERDUE.after:
        return None
    if not lakehouse.marts_are_stale(con, year):
        return None
    return Condition(
        kind=TRANSFORM_OVERDUE,
        year=year,
        since=last,
        zh=f"{year}年有新接收的材料（或代码已更新），汇总表仍是旧的",
        en=f"the marts of {year} are older than what was taken in, or than the code",
        affected=_expected_units(con, year),
    )


def _check_gate(
    year: int,
    judged: Sequence[Mapping[str, Any]],
    journal: Sequence[StageRun],
    now: datetime,
) -> Condition | None:
    blocking = lakehouse.blocking(judged)
    if not blocking:
        return None
    runs = [run for run in journal if run.stage in {"gate", "publish"} and run.year == year]
    since = min([run.started_at for run in runs if run.outcome == "blocked"], default=now)
    details = [(row, json.loads(row["detail"] or "{}")) for row in blocking]
    zh = [
        f"{d.get('title_zh')}为{d.get('observed_zh') or r['observed']}"
        f"（要求{d.get('threshold_zh') or r['threshold']}）"
        for r, d in details
    ]
    en = [f"{d.get('title_en')} {r['observed']} (must be {r['threshold']})" for r, d in details]
    more = len(blocking) - _FINDINGS_LISTED
    snapshot = blocking[0]["snapshot_id"]
    return Condition(
        kind=GATE_BLOCKED,
        year=year,
        since=since,
        zh=f"{year}年（快照 {snapshot}）有 {len(blocking)} 项不合格："
        + "；".join(zh[:_FINDINGS_LISTED])
        + (f"；另有 {more} 项" if more > 0 else ""),
        en=f"{len(blocking)} expectations block {year} (snapshot {snapshot}): "
        + "; ".join(en[:_FINDINGS_LISTED])
        + (f"; and {more} more" if more > 0 else ""),
        affected=_culprits(detail for _, detail in details),
        sign=" ".join(sorted(row["expectation"] for row in blocking)),
    )


def _check_publication(
    con: duckdb.DuckDBPyConnection, year: int, now: datetime
) -> Condition | None:
    due = period_of(year).publishes_at
    if now - due < PUBLICATION_OVERDUE.after:
        return None
    if lakehouse.transform_record(con, year) is None or lakehouse.edition_rows(con, year):
        return None
    return Condition(
        kind=PUBLICATION_OVERDUE,
        year=year,
        since=due,
        zh=f"{year}年通报应于{moment(due)}发布，至今没有任何版本",
        en=f"the bulletins of {year} were due at {due.astimezone(SHANGHAI):%d %b %H:%M} and no "
        "edition exists",
        affected=_expected_units(con, year),
    )


def _expected_units(con: duckdb.DuckDBPyConnection, year: int) -> Affected:
    """The units expected to report this year, by province."""
    try:
        rows = con.execute(
            "select province_code, count(*) from lake.marts.fct_unit_year where year = ? "
            "group by province_code order by count(*) desc, province_code",
            [year],
        ).fetchall()
    except duckdb.CatalogException:  # There are no marts yet.
        return Affected()
    return Affected(dict(rows), "units", (), sum(count for _, count in rows))


def _culprits(details: Iterable[Mapping[str, Any]]) -> Affected:
    """The provinces and units that the gate's results name as causes."""
    short = {region.short_name: code for code, region in load_catalogue().regions.items()}
    provinces: dict[str, set[str]] = {}
    units: dict[str, str] = {}
    for key, text in _causes(details):
        code = key.get("province_code")
        unit = _UNIT.search(text)
        if unit:
            units.setdefault(unit.group(1), text)
            code = unit.group(1).split("-")[1]
        code = code or short.get(text.split()[0] if text.split() else "")
        if code:
            provinces.setdefault(code, set()).update({unit.group(1)} if unit else ())
    counts = {code: len(of) for code, of in provinces.items()}
    ordered = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    return Affected(ordered, "units", tuple(units.values()), len(units))


def _causes(
    details: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, str], str]]:
    """Key of each failing row, and the text of each of its causes."""
    for detail in details:
        for key in detail.get("keys", []):
            for text in key.get("by") or [""]:
                yield key, text
