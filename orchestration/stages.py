"""The stages: functions that the command line and the Dagster assets both call.

Belongs here: opening the store and the lake for a stage and returning its result. Doesn't belong
here: the work of a stage (intake, lakehouse, gate, publication) and its scheduling (``defs``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration import lakehouse
from orchestration.core.errors import GateBlocked, TongbaoError, Unreachable, UsageError
from orchestration.core.reporting_calendar import period_of, years
from orchestration.core.versions import code_versions, recorded_versions
from orchestration.core.workspace import Progress, Workspace
from orchestration.lakehouse import MaintainSummary, TransformSummary
from orchestration.observing import metrics_once, observed
from orchestration.storage import open_workspace

if TYPE_CHECKING:
    from orchestration.gate import GateDecision
    from orchestration.intake.run import IntakeSummary
    from orchestration.publication import PublishSummary, ReplaySummary, VerifySummary
    from orchestration.receipts import ReceiptsSummary, RemindersSummary
    from orchestration.rehearsal import Rehearsal
    from orchestration.telling import ToldSummary, Undeliverable
    from orchestration.trace import Trace

__all__ = [
    "Waiting",
    "Workspace",
    "bounces",
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
    "tell",
    "trace",
    "transform",
    "verify",
    "waiting",
]

#: Longest reason of a correction, in characters: the notice prints it as one sentence.
_MAX_REASON = 500
#: How often a correction builds its marts at most, when documents keep landing in the meantime. The
#: second build nearly always includes them all; after the third the gate reports stale marts.
_MAX_TRANSFORMS = 3


@dataclass(frozen=True)
class Waiting:
    """The work that a run would find.

    Attributes:
        objects: number of objects in the landing bucket that are not taken in.
        digest: SHA-256 of their keys and ETags; "" without such objects.
        marts_are_behind: whether the inputs of the year's marts have changed since they were built.
    """

    objects: int
    digest: str
    marts_are_behind: bool


def waiting(ws: Workspace, year: int) -> Waiting:
    """Compare the landing bucket with the lake's ``raw`` tables, and these with the marts.

    Without a lake (or if it can't be read) every object counts as waiting.

    Raises:
        Unreachable: the store can't be listed.
    """
    from orchestration.intake.listing import list_landing, new_objects

    new = list_landing(ws.store, ws.settings.landing_bucket, year)
    behind = False
    try:
        with lakehouse.reader(ws.settings, ws.store) as con:
            new = new_objects(con, new)
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
    """Run the stages up to ``until``, but only if none of them has anything to do.

    This compares the listing of the landing bucket with the records of intake, transform, gate and
    editions. It imports neither Dagster, dbt nor Great Expectations, and leaves no run in Dagster's
    history, because it changes nothing.

    Args:
        until: ``intake``, ``transform``, ``gate`` or ``publish``.

    Returns:
        the result of each stage by its name, the ``run_id`` and the ``year``, like a run of the
        Dagster job; None if there is something to do, or if the lake can't be read.
    """
    wanted = _STAGES[until]
    idle = _nothing_to_do(ws, year, wanted)
    if idle is None:
        return None
    with metrics_once(ws):
        outcomes = {
            stage.__name__: stage(
                ws,
                year,
                run_id=run_id,
                progress=progress,
                **({"idle": idle} if stage is intake else {}),
            )
            for stage in wanted
        }
    return {"run_id": run_id, "year": year, **outcomes}


def _nothing_to_do(
    ws: Workspace, year: int, wanted: Sequence[Callable[..., Any]]
) -> IntakeSummary | None:
    """The summary of the intake if none of the stages would change anything; otherwise None.

    Receipt pages may be missing: they depend only on the marts, and the stage writes pages that a
    killed run left out.
    """
    from orchestration.intake.run import idle_intake

    period_of(year)
    try:
        with lakehouse.reader(ws.settings, ws.store) as con:
            if transform in wanted and not _transform_is_done(con, year):
                return None
            snapshot_id = lakehouse.transform_snapshot(con, year)
            editions = lakehouse.edition_rows(con, year)
            if publish in wanted and not (
                editions and _has_marts_of(con, ws, year, editions[-1], snapshot_id or 0)
            ):
                return None
            if gate in wanted:
                verdict = lakehouse.gate_rows(con, year, snapshot_id or 0, code_versions())
                if not _still_holds(con, year, verdict):
                    return None
            return idle_intake(con, ws.store, ws.settings, year)
    except (Unreachable, duckdb.CatalogException):  # a complete run reports the error
        return None


def _has_marts_of(
    con: duckdb.DuckDBPyConnection,
    ws: Workspace,
    year: int,
    edition: Mapping[str, Any],
    snapshot_id: int,
) -> bool:
    """Whether a snapshot has the marts that an edition (its row) was made from.

    Marts that were rebuilt with the same rows, by newer code or for a correction that found nothing
    to correct, are in another snapshot.
    """
    if edition["snapshot_id"] == snapshot_id:
        return True
    tables = [table.qualified for table in lakehouse.lake_tables(ws.settings)]
    return lakehouse.same_rows(con, tables, year, edition["snapshot_id"], snapshot_id)


def _transform_is_done(con: duckdb.DuckDBPyConnection, year: int) -> bool:
    former_years = lakehouse.years_with_submissions(con, before=year)
    return not (
        any(_must_be_built_first(con, former) for former in former_years)
        or lakehouse.marts_are_stale(con, year, _current_edition_number(con, year))
    )


@observed
def intake(
    ws: Workspace,
    year: int,
    *,
    run_id: str,
    progress: Progress,
    idle: IntakeSummary | None = None,
) -> IntakeSummary:
    """Take in the new and changed objects of every year up to ``year``.

    Args:
        idle: the summary of a listing, made just now, in which nothing is new; None to list.

    Raises:
        Unreachable: the store or the catalogue fails.
    """
    from orchestration.intake.run import run_intake

    period_of(year)
    if idle is not None:
        progress(idle.listing_line(new=0))
        return idle
    with lakehouse.writer(ws.settings, ws.store) as con:
        before = lakehouse.current_snapshot(con)
        done = run_intake(con, ws.store, ws.settings, year=year, run_id=run_id, progress=progress)
        if lakehouse.current_snapshot(con) != before:
            lakehouse.record_checksums(con, ws.settings, ws.store)
        return done


@observed
def transform(
    ws: Workspace,
    year: int,
    *,
    run_id: str,
    progress: Progress,
    edition: int | None = None,
    force: bool = False,
) -> list[TransformSummary]:
    """Rebuild the marts of ``year``, after those of earlier years that are missing or stale.

    A year reads the counted values of the year before, which read those of the year before that.
    So that years can be run in any order, earlier years with submissions are built first, the
    oldest first, if their marts are missing or stale. The marts of a year that has an edition are
    only replaced by a run of that year.

    Args:
        edition: the edition number that decides which documents count; None for the current
            edition, or 1 without one.
        force: build the marts of ``year`` even if nothing has changed, and write all their rows.

    Raises:
        LakeDamaged: a file of ``raw`` is missing or altered.
        TongbaoError: a model or a dbt test failed.
    """
    from orchestration.bulletin import refuse_editorials
    from orchestration.intake.receipts import refresh_receipts
    from orchestration.receipts import restore_signable

    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)

        def receipts(build: duckdb.DuckDBPyConnection, built_year: int) -> int:
            return refresh_receipts(build, ws.store, ws.settings, built_year, progress=progress)

        def build(each: int, number: int, *, force: bool = False) -> TransformSummary:
            if restored := restore_signable(con, ws.store, ws.settings, each):
                progress(f"transform {each}: {restored:,} digests to sign were read back")
            return lakehouse.transform_year(
                con,
                ws.settings,
                ws.store,
                each,
                run_id=run_id,
                edition=number,
                after_build=refuse_editorials,
                before_commit=receipts,
                force=force,
                progress=progress,
            )

        done = []
        for former in lakehouse.years_with_submissions(con, before=year):
            if _must_be_built_first(con, former):
                done.append(build(former, _current_edition_number(con, former)))
            elif lakehouse.marts_are_stale(con, former):
                progress(
                    f"transform {year}: the marts of {former} are kept as they were built; "
                    f"'tongbao run --year {former}' brings them up to date"
                )
        number = edition or _current_edition_number(con, year)
        done.append(build(year, number, force=force))
        if lakehouse.transform_record(con, year + 1) and lakehouse.marts_are_stale(con, year + 1):
            progress(
                f"transform {year}: the marts of {year + 1} were built from older marts; "
                f"'tongbao run --year {year + 1}' brings them up to date"
            )
        if any(each.built for each in done):
            lakehouse.record_checksums(con, ws.settings, ws.store)
        return done


def _must_be_built_first(con: duckdb.DuckDBPyConnection, former: int) -> bool:
    """Whether the transform of a later year builds the marts of year ``former`` first."""
    if lakehouse.transform_record(con, former) is None:
        return True
    return lakehouse.marts_are_stale(con, former) and not lakehouse.edition_rows(con, former)


def _current_edition_number(con: duckdb.DuckDBPyConnection, year: int) -> int:
    return max([1, *(row["edition"] for row in lakehouse.edition_rows(con, year))])


@observed
def receipts(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> ReceiptsSummary:
    """Write the receipt pages of ``year`` for objects, units and provinces.

    Raises:
        TongbaoError: the year has no marts.
    """
    from orchestration.receipts import write_pages

    del run_id  # the pages don't depend on the run
    _marts_snapshot(ws, year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)
        return write_pages(con, ws.store, ws.settings, year, progress=progress)


@observed
def reminders(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> RemindersSummary:
    """Write a page for each province with its open tasks before the cut-off, as of today.

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


@observed
def tell(
    ws: Workspace, year: int, *, run_id: str, progress: Progress, sends: bool | None = None
) -> ToldSummary:
    """Send the day's letters to the contacts of units and to provinces.

    Args:
        sends: False for a dry run; None: as ``TONGBAO_TELL`` says.

    Raises:
        UsageError: letters are off, or a setting is missing.
        TongbaoError: the year has no marts, or the mail server doesn't work.
    """
    from orchestration import telling

    del run_id
    settings = ws.settings
    if sends is None and settings.tell == "off":
        raise UsageError("letters are off: set TONGBAO_TELL=on (or dry-run), or give --dry-run")
    _marts_snapshot(ws, year)
    with lakehouse.writer(settings, ws.store) as con:
        lakehouse.ensure_tables(con)
    done = telling.tell_senders(
        partial(lakehouse.reader, settings, ws.store),
        partial(lakehouse.writer, settings, ws.store),
        ws.store,
        settings,
        year,
        sends=settings.tell == "on" if sends is None else sends,
    )
    progress(done.line)
    return done


def bounces(ws: Workspace, year: int, mailbox: Path | None = None) -> list[Undeliverable]:
    """Record what a mailbox reports as undeliverable; return whom the last letter didn't reach.

    Args:
        mailbox: a mailbox file or Maildir; None to read none.

    Raises:
        UsageError: there is no such mailbox.
    """
    from orchestration import telling

    if mailbox is not None:
        with lakehouse.writer(ws.settings, ws.store) as con:
            lakehouse.ensure_tables(con)
            telling.record_bounces(con, year, mailbox)
    with lakehouse.reader(ws.settings, ws.store) as con:
        if not lakehouse.has_table(con, "publication.letters"):
            return []
        return telling.undeliverable(con, year)


def is_published(ws: Workspace, year: int) -> bool:
    """Whether an edition of ``year`` is recorded; False if the lake can't be read."""
    try:
        with lakehouse.reader(ws.settings, ws.store) as con:
            return bool(lakehouse.edition_rows(con, year))
    except (Unreachable, duckdb.CatalogException):
        return False


@dataclass
class GateSummary:
    """The gate's verdict on a snapshot.

    Attributes:
        snapshot_id: the snapshot judged.
        blocked: whether publication is blocked.
        rows: the verdict as rows of ``quality.gate_results``.
        lines: the verdict as lines for a terminal.
        judged: False if an earlier verdict of the same code, which passes, was reused.
        notice: the verdict as one message if it blocks, otherwise "".
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
        """The verdict in one line."""
        if not self.blocked:
            return f"the gate lets {self.year} through (snapshot {self.snapshot_id})"
        return (
            f"the gate blocks {self.year} (snapshot {self.snapshot_id}): nothing is published; "
            "the findings are listed above"
        )


@observed
def gate(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> GateSummary:
    """Judge the year's marts and record the verdict with their snapshot.

    Raises:
        LakeDamaged: a data file of the marts is missing or altered.
        TongbaoError: the year has no marts, or a check could not be carried out.
    """
    snapshot_id = _marts_snapshot(ws, year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        recorded = lakehouse.gate_rows(con, year, snapshot_id, code_versions())
        still_holds = _still_holds(con, year, recorded)
    if still_holds:
        progress(f"gate {year}: snapshot {snapshot_id} was judged before and let through")
        line = f"the gate let {year} through before (snapshot {snapshot_id})"
        return GateSummary(year, snapshot_id, False, recorded, [line], False)
    with lakehouse.reader(ws.settings, ws.store) as con:
        lakehouse.check_marts(con, ws.settings, ws.store, year, snapshot_id)
    decision = _judge_and_record(ws, year, snapshot_id, recorded, run_id=run_id)
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
    """Whether a recorded verdict passes and is still valid, so that the gate needn't judge again.

    A verdict with waivers is never reused, because waivers expire.
    """
    from orchestration.gate import read_waivers

    waived = bool(read_waivers(year)) or any(row["waived_by"] for row in verdict)
    return bool(verdict) and not (
        waived or lakehouse.blocks(verdict) or lakehouse.marts_are_stale(con, year)
    )


def _judge_and_record(
    ws: Workspace, year: int, snapshot_id: int, recorded: list[dict[str, Any]], *, run_id: str
) -> GateDecision:
    """Judge a snapshot; record the verdict if it differs from the recorded one."""
    from orchestration.gate import judge_snapshot

    decision = judge_snapshot(ws.settings, ws.store, year, snapshot_id, run_id=run_id)
    ws.decisions[year, snapshot_id] = decision
    if _comparable_rows(decision.results) != _comparable_rows(recorded):
        with lakehouse.writer(ws.settings, ws.store) as con:
            lakehouse.record_gate(con, decision.results, code_versions())
    return decision


def manual(ws: Workspace, year: int | None) -> bytes:
    """The data manual of a year's present marts, as in an edition (``docs/index.html``).

    Args:
        year: by default the latest one that has marts.

    Raises:
        TongbaoError: the year has no marts.
    """
    from orchestration import bulletin

    with lakehouse.reader(ws.settings, ws.store) as con:
        years = "select max(year) from lake.marts.dim_reporting_year"
        if year is None and lakehouse.has_table(con, "marts.dim_reporting_year"):
            [(year,)] = con.execute(years).fetchall()
        if year is None:
            raise TongbaoError("docs: no year has marts: run 'tongbao transform --year …' first")
        _marts_snapshot(ws, year)
        [body] = bulletin.reference_page(con, year).values()
    return body


@observed
def rehearse(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> Rehearsal:
    """Judge the present marts as the gate does, without recording a verdict.

    Raises:
        TongbaoError: the year has no marts, or a check could not be carried out.
    """
    from orchestration.rehearsal import run_rehearsal

    return run_rehearsal(ws, year, _marts_snapshot(ws, year), run_id=run_id, progress=progress)


@observed
def publish(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> PublishSummary:
    """Publish edition 1 from the snapshot that passed the gate.

    The current edition is never changed. If it was made from the same marts, nothing is done.

    Raises:
        PublicationRefused: the marts differ from those of the current edition.
        GateBlocked: the gate blocks that snapshot.
        TongbaoError: the gate hasn't judged it.
    """
    from orchestration import publication

    snapshot_id = _marts_snapshot(ws, year)
    with lakehouse.publisher(ws.settings):
        editions = publication.published_editions(ws, year)
        if editions:
            with lakehouse.reader(ws.settings, ws.store) as con:
                is_current = _has_marts_of(con, ws, year, editions[-1], snapshot_id)
            return publication.already_published(
                ws, year, editions[-1], snapshot_id, is_current=is_current
            )
        decision, inputs_digest = _passing_decision(ws, year, snapshot_id, run_id=run_id)
        return publication.publish_first(
            ws, year, decision, inputs_digest=inputs_digest, progress=progress
        )


@observed
def correct(
    ws: Workspace, year: int, reason: str, *, run_id: str, progress: Progress
) -> PublishSummary:
    """Publish the next edition of ``year``, with the changes against the current one.

    Takes in new objects, rebuilds the marts with the documents that count for a correction (those
    before the calendar's ``correction_cutoff``), judges and publishes.

    Args:
        reason: the reason, in one sentence.

    Raises:
        UsageError: no reason is given, or it is too long.
        TongbaoError: the year has no edition yet.
        GateBlocked: the gate blocks; the current edition stays.
    """
    from orchestration import publication

    reason = " ".join(reason.split())
    if not reason or len(reason) > _MAX_REASON:
        raise UsageError(f"--reason: a sentence of 1 to {_MAX_REASON} characters")
    with lakehouse.publisher(ws.settings):
        editions = publication.published_editions(ws, year)
        if not editions:
            raise TongbaoError(
                f"nothing is published of {year} that could be corrected: "
                f"'tongbao run --year {year}'"
            )
        intake(ws, year, run_id=run_id, progress=progress)
        for _ in range(_MAX_TRANSFORMS):
            transform(
                ws, year, run_id=run_id, progress=progress, edition=editions[-1]["edition"] + 1
            )
            with lakehouse.reader(ws.settings, ws.store) as con:
                if not lakehouse.marts_are_stale(con, year):
                    break
        gate(ws, year, run_id=run_id, progress=progress)
        decision, inputs_digest = _passing_decision(
            ws, year, _marts_snapshot(ws, year), run_id=run_id
        )
        return publication.correct_edition(
            ws, year, reason, editions, decision, inputs_digest=inputs_digest, progress=progress
        )


def database(ws: Workspace, year: int, edition: int | None, path: Path) -> int:
    """Write the open data of an edition as one DuckDB file; return the edition's number.

    Args:
        edition: its number; None for the newest.

    Raises:
        UsageError: there is no such edition.
    """
    from orchestration import publication

    return publication.write_database(ws, year, edition, path)


@observed
def verify(
    ws: Workspace, year: int, edition: int | None, *, run_id: str, progress: Progress
) -> VerifySummary:
    """Rebuild an edition from its snapshot and compare every file's sha256.

    Args:
        edition: its number; None for the newest.

    Raises:
        UsageError: there is no such edition.
    """
    from orchestration import publication

    period_of(year)
    return publication.verify_edition(ws, year, edition, run_id=run_id, progress=progress)


def maintain(
    ws: Workspace, *, keep: timedelta | None = None, dry_run: bool, progress: Progress
) -> MaintainSummary:
    """Maintain the lake and delete what killed runs left; editions are unchanged.

    Args:
        keep: how long to keep a snapshot that nothing pins; None for the default.
        dry_run: whether to report only.

    Raises:
        Unreachable: another run is writing or publishing, or there is no lakehouse yet.
    """
    from orchestration import bulletin

    bucket = ws.settings.publication_bucket
    with lakehouse.reader(ws.settings, ws.store):
        pass  # fails without a lakehouse, which a writer would create
    with lakehouse.publisher(ws.settings), lakehouse.writer(ws.settings, ws.store) as con:
        done = lakehouse.maintain(
            con,
            ws.settings,
            ws.store,
            manifests=bulletin.published_manifests(ws.store, bucket),
            unfinished=bulletin.unfinished_objects(ws.store, bucket),
            folders=bulletin.unfinished_folders(ws.settings.home / "out"),
            keep=lakehouse.KEEP_SNAPSHOTS if keep is None else keep,
            dry_run=dry_run,
            progress=progress,
        )
        if not dry_run:
            lakehouse.record_checksums(con, ws.settings, ws.store)
        return done


def check_lake(ws: Workspace) -> lakehouse.LakeCheck:
    """Compare every data file of the lake with its recorded size and sha256.

    Raises:
        Unreachable: there is no lakehouse yet, or a file can't be read.
    """
    with lakehouse.reader(ws.settings, ws.store) as con:
        return lakehouse.check_lake(con, ws.settings, ws.store)


def replay(
    ws: Workspace, seeds: Mapping[str, Path], wanted: Sequence[int], *, progress: Progress
) -> ReplaySummary:
    """Report how past years would differ with other rules or indicators; changes nothing.

    Args:
        seeds: the files to use, by the name of the seed that each replaces.
        wanted: the years; empty for all that have marts.

    Raises:
        UsageError: no seed is given, a seed is broken, or a year has no marts.
    """
    from orchestration import publication

    return publication.replay_years(ws, seeds, wanted, progress=progress)


def trace(ws: Workspace, figure: str, edition: int | None = None) -> Trace:
    """Trace a figure to its submissions; only reads.

    Args:
        figure: the figure's id.
        edition: the edition's number; None for the newest, or the present marts without one.

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
    """The snapshot of an edition.

    Args:
        year: the edition's year; None for the latest year that has an edition of this number.

    Raises:
        UsageError: there is no such edition.
    """
    with lakehouse.reader(ws.settings, ws.store) as con:
        for each in [year] if year else sorted(years(), reverse=True):
            for row in lakehouse.edition_rows(con, each):
                if row["edition"] == edition:
                    return int(row["snapshot_id"])
    raise UsageError(f"there is no edition {edition}" + (f" of {year}" if year else ""))


def _passing_decision(
    ws: Workspace, year: int, snapshot_id: int, *, run_id: str
) -> tuple[GateDecision, str]:
    """The decision that passes a snapshot, and the digest of the snapshot's inputs.

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
        # Waivers may have expired since, and the bulletin lists the waivers of today.
        decision = _judge_and_record(ws, year, snapshot_id, judged, run_id=run_id)
    if decision.blocked:
        raise GateBlocked(
            f"the gate blocks {year} (snapshot {snapshot_id}): nothing is published",
            decision.print_lines(),
            decision.notice(),
        )
    return decision, inputs_digest or ""


#: The stages of ``tongbao run --until STAGE``, the same as in ``defs.jobs.UNTIL``.
_STAGES: dict[str, Sequence[Callable[..., Any]]] = {
    "intake": (intake,),
    "transform": (intake, transform),
    "gate": (intake, transform, gate),
    "publish": (intake, transform, receipts, gate, publish),
}


def _comparable_rows(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
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
