"""One rehearsal run: judges, counts, projects and writes the pages.

Belongs here: the order of things. The verdict stays in this process: ``quality.gate_results`` is
not written. Doesn't belong here: what was found, as data (``found``), and the pages (``pages``).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import duckdb

from expectations import CHECKS
from expectations.checks import Check
from orchestration import lakehouse
from orchestration.core.reporting_calendar import SHANGHAI, period_of, years
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import GateDecision, judge_snapshot
from orchestration.rehearsal.counts import GroupStatus, group_statuses, units_of
from orchestration.rehearsal.found import Rehearsal
from orchestration.rehearsal.pages import national_page, province_pages

__all__ = ["run_rehearsal"]


def run_rehearsal(
    ws: Workspace, year: int, snapshot_id: int, *, run_id: str, progress: Progress
) -> Rehearsal:
    """Judge a snapshot as the gate does, project it to the cut-off and write the pages.

    Raises:
        TongbaoError: a check could not be carried out.
        Unreachable: the store fails.
    """
    settings, now = ws.settings, ws.settings.now()
    period = period_of(year)
    decision = judge_snapshot(settings, ws.store, year, snapshot_id, run_id=run_id)
    early = tuple(o for o in decision.outcomes if o.check.from_cutoff and now < period.cutoff_at)
    decision = dataclasses.replace(
        decision, outcomes=tuple(o for o in decision.outcomes if o not in early)
    )
    day = now.astimezone(SHANGHAI).date()
    page = f"receipts/year={year}/rehearsal.html"
    with lakehouse.reader(settings, ws.store, snapshot_id) as con:
        counted = _group_counts(con, year, now)
        found = Rehearsal(
            year=year,
            at=now,
            days_left=period.days_left(now),
            snapshot_id=snapshot_id,
            is_synthetic=decision.is_synthetic,
            would_block=decision.blocked,
            blocking=tuple(_blocking_with_titles(decision)),
            warnings=len(decision.warnings),
            left_out=tuple(outcome.check.title_en for outcome in early),
            page=page,
            place=(
                str(settings.home / "s3" / settings.publication_bucket / page)
                if settings.uses_local_store
                else f"s3://{settings.publication_bucket}/{page}"
            ),
            **counted,
        )

        def pages() -> Iterator[tuple[str, bytes]]:
            body = national_page(con, found, decision)
            data = json.dumps(
                dataclasses.asdict(found), ensure_ascii=False, indent=1, default=str
            ).encode()
            yield page, body
            yield page.replace("rehearsal.", f"rehearsal-{day}."), body
            yield page.replace("rehearsal.html", f"rehearsal-{day}.json"), data
            yield from province_pages(con, found, decision)

        written = ws.store.put_many(settings.publication_bucket, pages())
    progress(
        f"rehearsal {year}: would {'block' if found.would_block else 'pass'}, snapshot "
        f"{snapshot_id}: {len(found.blocking)} block, {found.warnings} warn; {written} files"
    )
    return found


def _blocking_with_titles(decision: GateDecision) -> Iterator[dict[str, Any]]:
    for brief, finding in zip(decision.summary()["blocking"], decision.blocking, strict=True):
        worst = finding.causes[0].text_en(2) if finding.causes else ""
        yield brief | {
            "title_zh": finding.title_zh,
            "title_en": finding.title_en,
            "worst_en": worst,
        }


def _on_time_checks() -> dict[str, Check]:
    """The gate's checks of the on-time rate, by the kind of group that they judge."""
    checks = {check.name: check for check in chain.from_iterable(CHECKS.values())}
    return {
        group: checks[f"on_time_rate_{group}"] for group in ("nation", "province", "task", "cell")
    }


def _group_counts(con: duckdb.DuckDBPyConnection, year: int, now: datetime) -> dict[str, Any]:
    """The fields of :class:`Rehearsal` that are counted from units."""
    period = period_of(year)
    last_period = period_of(year - 1) if year - 1 in years() else None
    units, last_units = units_of(con, year), units_of(con, year - 1)
    checks = _on_time_checks()

    def group(check: str, *by: str) -> Sequence[GroupStatus]:
        return group_statuses(
            units, last_units, period, last_period, now, by=by, check=checks[check]
        )

    [nation] = group("nation")
    return {
        "nation": nation,
        "provinces": tuple(group("province", "province_code")),
        "tasks": tuple(group("task", "task_code")),
        "cells": tuple(
            cell
            for cell in group("cell", "province_code", "task_code")
            if cell.outlook in {"uncertain", "fails"}
        ),
        "from_future": sum(unit.first_at is not None and unit.first_at > now for unit in units),
    }
