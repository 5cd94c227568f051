"""Replay: a report on what changed rules or indicators would have given in past years.

It builds years again with changed seeds and compares the result with the current marts. The intake
is not repeated, because values are excluded by dbt (``int_rule_exclusions``,
``int_judged_values``). The lake is opened read-only, the build is deleted and nothing is written to
a bucket, so editions, snapshots and the gate's results stay unchanged.

Belongs here: the replay and its report. Doesn't belong here: anything that changes the lake.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration import lakehouse
from orchestration.bulletin import Block, Column, Document, Section, Table, heading, paragraph
from orchestration.bulletin.open_data import formula_safe
from orchestration.bulletin.wording import chinese_date
from orchestration.core.catalogue import SEEDS, read_catalogue
from orchestration.core.errors import TongbaoError, Unreachable, UsageError
from orchestration.core.reporting_calendar import SHANGHAI, period_of, years
from orchestration.core.workspace import Progress, Workspace
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import count
from orchestration.publication.changes import BUILD, Change, Changes, compare_snapshots

__all__ = ["ReplaySummary", "YearReplay", "replay_years"]

#: Maximum of rows of a table on the page; the CSV files have all rows.
_PAGE_ROWS = 40
#: Maximum of headline figures per year on a terminal; a screen holds three years.
_TERMINAL_LINES = 5


@dataclass(frozen=True)
class Exclusion:
    """A submitted value that is excluded either before or after the change, not both.

    Attributes:
        before, after: id of the rule or error code that excludes it; None if it counts.
    """

    year: int
    unit_code: str
    indicator_code: str
    submitted_value: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Finding:
    """A code whose number of units with findings changes."""

    year: int
    code: str
    severity: str
    units_before: int
    units_after: int


@dataclass
class YearReplay:
    """The result of a replay for a year.

    Attributes:
        snapshot_id: snapshot of the marts that it is compared with.
        edition: number of the newest published edition, or None.
        is_stale: whether the current marts would be built differently today, even with the
            current seeds.
        changes: figures and ranks, as a correction would list them.
    """

    year: int
    snapshot_id: int
    edition: int | None
    is_stale: bool
    changes: Changes
    exclusions: list[Exclusion]
    findings: list[Finding]

    @property
    def figures(self) -> list[Change]:
        """Changed figures, without ranks."""
        return [change for change in self.changes.changes if not change.is_rank]

    @property
    def ranks(self) -> list[Change]:
        """Changed ranks."""
        return [change for change in self.changes.changes if change.is_rank]

    @property
    def headlines(self) -> list[Change]:
        """Changed figures and ranks that are on a bulletin's first pages."""
        return [change for change in self.changes.changes if _is_headline(change)]

    def units(self, *, excluded: bool) -> set[str]:
        """Units with a value that is newly excluded, or no longer excluded."""
        return {each.unit_code for each in self.exclusions if (each.after is not None) is excluded}

    def counts(self) -> dict[str, Any]:
        """The numbers for the table and for ``--json``."""
        return {
            "year": self.year,
            "snapshot_id": self.snapshot_id,
            "edition": self.edition,
            "is_stale": self.is_stale,
            "figures_changed": len(self.figures),
            "ranks_moved": len(self.ranks),
            "units_newly_excluded": len(self.units(excluded=True)),
            "units_no_longer_excluded": len(self.units(excluded=False)),
            "headlines": [
                {"figure": change.figure, "old": change.old, "new": change.new}
                for change in self.headlines
            ],
        }


@dataclass
class ReplaySummary:
    """The replayed years, oldest first, and the folder of the report."""

    years: list[YearReplay] = field(default_factory=list)
    folder: str = ""

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal."""
        heads = ("year", "edition", "figures", "ranks", "newly excl.", "no longer", "headlines")
        rows: list[tuple[str, ...]] = [heads]
        for each in self.years:
            counts = each.counts()
            cells = (
                each.year,
                each.edition or "-",
                counts["figures_changed"],
                counts["ranks_moved"],
                counts["units_newly_excluded"],
                counts["units_no_longer_excluded"],
                len(counts["headlines"]),
            )
            rows.append(tuple(map(str, cells)))
        found = ["  ".join(cell.rjust(11) for cell in row) for row in rows]
        for each in self.years:
            for change in each.headlines[:_TERMINAL_LINES]:
                found.append(f"  {change.figure}: {change.old} → {change.new}")
            if len(each.headlines) > _TERMINAL_LINES:
                found.append(f"  … and {len(each.headlines) - _TERMINAL_LINES} more of {each.year}")
        stale = ", ".join(str(each.year) for each in self.years if each.is_stale)
        if stale:
            found.append(
                f"the marts of {stale} would be built differently today (other code, submissions "
                "or former years), which may cause a part of this; a replay of the current "
                "rules.csv shows which part"
            )
        found.append(
            "figures, ranks: as a correction would list them; excl.: units with such values"
        )
        found.append(f"nothing else was written or changed; the report: {self.folder}/index.html")
        return found

    def as_json(self) -> dict[str, Any]:
        """The result for ``--json``."""
        return {"folder": self.folder, "years": [each.counts() for each in self.years]}


def replay_years(
    ws: Workspace, seeds: Mapping[str, Path], wanted: Sequence[int], *, progress: Progress
) -> ReplaySummary:
    """Build years again with changed seeds and report the differences to the current marts.

    Every year is built from the raw tables that its current marts were built from. Last year's
    values come from the replay if last year is replayed too.

    Args:
        seeds: ``rules`` or ``indicators`` → the file that replaces the current seed.
        wanted: the years; empty: all years that have marts.

    Raises:
        UsageError: no seed is given, a seed is broken, or a year has no marts.
    """
    if not seeds:
        raise UsageError("replay: give --rules FILE, --indicators FILE or both")
    (ws.settings.home / "tmp").mkdir(parents=True, exist_ok=True)
    summary = ReplaySummary()
    synthetic = False
    with tempfile.TemporaryDirectory(dir=ws.settings.home / "tmp", prefix="replay-") as name:
        scratch = Path(name)
        project = _project(scratch, seeds)
        with lakehouse.reader(ws.settings, ws.store) as con:
            for year, snapshot_id in _snapshots(con, wanted).items():
                summary.years.append(
                    _replay(con, ws, scratch, project, year, snapshot_id, progress=progress)
                )
                synthetic |= _is_synthetic(con, year)
    digest = hashlib.sha256(repr([each.year for each in summary.years]).encode())
    for name in sorted(seeds):
        digest.update(name.encode() + seeds[name].read_bytes())
    folder = ws.settings.home / "out" / "replay" / digest.hexdigest()[:12]
    summary.folder = str(folder)
    _write_report(ws, summary, seeds, folder, is_synthetic=synthetic)
    return summary


def _snapshots(con: duckdb.DuckDBPyConnection, wanted: Sequence[int]) -> dict[int, int]:
    """Year → snapshot of its current marts, oldest first."""
    for year in wanted:
        period_of(year)
    found = {}
    for year in sorted(wanted or years()):
        snapshot_id = lakehouse.transform_snapshot(con, year)
        if snapshot_id is not None:
            found[year] = snapshot_id
        elif wanted:
            raise UsageError(f"there are no marts of {year}: 'tongbao run --year {year}'")
    if not found:
        raise UsageError("there are no marts of any year to compare with: 'tongbao run' makes them")
    return found


# -- the changed seeds --------------------------------------------------------------------------


def _project(scratch: Path, seeds: Mapping[str, Path]) -> Path:
    """Check the changed seeds and copy the dbt project with them.

    Raises:
        UsageError: the catalogue is invalid with them.
    """
    read_catalogue(SEEDS, seeds)
    project = scratch / "dbt_project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(lakehouse.DBT_PROJECT, project, ignore=ignored)
    for name, path in seeds.items():
        body = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        (project / "seeds" / f"{name}.csv").write_bytes(body)
    return project


# -- building and comparing ---------------------------------------------------------------------


def _replay(
    con: duckdb.DuckDBPyConnection,
    ws: Workspace,
    scratch: Path,
    project: Path,
    year: int,
    snapshot_id: int,
    *,
    progress: Progress,
) -> YearReplay:
    settings = ws.settings.with_home(scratch)
    path = lakehouse.prepare_build(
        con,
        settings,
        period_of(year),
        snapshot_id=snapshot_id,
        edition=lakehouse.marts_edition(con, year),
    )
    _carry_prior_values(con, path, scratch / f"{year - 1}.duckdb")
    try:
        lakehouse.build_marts(settings, path, project=project)
    except (Unreachable, UsageError):
        raise
    except TongbaoError as error:
        # The year was built before with the current seeds, so the changed seeds are the cause.
        raise UsageError(f"replay {year}: {str(error).partition(' (see ')[0]}") from None
    progress(f"replay {year}: built with the changed seeds, compared with snapshot {snapshot_id}")
    kept = path.rename(scratch / f"{year}.duckdb")
    con.execute(f"attach {lakehouse.quoted(str(kept))} as {BUILD} (read_only)")
    try:
        editions = lakehouse.edition_rows(con, year)
        return YearReplay(
            year,
            snapshot_id,
            editions[-1]["edition"] if editions else None,
            lakehouse.marts_are_stale(con, year),
            compare_snapshots(con, year, snapshot_id, BUILD, "replay"),
            _changed_exclusions(con, year, snapshot_id),
            _changed_findings(con, year, snapshot_id),
        )
    finally:
        con.execute(f"detach {BUILD}")


def _carry_prior_values(con: duckdb.DuckDBPyConnection, path: Path, former: Path) -> None:
    """Take last year's values from last year's replay, if there is one."""
    if not former.exists():
        return
    con.execute(f"attach {lakehouse.quoted(str(path))} as {BUILD}")
    con.execute(f"attach {lakehouse.quoted(str(former))} as former (read_only)")
    try:
        for name in lakehouse.PRIOR_TABLES:
            con.execute(f"create or replace table {BUILD}.prior.{name} as from former.marts.{name}")
    finally:
        con.execute(f"detach {BUILD}")
        con.execute("detach former")


def _is_synthetic(con: duckdb.DuckDBPyConnection, year: int) -> bool:
    rows = con.execute(
        "select bool_or(is_synthetic) from lake.marts.dim_reporting_year where year = ?", [year]
    ).fetchall()
    return bool(rows[0][0])


def _changed_exclusions(
    con: duckdb.DuckDBPyConnection, year: int, snapshot_id: int
) -> list[Exclusion]:
    rows = con.execute(
        "with before as (select unit_code, indicator_code, submitted_value, exclusion_code "
        f"from lake.marts.fct_unit_indicator at (version => {snapshot_id}) "
        "where year = ? and submitted_value is not null), "
        "after as (select unit_code, indicator_code, submitted_value, exclusion_code "
        f"from {BUILD}.marts.fct_unit_indicator where submitted_value is not null) "
        "select unit_code, indicator_code, "
        "coalesce(before.submitted_value, after.submitted_value), "
        "before.exclusion_code, after.exclusion_code "
        "from before full join after using (unit_code, indicator_code) "
        "where (before.exclusion_code is null) <> (after.exclusion_code is null) "
        "order by unit_code, indicator_code",
        [year],
    ).fetchall()
    return [Exclusion(year, *row) for row in rows]


def _changed_findings(con: duckdb.DuckDBPyConnection, year: int, snapshot_id: int) -> list[Finding]:
    of_units = (
        "select code, severity, count(distinct unit_code) as units from {} "
        f"where year = {year} and unit_code is not null group by code, severity"
    )
    standing = f"lake.quality.submission_errors at (version => {snapshot_id})"
    rows = con.execute(
        f"with before as ({of_units.format(standing)}), "
        f"after as ({of_units.format(f'{BUILD}.quality.submission_errors')}) "
        "select code, severity, coalesce(before.units, 0), coalesce(after.units, 0) "
        "from before full join after using (code, severity) "
        "where before.units is distinct from after.units order by code, severity"
    ).fetchall()
    return [Finding(year, *row) for row in rows]


def _is_headline(change: Change) -> bool:
    """Whether a change would be on a bulletin's first pages.

    These are national measures, totals that change between growth and decline, and ranks that
    enter or leave the first ``headline_places``, which the national bulletin names.
    """
    if change.table == "national_scorecard":
        return True
    if change.table == "agg_national_indicator" and change.column == "matched_change_rate":
        return _sign(change.old) != _sign(change.new)
    places = project_var("headline_places")
    return change.is_rank and _is_among(change.old, places) != _is_among(change.new, places)


def _sign(value: Any) -> int | None:
    return None if value is None else (value > 0) - (value < 0)


def _is_among(rank: int | None, places: int) -> bool:
    return rank is not None and rank <= places


# -- the report ---------------------------------------------------------------------------------


def _write_report(
    ws: Workspace,
    summary: ReplaySummary,
    seeds: Mapping[str, Path],
    folder: Path,
    *,
    is_synthetic: bool,
) -> None:
    from orchestration.bulletin.render import render_html, with_font

    folder.mkdir(parents=True, exist_ok=True)
    for each in summary.years:
        (folder / f"changes-{each.year}.csv").write_bytes(each.changes.as_csv())
    (folder / "exclusions.csv").write_bytes(_exclusions_csv(summary))
    today = ws.settings.now().astimezone(SHANGHAI).date()
    page = render_html(_report_document(summary, seeds, today, is_synthetic=is_synthetic))
    for name, body in with_font({"index.html": page}).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)


def _exclusions_csv(summary: ReplaySummary) -> bytes:
    body = io.StringIO()
    writer = csv.writer(body, lineterminator="\r\n")
    writer.writerow(["year", "unit_code", "indicator_code", "submitted_value", "before", "after"])
    for year in summary.years:
        for each in year.exclusions:
            row = (str(each.year), each.unit_code, each.indicator_code, each.submitted_value)
            writer.writerow(
                formula_safe(cell) for cell in (*row, each.before or "", each.after or "")
            )
    return body.getvalue().encode("utf-8-sig")


def _report_document(
    summary: ReplaySummary, seeds: Mapping[str, Path], today: date, *, is_synthetic: bool
) -> Document:
    span = "、".join(str(each.year) for each in summary.years)
    names = {"rules": "交叉校验规则", "indicators": "指标目录"}
    changed = "和".join(names[name] for name in sorted(seeds, reverse=True))
    title = f"{changed}变更回溯测算"
    return Document(
        path="index",
        year=summary.years[-1].year,
        title_lines=(title,),
        short_title=title,
        organ="内部测算，不是通报",
        number="",
        recipients="",
        signed_by="",
        dated=chinese_date(today),
        publication_date=today,
        opening=paragraph(
            f"以变更后的{changed}重新计算{span}年度数据，并与现行数据比较。本测算不改变已发布的通报、"
            "数据集市和质量门结论。以下“测算数”为变更后的结果。"
        ),
        sections=(
            Section("概况", (_overview_table(summary), *_stale_note(summary))),
            *(Section(f"{each.year}年度", tuple(_year_blocks(each))) for each in summary.years),
        ),
        links=(
            *((f"{y.year}年度全部变动（CSV）", f"changes-{y.year}.csv") for y in summary.years),
            ("剔除变化的填报值（CSV）", "exclusions.csv"),
        ),
        is_synthetic=is_synthetic,
        is_letter=False,
        is_traced=False,
    )


def _overview_table(summary: ReplaySummary) -> Table:
    heads = ("已发布版次", "变动数据", "变动名次", "新增剔除单位", "恢复采用单位", "主要数据变动")
    return Table(
        "各年度变动情况",
        (Column("年度", 2, "left"), *(Column(head, 2) for head in heads)),
        tuple(
            (
                f"{each.year}年度",
                f"第{each.edition}版" if each.edition else "未发布",
                *map(
                    count,
                    (
                        len(each.figures),
                        len(each.ranks),
                        len(each.units(excluded=True)),
                        len(each.units(excluded=False)),
                        len(each.headlines),
                    ),
                ),
            )
            for each in summary.years
        ),
        "主要数据指全国评价指标、全国合计数增减方向和各省居前名次"
        f"（前{project_var('headline_places')}名）。",
    )


def _stale_note(summary: ReplaySummary) -> list[Block]:
    found = "、".join(str(each.year) for each in summary.years if each.is_stale)
    if not found:
        return []
    return [
        paragraph(
            f"{found}年度现行数据由较早的程序或上年数据生成，部分变动可能由此引起，不全是本次变更的结果。"
        )
    ]


def _year_blocks(year: YearReplay) -> list[Block]:
    if not (year.changes.changes or year.exclusions or year.findings):
        return [paragraph("本年度没有变动。")]
    found: list[Block] = []
    if year.findings:
        found += [heading("发现的问题"), _findings_table(year)]
    if year.exclusions:
        found += [heading("剔除的填报值"), _exclusions_table(year)]
    national = [change for change in year.figures if "national" in change.table]
    for title, changes in (
        ("主要数据", year.headlines),
        ("全国数据", national),
        ("名次", year.ranks),
    ):
        if changes:
            note = f"以上为前{_PAGE_ROWS}项，共{len(changes):,}项，全部见CSV文件。"
            found.append(heading(title))
            shown = changes[:_PAGE_ROWS]
            found.append(year.changes.table(shown, "测算数", is_traced=False))
            found += [paragraph(note)] if len(changes) > _PAGE_ROWS else []
    return found


def _findings_table(year: YearReplay) -> Table:
    words = {"error": "错误（剔除）", "warning": "提示"}
    return Table(
        "",
        (
            Column("规则或代码", 3, "left"),
            Column("性质", 2, "left"),
            *(Column(head, 2) for head in ("原涉及单位", "测算涉及单位", "差额")),
        ),
        tuple(
            (
                each.code,
                words.get(each.severity, each.severity),
                count(each.units_before),
                count(each.units_after),
                f"{each.units_after - each.units_before:+,}".replace("-", "−"),
            )
            for each in year.findings
        ),
    )


def _exclusions_table(year: YearReplay) -> Table:
    """A table of changed exclusions, by rule or error code and by direction."""
    rules: dict[tuple[str, bool], list[Exclusion]] = {}
    for each in year.exclusions:
        rules.setdefault((each.after or each.before or "", each.after is not None), []).append(each)
    return Table(
        "",
        (
            Column("规则或代码", 3, "left"),
            Column("变化", 2, "left"),
            Column("填报值", 2),
            Column("单位", 2),
        ),
        tuple(
            (
                code,
                "新增剔除" if is_excluded else "恢复采用",
                count(len(found)),
                count(len({each.unit_code for each in found})),
            )
            for (code, is_excluded), found in sorted(rules.items())
        ),
    )
