"""The stages, as the command line and the Dagster assets both call them.

Belongs here: opening the store and the lake for a stage and handing results on. Doesn't belong
here: what a stage does (intake, lakehouse, gate, publication) and how it is scheduled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration import lakehouse
from orchestration.core.errors import GateBlocked, TongbaoError, Unreachable, UsageError
from orchestration.core.reporting_calendar import period_of, years
from orchestration.core.versions import code_versions, recorded_versions
from orchestration.core.workspace import Progress, Workspace
from orchestration.intake import (
    IntakeSummary,
    intake_is_pending,
    list_landing,
    refresh_receipts,
    run_intake,
    unseen,
)
from orchestration.lakehouse import MaintainSummary, TransformSummary
from orchestration.observing import metrics_once, observed
from orchestration.storage import open_workspace

if TYPE_CHECKING:
    from orchestration.gate import GateDecision
    from orchestration.publication import PublishSummary, ReplaySummary, VerifySummary
    from orchestration.receipts import ReceiptsSummary, RemindersSummary
    from orchestration.rehearsal import Rehearsal
    from orchestration.trace import Trace

__all__ = [
    "Waiting",
    "Workspace",
    "correct",
    "edition_snapshot",
    "gate",
    "intake",
    "is_published",
    "maintain",
    "open_workspace",
    "publish",
    "receipts",
    "rehearse",
    "reminders",
    "repeat",
    "replay",
    "trace",
    "transform",
    "verify",
    "waiting",
]

#: A reason is a sentence that stands in the notice, not a report.
_REASON = 500
#: How often a correction builds its marts where documents keep landing meanwhile: the second time
#: nearly always sees all, and one run must end; after the third the gate says that they are stale.
_TRANSFORMS = 3


@dataclass(frozen=True)
class Waiting:
    """What a run would find to do.

    Attributes:
        objects: in the landing bucket and not taken in.
        digest: of their keys and ETags; "" where there are none.
        marts_are_behind: what the year's marts are made from has changed since.
    """

    objects: int
    digest: str
    marts_are_behind: bool


def waiting(ws: Workspace, year: int) -> Waiting:
    """Compare the landing bucket with what was taken in, and that with the marts.

    Where the lake can't be asked (there is none yet), every object waits: the run finds out.

    Raises:
        Unreachable: the store can't be listed.
    """
    new = list_landing(ws.store, ws.settings.landing_bucket, year)
    behind = False
    try:
        with lakehouse.reader(ws.settings, ws.store) as con:
            new = unseen(con, new)
            behind = lakehouse.marts_are_stale(con, year)
    except (Unreachable, duckdb.CatalogException):  # no catalogue, or one without tables
        pass
    digest = hashlib.sha256()
    for info in new:
        digest.update(f"{info.key}\0{info.etag}\n".encode("utf-8", "surrogatepass"))
    return Waiting(len(new), digest.hexdigest() if new else "", behind)


def repeat(
    ws: Workspace, year: int, until: str, *, run_id: str, progress: Progress
) -> dict[str, Any] | None:
    """Run the stages up to ``until`` where none of them has anything to do.

    It asks the listing of the landing bucket, the records of transform and gate, and the editions,
    and imports neither Dagster, dbt nor Great Expectations. A run that changes something belongs
    into Dagster's history; one that changes nothing needn't be there.

    Args:
        until: ``intake``, ``transform``, ``gate`` or ``publish``.

    Returns:
        what each stage returned, by stage, the ``run_id`` and the ``year``, as a run of the
        Dagster job does; None where there is something to do, or where that can't be found out.
    """
    wanted = _STAGES[until]
    if not _is_done(ws, year, wanted):
        return None
    with metrics_once(ws):
        outcomes = {
            stage.__name__: stage(ws, year, run_id=run_id, progress=progress) for stage in wanted
        }
    return {"run_id": run_id, "year": year, **outcomes}


def _is_done(ws: Workspace, year: int, wanted: Sequence[Callable[..., Any]]) -> bool:
    """Whether none of the stages would change anything, the readable receipts aside.

    The receipts follow from the marts: a page that a killed run left out is written either way.
    """
    period_of(year)
    try:
        with lakehouse.reader(ws.settings, ws.store) as con:
            if transform in wanted and not _is_transformed(con, year):
                return False
            snapshot_id = lakehouse.transform_snapshot(con, year)
            editions = lakehouse.edition_rows(con, year)
            if publish in wanted and (not editions or editions[-1]["snapshot_id"] != snapshot_id):
                return False
            if gate in wanted:
                verdict = lakehouse.gate_rows(con, year, snapshot_id or 0, code_versions())
                if not _still_holds(con, year, verdict):
                    return False
            return not intake_is_pending(con, ws.store, ws.settings, year)
    except (Unreachable, duckdb.CatalogException):  # the run finds out what is wrong
        return False


def _is_transformed(con: duckdb.DuckDBPyConnection, year: int) -> bool:
    former_years = lakehouse.years_with_submissions(con, before=year)
    return not (
        any(_must_be_built_first(con, former) for former in former_years)
        or lakehouse.marts_are_stale(con, year, _standing_number(con, year))
    )


@observed
def intake(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> IntakeSummary:
    """Take in what is new under every year up to ``year``."""
    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        return run_intake(con, ws.store, ws.settings, year=year, run_id=run_id, progress=progress)


@observed
def transform(
    ws: Workspace, year: int, *, run_id: str, progress: Progress, edition: int | None = None
) -> list[TransformSummary]:
    """Rebuild the marts of ``year``, and first those of former years that are not in order.

    A year reads the counted values of the year before, which read those of the year before that.
    So that years may be run in any order, former years that have submissions are built first,
    oldest first, where their marts are missing or would be built otherwise today. Those of a
    year that has an edition are replaced by a run of that year only.

    Args:
        edition: what counts is decided for it; None: for the one that stands, or the first.
    """
    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)

        def receipts(build: duckdb.DuckDBPyConnection, built_year: int) -> int:
            return refresh_receipts(build, ws.store, ws.settings, built_year, progress=progress)

        def build(each: int, number: int) -> TransformSummary:
            return lakehouse.transform_year(
                con,
                ws.settings,
                each,
                run_id=run_id,
                edition=number,
                before_commit=receipts,
                progress=progress,
            )

        done = []
        for former in lakehouse.years_with_submissions(con, before=year):
            if _must_be_built_first(con, former):
                done.append(build(former, _standing_number(con, former)))
            elif lakehouse.marts_are_stale(con, former):
                progress(
                    f"transform {year}: the marts of {former} stay as they were built; "
                    f"'tongbao run --year {former}' brings them up to date"
                )
        done.append(build(year, edition or _standing_number(con, year)))
        if lakehouse.transform_record(con, year + 1) and lakehouse.marts_are_stale(con, year + 1):
            progress(
                f"transform {year}: the marts of {year + 1} were made from older ones; "
                f"'tongbao run --year {year + 1}' brings them up to date"
            )
        return done


def _must_be_built_first(con: duckdb.DuckDBPyConnection, former: int) -> bool:
    """Whether a later year's transform builds the marts of a former year."""
    if lakehouse.transform_record(con, former) is None:
        return True
    return lakehouse.marts_are_stale(con, former) and not lakehouse.edition_rows(con, former)


def _standing_number(con: duckdb.DuckDBPyConnection, year: int) -> int:
    return max([1, *(row["edition"] for row in lakehouse.edition_rows(con, year))])


@observed
def receipts(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> ReceiptsSummary:
    """Write the readable receipts of ``year``: of objects, units and provinces.

    Raises:
        TongbaoError: the year has no marts.
    """
    from orchestration.receipts import write_pages

    del run_id  # pages say what is so, not who wrote them
    _marts_snapshot(ws, year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)
        return write_pages(con, ws.store, ws.settings, year, progress=progress)


@observed
def reminders(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> RemindersSummary:
    """Write what each province still has to do before the cut-off, as of today.

    Raises:
        TongbaoError: the collection isn't open, or the year has no marts.
    """
    from orchestration.receipts import write_reminders

    del run_id
    _marts_snapshot(ws, year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        done = write_reminders(con, ws.store, ws.settings, year)
    progress(done.lines[0])
    return done


def is_published(ws: Workspace, year: int) -> bool:
    """Whether an edition of ``year`` is recorded; False where there is no lake that says so."""
    try:
        with lakehouse.reader(ws.settings, ws.store) as con:
            return bool(lakehouse.edition_rows(con, year))
    except (Unreachable, duckdb.CatalogException):
        return False


@dataclass
class GateSummary:
    """What the gate said.

    Attributes:
        snapshot_id: the snapshot judged.
        blocked: whether publication is held back.
        rows: rows of ``quality.gate_results``.
        lines: what a terminal shows.
        judged: False where the same code had already judged this snapshot and let it through.
        notice: where it blocks, the whole of it as one message.
    """

    year: int
    snapshot_id: int
    blocked: bool
    rows: list[dict[str, Any]]
    lines: list[str]
    judged: bool
    notice: str = ""

    @property
    def verdict(self) -> str:
        """One line."""
        if not self.blocked:
            return f"the gate lets {self.year} through (snapshot {self.snapshot_id})"
        return (
            f"the gate blocks {self.year} (snapshot {self.snapshot_id}): nothing is published; "
            "what blocks is listed above"
        )


@observed
def gate(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> GateSummary:
    """Judge the year's marts and record the decision with the snapshot judged.

    Raises:
        TongbaoError: the year has no marts, or a check could not be carried out.
    """
    snapshot_id = _marts_snapshot(ws, year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        standing = lakehouse.gate_rows(con, year, snapshot_id, code_versions())
        still_holds = _still_holds(con, year, standing)
    if still_holds:
        progress(f"gate {year}: snapshot {snapshot_id} was judged before and let through")
        said = f"the gate let {year} through before (snapshot {snapshot_id})"
        return GateSummary(year, snapshot_id, False, standing, [said], False)
    decision = _judge_and_record(ws, year, snapshot_id, standing, run_id=run_id)
    state = "blocked" if decision.blocked else "passed"
    progress(
        f"gate {year}: {state}, snapshot {snapshot_id}: {len(decision.outcomes)} expectations, "
        f"{len(decision.blocking)} block, {len(decision.warnings)} warn"
    )
    return GateSummary(
        year,
        snapshot_id,
        decision.blocked,
        decision.results,
        decision.print_lines(),
        True,
        decision.notice() if decision.blocked else "",
    )


def _still_holds(
    con: duckdb.DuckDBPyConnection, year: int, verdict: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether a recorded verdict lets the marts through and needn't be asked again.

    A waiver counts until a day: a verdict that waivers play a part in is asked again each time.
    """
    from orchestration.gate import read_waivers

    waived = bool(read_waivers(year)) or any(row["waived_by"] for row in verdict)
    return bool(verdict) and not (
        waived or lakehouse.blocks(verdict) or lakehouse.marts_are_stale(con, year)
    )


def _judge_and_record(
    ws: Workspace, year: int, snapshot_id: int, standing: list[dict[str, Any]], *, run_id: str
) -> GateDecision:
    """Judge, and append the verdict where it differs from the standing one."""
    from orchestration.gate import judge_snapshot

    decision = judge_snapshot(ws.settings, ws.store, year, snapshot_id, run_id=run_id)
    ws.decisions[year, snapshot_id] = decision
    if _verdicts(decision.results) != _verdicts(standing):
        with lakehouse.writer(ws.settings, ws.store) as con:
            lakehouse.record_gate(con, decision.results, code_versions())
    return decision


@observed
def rehearse(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> Rehearsal:
    """Judge what is there now as the gate would, and record no verdict.

    Raises:
        TongbaoError: the year has no marts, or a check could not be carried out.
    """
    from orchestration.rehearsal import run_rehearsal

    return run_rehearsal(ws, year, _marts_snapshot(ws, year), run_id=run_id, progress=progress)


@observed
def publish(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> PublishSummary:
    """Publish edition 1 from the snapshot that the gate let through.

    The current edition is never changed. If it was made from this snapshot, nothing is done.

    Raises:
        PublicationRefused: the marts are newer than the current edition.
        GateBlocked: the gate blocks that snapshot.
        TongbaoError: the gate hasn't judged it.
    """
    from orchestration import publication

    snapshot_id = _marts_snapshot(ws, year)
    with lakehouse.publisher(ws.settings):
        editions = publication.published_editions(ws, year)
        if editions:
            return publication.already_published(ws, year, editions[-1], snapshot_id)
        decision, inputs_digest = _passed(ws, year, snapshot_id, run_id=run_id)
        return publication.publish_first(
            ws, year, decision, inputs_digest=inputs_digest, progress=progress
        )


@observed
def correct(
    ws: Workspace, year: int, reason: str, *, run_id: str, progress: Progress
) -> PublishSummary:
    """Publish the next edition of ``year``: what is known now, and what that changes.

    Takes in what is new, rebuilds the marts with what a corrected edition counts (documents
    before the calendar's ``correction_cutoff``), judges and publishes.

    Args:
        reason: why, in a sentence.

    Raises:
        UsageError: no reason is given, or it is too long.
        TongbaoError: nothing is published that could be corrected.
        GateBlocked: the gate blocks; the standing edition stays.
    """
    from orchestration import publication

    reason = " ".join(reason.split())
    if not reason or len(reason) > _REASON:
        raise UsageError(f"--reason: a sentence of 1 to {_REASON} characters")
    with lakehouse.publisher(ws.settings):
        editions = publication.published_editions(ws, year)
        if not editions:
            raise TongbaoError(
                f"nothing is published of {year} that could be corrected: "
                f"'tongbao run --year {year}'"
            )
        intake(ws, year, run_id=run_id, progress=progress)
        for _ in range(_TRANSFORMS):
            transform(
                ws, year, run_id=run_id, progress=progress, edition=editions[-1]["edition"] + 1
            )
            with lakehouse.reader(ws.settings, ws.store) as con:
                if not lakehouse.marts_are_stale(con, year):
                    break
        gate(ws, year, run_id=run_id, progress=progress)
        decision, inputs_digest = _passed(ws, year, _marts_snapshot(ws, year), run_id=run_id)
        return publication.correct_edition(
            ws, year, reason, editions, decision, inputs_digest=inputs_digest, progress=progress
        )


@observed
def verify(
    ws: Workspace, year: int, edition: int | None, *, run_id: str, progress: Progress
) -> VerifySummary:
    """Make an edition again from its snapshot and compare every file.

    Raises:
        UsageError: there is no such edition.
    """
    from orchestration import publication

    period_of(year)
    return publication.verify_edition(ws, year, edition, run_id=run_id, progress=progress)


def maintain(
    ws: Workspace, *, keep: timedelta | None = None, dry_run: bool, progress: Progress
) -> MaintainSummary:
    """Upkeep of the lake and of what killed runs left; editions read the same afterwards.

    Args:
        keep: how long a snapshot stays that nothing pins; None: the default.

    Raises:
        Unreachable: another run is writing or publishing, or there is no lakehouse yet.
    """
    from orchestration import bulletin

    bucket = ws.settings.publication_bucket
    with lakehouse.reader(ws.settings, ws.store):
        pass  # a writer would make a lakehouse where there is none
    with lakehouse.publisher(ws.settings), lakehouse.writer(ws.settings, ws.store) as con:
        return lakehouse.maintain(
            con,
            ws.settings,
            ws.store,
            manifests=bulletin.published_snapshots(ws.store, bucket),
            unfinished=bulletin.unfinished_objects(ws.store, bucket),
            folders=bulletin.unfinished_folders(ws.settings.home / "out"),
            keep=lakehouse.KEEP_SNAPSHOTS if keep is None else keep,
            dry_run=dry_run,
            progress=progress,
        )


def replay(
    ws: Workspace, seeds: Mapping[str, Path], wanted: Sequence[int], *, progress: Progress
) -> ReplaySummary:
    """Report what past years would have been with other rules or indicators; changes nothing.

    Raises:
        UsageError: no seed is given, a seed is broken, or a year has no marts.
    """
    from orchestration import publication

    return publication.replay_years(ws, seeds, wanted, progress=progress)


def trace(ws: Workspace, figure: str, edition: int | None = None) -> Trace:
    """Trace a figure: as of an edition, of the newest one, or of the present marts. Reads only.

    Args:
        edition: its number; None takes the newest, or the present marts where none is published.

    Raises:
        UsageError: there is no such figure or edition.
        TongbaoError: the year has no marts.
    """
    from orchestration import trace as tracing

    wanted = tracing.parse_figure(figure)
    with lakehouse.reader(ws.settings, ws.store) as con:
        editions = {row["edition"]: row for row in lakehouse.edition_rows(con, wanted.year)}
        if edition is None and editions:
            edition = max(editions)
        if edition is None:
            snapshot_id = _marts_snapshot(ws, wanted.year)
        elif edition in editions:
            snapshot_id = editions[edition]["snapshot_id"]
        else:
            numbers = ", ".join(map(str, editions)) or "none"
            raise UsageError(f"{wanted.year} has no edition {edition} (published: {numbers})")
        made_with = recorded_versions(editions[edition]) if edition else code_versions()
        judged = lakehouse.gate_rows(con, wanted.year, snapshot_id, made_with)
    with lakehouse.reader(ws.settings, ws.store, snapshot_id) as con:
        found = tracing.trace(con, wanted, gate_rows=judged)
    return replace(found, snapshot_id=snapshot_id, edition=edition)


def edition_snapshot(ws: Workspace, edition: int, year: int | None = None) -> int:
    """The snapshot of an edition; of the last year that has it where none is named.

    Raises:
        UsageError: there is no such edition.
    """
    with lakehouse.reader(ws.settings, ws.store) as con:
        for each in [year] if year else sorted(years(), reverse=True):
            for row in lakehouse.edition_rows(con, each):
                if row["edition"] == edition:
                    return int(row["snapshot_id"])
    raise UsageError(f"there is no edition {edition}" + (f" of {year}" if year else ""))


def _passed(ws: Workspace, year: int, snapshot_id: int, *, run_id: str) -> tuple[GateDecision, str]:
    """The decision that lets a snapshot through, and the digest of what it was built from.

    Raises:
        GateBlocked: the gate blocks that snapshot.
        TongbaoError: the gate hasn't judged it.
    """
    with lakehouse.reader(ws.settings, ws.store) as con:
        judged = lakehouse.gate_rows(con, year, snapshot_id, code_versions())
        inputs_digest = lakehouse.transform_record(con, year)
    if not judged:
        raise TongbaoError(
            f"the gate has not judged the marts of {year} (snapshot {snapshot_id}): "
            f"run 'tongbao gate --year {year}'"
        )
    decision = ws.decisions.get((year, snapshot_id))
    if decision is None or decision.waived or lakehouse.blocks(judged):
        # What was waived then may not be now, and the bulletin says what is waived today.
        decision = _judge_and_record(ws, year, snapshot_id, judged, run_id=run_id)
    if decision.blocked:
        raise GateBlocked(
            f"the gate blocks {year} (snapshot {snapshot_id}): nothing is published",
            decision.print_lines(),
            decision.notice(),
        )
    return decision, inputs_digest or ""


#: The stages that ``tongbao run --until STAGE`` comes to, as the jobs have them.
_STAGES: dict[str, Sequence[Callable[..., Any]]] = {
    "intake": (intake,),
    "transform": (intake, transform),
    "gate": (intake, transform, gate),
    "publish": (intake, transform, receipts, gate, publish),
}


def _verdicts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    kept = ("suite", "expectation", "severity", "success", "observed", "threshold", "detail")
    return sorted((*(row[name] for name in kept), row["waived_by"] or "") for row in rows)


def _marts_snapshot(ws: Workspace, year: int) -> int:
    period_of(year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        snapshot_id = lakehouse.transform_snapshot(con, year)
    if snapshot_id is None:
        raise TongbaoError(
            f"there are no marts of {year} yet: run 'tongbao transform --year {year}'"
        )
    return snapshot_id
