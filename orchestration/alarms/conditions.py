"""Which conditions stand now, read from the lake, the landing bucket, the journal and runs.

Belongs here: finding out, and who is touched: provinces and units by name, never a contact.
Doesn't belong here: whether it is said (``ledger``), and any number that a kind has
(``kinds``). What the gate found is read from its recorded verdict, not judged again.
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
    GATE_BLOCKED,
    INTAKE_OVERDUE,
    PUBLICATION_OVERDUE,
    ROWS_FELL,
    RUN_FAILED,
    RUN_STUCK,
    STORE_UNREACHABLE,
    SUBMISSIONS_WAITING,
    TRANSFORM_OVERDUE,
    Kind,
)
from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import SHANGHAI, moment, period_of, years_in_play
from orchestration.core.workspace import Workspace
from orchestration.intake.listing import list_landing, unseen
from orchestration.observing import RowCount, StageRun, redact, stage_runs

__all__ = [
    "Condition",
    "Found",
    "RunState",
    "Touched",
    "of_lake",
    "of_rows",
    "of_runs",
    "unreachable",
]

#: A failed run that nobody repeated within a week has been said on seven mornings.
RUNS_LOOKED_AT = timedelta(days=7)
#: Findings that a message quotes; all of them are in the quality report.
_FINDINGS = 5
_UNIT = re.compile(r"[（(](T\d\d-\d{6}-\d{4,6})[）)]")
_PROVINCE = re.compile(r"/province=(\d{6})/")

_AGAINST_ZH = {"day": "此前", "year": "上年"}
_AGAINST_EN = {"day": "before", "year": "the year before"}

#: What to type where a Dagster job failed; other jobs run all stages.
_STAGES = {
    "intake_year": "intake --year {year}",
    "transform_year": "transform --year {year}",
    "receipts_year": "receipts --year {year}",
    "gate_year": "gate --year {year}",
    "publish_year": "publish --year {year}",
    "collect": "run --year {year} --until transform",
    "rehearse_year": "run --year {year} --until gate",
}


@dataclass(frozen=True)
class Touched:
    """Who is touched by a condition.

    Attributes:
        provinces: code → how many (units or objects) of it.
        of: what is counted: ``units`` or ``objects``.
        units: names of units, the first few.
        total: how many units or objects there are.
    """

    provinces: Mapping[str, int] = field(default_factory=dict)
    of: str = "units"
    units: tuple[str, ...] = ()
    total: int = 0


def _key(kind: Kind, year: int | None, subject: str = "") -> str:
    return "/".join([kind.code, str(year or "-"), subject])


@dataclass(frozen=True)
class Condition:
    """Something that stands.

    Attributes:
        subject: tells conditions of one kind and year apart, e.g. a job's name; mostly empty.
        since: since when, UTC aware.
        zh, en: what, in a sentence.
        stage: what ``{stage}`` is in the kind's command.
        sign: while it stays the same nothing new is to be said.
    """

    kind: Kind
    year: int | None
    since: datetime
    zh: str
    en: str
    touched: Touched = Touched()
    subject: str = ""
    stage: str = ""
    sign: str = ""

    @property
    def key(self) -> str:
        """Its identity from look to look."""
        return _key(self.kind, self.year, self.subject)

    @property
    def command(self) -> str:
        """What to type next."""
        return self.kind.command.format(year=self.year, stage=self.stage)


@dataclass
class Found:
    """What a look found.

    Attributes:
        standing: what stands.
        over: keys of what was looked at and doesn't stand. What is in neither was not looked at.
    """

    standing: list[Condition] = field(default_factory=list)
    over: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class RunState:
    """A Dagster run, as far as alarms look at it.

    Attributes:
        state: ``under way``, ``failed`` or ``done``.
        at: when it ended, or began where it is under way; UTC aware.
        step: which step failed, or "".
        error: what it said, where the message is the project's own; else the error's class.
        blocked: it ended at a gate that blocks, which is the gate's condition, not the run's.
    """

    job: str
    year: int | None
    run_id: str
    state: str
    at: datetime
    step: str = ""
    error: str = ""
    blocked: bool = False


def of_runs(runs: Iterable[RunState], now: datetime) -> Found:
    """Failed runs that none has made good, and runs that don't end.

    Args:
        runs: of the last :data:`RUNS_LOOKED_AT`, of each job and year the last that ended and
            every one under way.
    """
    runs = list(runs)
    found = Found()
    for run in runs:
        good = run.state == "done" or run.blocked or _made_good(run, runs)
        if good:
            found.over.add(_key(RUN_FAILED, run.year, run.job))
        of_year = f"（{run.year}年）" if run.year else ""
        year_en = f" of {run.year}" if run.year else ""
        if run.state == "failed" and not good:
            where = f"，步骤 {run.step}" if run.step else ""
            where_en = f" at step {run.step}" if run.step else ""
            error = redact(run.error)[:300] or "no message"
            found.standing.append(
                Condition(
                    kind=RUN_FAILED,
                    year=run.year,
                    since=run.at,
                    zh=f"作业 {run.job}{of_year}运行失败{where}（run {run.run_id}）：{error}",
                    en=f"the job {run.job}{year_en} failed{where_en} (run {run.run_id}): {error}",
                    subject=run.job,
                    stage=_STAGES.get(run.job, "run --year {year}").format(year=run.year),
                    sign=f"{run.step} {run.error.partition(':')[0]}",
                )
            )
        if run.state == "under way" and now - run.at >= RUN_STUCK.after:
            hours = int((now - run.at).total_seconds() // 3600)
            found.standing.append(
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


def _made_good(failed: RunState, runs: Iterable[RunState]) -> bool:
    """Whether the whole year has gone through since: that covers every other job's stages."""
    return any(
        run.state == "done"
        and run.year == failed.year
        and run.at > failed.at
        and run.job in {failed.job, "national_year"}
        for run in runs
    )


def of_rows(counts: Iterable[RowCount]) -> list[Condition]:
    """Row counts that broke their bound, one condition a year."""
    by_year: dict[int, list[RowCount]] = {}
    for each in counts:
        by_year.setdefault(each.year, []).append(each)
    found = []
    for year, tables in sorted(by_year.items()):
        zh, en = [], []
        for each in tables:
            was = each.before if each.fell == "day" else each.last_year
            zh.append(f"{each.name} 现 {each.rows:,} 行，{_AGAINST_ZH[each.fell]} {was:,} 行")
            en.append(f"{each.name} has {each.rows:,} rows, {_AGAINST_EN[each.fell]} {was:,}")
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


def unreachable(error: Unreachable, now: datetime) -> Condition:
    """The store or the catalogue did not answer this look."""
    said = redact(str(error))[:300]
    return Condition(
        kind=STORE_UNREACHABLE,
        year=None,
        since=now,
        zh=f"无法访问：{said}。在恢复之前不接收、不汇总、不发布",
        en=f"{said}. Until it answers nothing is taken in, transformed or published",
    )


def of_lake(ws: Workspace, now: datetime) -> Found:
    """What the lake, the landing bucket and the journal show, of every year in play.

    A year that is in play no more, or whose collection has closed, is not looked at: what stood
    of it is then neither standing nor over.

    Raises:
        Unreachable: the store or the catalogue doesn't answer.
    """
    settings = ws.settings
    found = Found()
    if not settings.catalog_is_postgres and not Path(settings.catalog).exists():
        return found  # nothing has ever run here
    journal = stage_runs(settings)
    with lakehouse.reader(settings, ws.store) as con:
        verdicts = lakehouse.newest_verdicts(con)
        for year in years_in_play(now):
            is_open = period_of(year).is_open(now)
            judged = verdicts.get(year, [])
            looks = {
                GATE_BLOCKED: _gate(year, judged, journal, now),
                PUBLICATION_OVERDUE: _publication(con, year, now),
            }
            if is_open:
                looks |= {
                    INTAKE_OVERDUE: _intake(year, journal, now),
                    SUBMISSIONS_WAITING: _waiting(ws, con, year, now),
                    TRANSFORM_OVERDUE: _transform(con, year, now),
                }
            found.standing += [each for each in looks.values() if each]
            found.over |= {_key(kind, year) for kind, stands in looks.items() if not stands}
            if not lakehouse.edition_rows(con, year):
                # Not overdue is not published: a clock may have been set back.
                found.over.discard(_key(PUBLICATION_OVERDUE, year))
    return found


def _intake(year: int, journal: Sequence[StageRun], now: datetime) -> Condition | None:
    looks = [
        run.succeeded_at
        for run in journal
        if run.stage == "intake" and run.year >= year and run.succeeded_at
    ]
    since = max([*looks, period_of(year).opens_at])
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


def _waiting(
    ws: Workspace, con: duckdb.DuckDBPyConnection, year: int, now: datetime
) -> Condition | None:
    late = [
        info
        for info in unseen(con, list_landing(ws.store, ws.settings.landing_bucket, year))
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
        touched=Touched(dict(provinces.most_common()), "objects", (), len(late)),
    )


def _transform(con: duckdb.DuckDBPyConnection, year: int, now: datetime) -> Condition | None:
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
        touched=_expected(con, year),
    )


def _gate(
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
    more = len(blocking) - _FINDINGS
    snapshot = blocking[0]["snapshot_id"]
    return Condition(
        kind=GATE_BLOCKED,
        year=year,
        since=since,
        zh=f"{year}年（快照 {snapshot}）有 {len(blocking)} 项不合格："
        + "；".join(zh[:_FINDINGS])
        + (f"；另有 {more} 项" if more > 0 else ""),
        en=f"{len(blocking)} expectations block {year} (snapshot {snapshot}): "
        + "; ".join(en[:_FINDINGS])
        + (f"; and {more} more" if more > 0 else ""),
        touched=_culprits(detail for _, detail in details),
        sign=" ".join(sorted(row["expectation"] for row in blocking)),
    )


def _publication(con: duckdb.DuckDBPyConnection, year: int, now: datetime) -> Condition | None:
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
        touched=_expected(con, year),
    )


def _expected(con: duckdb.DuckDBPyConnection, year: int) -> Touched:
    """Every unit that reports this year, by province."""
    try:
        rows = con.execute(
            "select province_code, count(*) from lake.marts.fct_unit_year where year = ? "
            "group by province_code order by count(*) desc, province_code",
            [year],
        ).fetchall()
    except duckdb.CatalogException:  # no marts yet
        return Touched()
    return Touched(dict(rows), "units", (), sum(count for _, count in rows))


def _culprits(details: Iterable[Mapping[str, Any]]) -> Touched:
    """Provinces and units that a verdict names as those behind what fails."""
    short = {region.short_name: code for code, region in load_catalogue().regions.items()}
    provinces: dict[str, set[str]] = {}
    units: dict[str, str] = {}
    for key, said in _named(details):
        code = key.get("province_code")
        unit = _UNIT.search(said)
        if unit:
            units.setdefault(unit.group(1), said)
            code = unit.group(1).split("-")[1]
        code = code or short.get(said.split()[0] if said.split() else "")
        if code:
            provinces.setdefault(code, set()).update({unit.group(1)} if unit else ())
    counts = {code: len(of) for code, of in provinces.items()}
    ordered = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    return Touched(ordered, "units", tuple(units.values()), len(units))


def _named(details: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, str], str]]:
    for detail in details:
        for key in detail.get("keys", []):
            for said in key.get("by") or [""]:
                yield key, said
