"""The four stages, as the command line and the Dagster assets both call them.

Belongs here: opening the store and the lake for a stage and handing results on. Doesn't belong
here: what a stage does (intake, lakehouse, gate, bulletin) and how it is scheduled.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration import lakehouse
from orchestration.errors import GateBlocked, TongbaoError, UsageError
from orchestration.intake import IntakeSummary, refresh_receipts, run_intake
from orchestration.lakehouse import TransformSummary
from orchestration.reporting_calendar import period_of
from orchestration.settings import Settings, code_version
from orchestration.storage import Store, open_store

if TYPE_CHECKING:
    from orchestration.gate import GateDecision
    from orchestration.receipts import ReceiptsSummary

__all__ = ["Workspace", "gate", "intake", "open_workspace", "publish", "receipts", "transform"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Workspace:
    """Settings and an open store: what every stage needs.

    Attributes:
        decisions: what the gate decided in this workspace, by year and snapshot, so that the
            publication of a run prints it without judging once more.
    """

    settings: Settings
    store: Store
    decisions: dict[tuple[int, int], GateDecision] = field(default_factory=dict)


@contextlib.contextmanager
def open_workspace(settings: Settings) -> Iterator[Workspace]:
    """Open the store for the time of a command.

    Raises:
        Unreachable: the store can't be reached.
    """
    with open_store(settings) as store:
        yield Workspace(settings, store)


def intake(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> IntakeSummary:
    """Take in what is new under every year up to ``year``."""
    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        return run_intake(con, ws.store, ws.settings, year=year, run_id=run_id, progress=progress)


def transform(
    ws: Workspace, year: int, *, run_id: str, progress: Progress
) -> list[TransformSummary]:
    """Rebuild the marts of ``year``, and first those of the year before where they are missing."""
    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)

        def receipts(build: duckdb.DuckDBPyConnection, built_year: int) -> int:
            return refresh_receipts(build, ws.store, ws.settings, built_year, progress=progress)

        years = [year]
        if _in_calendar(year - 1) and lakehouse.transform_record(con, year - 1) is None:
            years.insert(0, year - 1)
        return [
            lakehouse.transform_year(
                con,
                ws.settings,
                each,
                run_id=run_id,
                before_commit=receipts,
                progress=progress,
            )
            for each in years
        ]


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


@dataclass
class GateSummary:
    """What the gate said.

    Attributes:
        snapshot_id: the snapshot judged.
        blocked: whether publication is held back.
        rows: rows of ``quality.gate_results``.
        lines: what a terminal shows.
        judged: False where the same code had already judged this snapshot and let it through.
    """

    year: int
    snapshot_id: int
    blocked: bool
    rows: list[dict[str, Any]]
    lines: list[str]
    judged: bool

    @property
    def verdict(self) -> str:
        """One line."""
        if not self.blocked:
            return f"the gate lets {self.year} through (snapshot {self.snapshot_id})"
        return (
            f"the gate blocks {self.year} (snapshot {self.snapshot_id}): nothing is published; "
            "what blocks is listed above"
        )


def gate(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> GateSummary:
    """Judge the year's marts and record the decision with the snapshot judged.

    Raises:
        TongbaoError: the year has no marts, or a check could not be carried out.
    """
    from orchestration.gate import read_waivers

    snapshot_id = _marts_snapshot(ws, year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        standing = lakehouse.gate_rows(con, year, snapshot_id, code_version())
        stale = lakehouse.inputs_digest(con, year) != lakehouse.transform_record(con, year)
    # With waivers about, a verdict holds for its day only: it is asked anew.
    waived = bool(read_waivers(year)) or any(row["waived_by"] for row in standing)
    if standing and not stale and not waived and not lakehouse.blocks(standing):
        progress(f"gate {year}: snapshot {snapshot_id} was judged before and let through")
        said = f"the gate let {year} through before (snapshot {snapshot_id})"
        return GateSummary(year, snapshot_id, False, standing, [said], False)
    decision = _judge_and_record(ws, year, snapshot_id, standing, run_id=run_id)
    state = "blocked" if decision.blocked else "passed"
    progress(
        f"gate {year}: {state}, snapshot {snapshot_id}: {len(decision.outcomes)} expectations, "
        f"{len(decision.blocking)} block, {len(decision.warnings)} warn"
    )
    lines = decision.print_lines()
    return GateSummary(year, snapshot_id, decision.blocked, decision.results, lines, True)


def _judge_and_record(
    ws: Workspace, year: int, snapshot_id: int, standing: list[dict[str, Any]], *, run_id: str
) -> GateDecision:
    """Judge, and append the verdict where it differs from the standing one."""
    decision = judge_snapshot(ws, year, snapshot_id, run_id=run_id)
    ws.decisions[year, snapshot_id] = decision
    if _verdicts(decision.results) != _verdicts(standing):
        with lakehouse.writer(ws.settings, ws.store) as con:
            lakehouse.record_gate(con, decision.results, code_version())
    return decision


def judge_snapshot(ws: Workspace, year: int, snapshot_id: int, *, run_id: str) -> GateDecision:
    """The gate's decision about one snapshot. Reads only."""
    from orchestration.gate import judge, read_waivers

    waivers = read_waivers(year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        last_intake = lakehouse.last_intake_at(con, year)
        stale = lakehouse.inputs_digest(con, year) != lakehouse.transform_record(con, year)
    with lakehouse.reader(ws.settings, ws.store, snapshot_id) as con:
        return judge(
            con,
            year=year,
            snapshot_id=snapshot_id,
            run_id=run_id,
            now=ws.settings.now(),
            last_intake_at=last_intake,
            period=period_of(year),
            marts_stale=stale,
            waivers=waivers,
        )


@dataclass
class PublishSummary:
    """What the publication came to.

    Attributes:
        edition: its number.
        snapshot_id: what it was made from.
        files: how many were written; 0 where the edition stood already.
        folder: where the bulletins are on this machine.
        refused: an edition stands that was made from another snapshot.
        lines: what a terminal shows.
    """

    year: int
    edition: int
    snapshot_id: int
    files: int
    folder: str
    refused: bool
    lines: list[str]

    def metadata(self) -> dict[str, Any]:
        """For the Dagster asset."""
        return {
            "edition": self.edition,
            "snapshot_id": self.snapshot_id,
            "files_written": self.files,
            "folder": self.folder,
        }


def publish(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> PublishSummary:
    """Publish edition 1 from the snapshot that the gate let through.

    A standing edition is never touched: with the same snapshot there is nothing to do, with
    newer marts publication is refused (a correction is a new edition).

    Raises:
        GateBlocked: the gate blocks that snapshot.
        TongbaoError: the gate hasn't judged it.
    """
    from orchestration import bulletin

    settings, store = ws.settings, ws.store
    snapshot_id = _marts_snapshot(ws, year)
    standing = _standing_edition(ws, year)
    if standing:
        return _stands(ws, year, standing, snapshot_id)
    with lakehouse.reader(settings, store) as con:
        judged = lakehouse.gate_rows(con, year, snapshot_id, code_version())
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
        )
    notes = bulletin.GateNotes(
        len(decision.outcomes),
        tuple(finding.text_zh for finding in decision.warnings),
        tuple(finding.waived_zh for finding in decision.waived),
        sum(finding.severity == "critical" for finding in decision.waived),
    )
    with lakehouse.reader(settings, store, snapshot_id) as con:
        marts = bulletin.read_marts(con, year, notes)
    files, undrawn = bulletin.render_all(marts, settings.font_dir, progress)
    bulletins = len(files) // 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for path in decision.write_docs(folder):
            files[f"quality/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    edition = bulletin.make_edition(
        year,
        1,
        bulletin.with_font(files),
        snapshot_id=snapshot_id,
        code_version=code_version(),
        gate=decision.summary(),
        inputs_digest=inputs_digest or "",
        is_synthetic=bool(marts.calendar["is_synthetic"]),
    )
    bulletin.publish_edition(store, settings.publication_bucket, edition)
    _record_edition(ws, year, edition.number, edition.manifest, edition.manifest_sha256)
    out = bulletin.write_out(edition, settings.home / "out")
    progress(f"publish {year}: edition {edition.number}, {len(files) + 1} files")
    lines = [
        f"edition {edition.number} of {year} is published: {bulletins} bulletins, "
        f"{len(files) + 1} files, snapshot {snapshot_id}",
        *_where(ws, edition.prefix, out),
    ]
    if undrawn:
        lines.append(
            f"〓 stands for {len(undrawn)} characters that the fonts lack "
            f"({' '.join(sorted(undrawn)[:10])}): "
            "TONGBAO_FONT_DIR may name a folder with more fonts"
        )
    return PublishSummary(year, edition.number, snapshot_id, len(files) + 1, str(out), False, lines)


def _where(ws: Workspace, prefix: str, folder: Path) -> list[str]:
    return [
        f"  national bulletin: {folder / 'national' / 'bulletin.pdf'}",
        f"  as a page:         {folder / 'national' / 'bulletin.html'}",
        f"  in the store:      s3://{ws.settings.publication_bucket}/{prefix}",
    ]


def _record_edition(
    ws: Workspace, year: int, number: int, manifest: bytes, manifest_sha256: str
) -> None:
    content = json.loads(manifest)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.record_edition(
            con,
            {
                "year": year,
                "edition": number,
                "snapshot_id": content["snapshot_id"],
                "code_version": content["code_version"],
                "published_at": ws.settings.now(),
                "manifest_sha256": manifest_sha256,
                "supersedes": None,
                "reason": None,
            },
        )


def _standing_edition(ws: Workspace, year: int) -> dict[str, Any] | None:
    """The newest edition of a year; one that a killed run published but didn't record is."""
    from orchestration import bulletin

    with lakehouse.reader(ws.settings, ws.store) as con:
        recorded = lakehouse.edition_rows(con, year)
    bucket = ws.settings.publication_bucket
    latest = bulletin.latest_of(ws.store, bucket, year)
    if latest and latest["edition"] not in {row["edition"] for row in recorded}:
        manifest = ws.store.get(bucket, f"{latest['prefix']}manifest.json")
        _record_edition(ws, year, latest["edition"], manifest, latest["manifest_sha256"])
        with lakehouse.reader(ws.settings, ws.store) as con:
            recorded = lakehouse.edition_rows(con, year)
    return recorded[-1] if recorded else None


def _stands(ws: Workspace, year: int, standing: dict[str, Any], snapshot_id: int) -> PublishSummary:
    from orchestration import bulletin

    number = standing["edition"]
    prefix = f"editions/{year}/edition-{number}/"
    edition = bulletin.read_edition(ws.store, ws.settings.publication_bucket, year, number)
    out = bulletin.write_out(edition, ws.settings.home / "out")
    if standing["snapshot_id"] == snapshot_id:
        said = f"edition {number} of {year} stands (snapshot {snapshot_id}): nothing to do"
        return PublishSummary(
            year, number, snapshot_id, 0, str(out), False, [said, *_where(ws, prefix, out)]
        )
    said = (
        f"edition {number} of {year} stands (snapshot {standing['snapshot_id']}); "
        f"the marts are newer (snapshot {snapshot_id}): a change is a new "
        f"edition, 'tongbao correct --year {year}'"
    )
    return PublishSummary(year, number, standing["snapshot_id"], 0, str(out), True, [said])


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


def _in_calendar(year: int) -> bool:
    try:
        period_of(year)
    except UsageError:
        return False
    return True
