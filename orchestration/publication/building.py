"""All files of an edition from one snapshot: what publishing writes and verifying compares.

Belongs here: putting together what ``bulletin`` and ``gate`` make, and naming what the bytes
depend on. The same snapshot, decision, code and environment give the same bytes.
"""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from orchestration import bulletin
from orchestration.core.settings import Settings
from orchestration.core.versions import code_version
from orchestration.core.workspace import Progress
from orchestration.gate import GateDecision, recount
from orchestration.publication.beside import Task, process_beside, reader
from orchestration.publication.changes import Changes
from orchestration.publication.checking import check_documents, read_again
from orchestration.storage import Store

__all__ = ["Built", "build_files", "environment"]

_T = TypeVar("_T")

#: The libraries that shape the bytes of a file.
_LIBRARIES = (
    "typst",
    "jinja2",
    "fonttools",
    "openpyxl",
    "great-expectations",
    "duckdb",
    "pyarrow",
    "pandas",
)


@dataclass(frozen=True)
class Built:
    """The files of an edition.

    Attributes:
        files: path below the edition → bytes.
        contents: path → digest of what a file says, or of what it is made from.
        facts: what the manifest says beside the files.
        bulletins: how many bulletins there are.
        sources: path → key in the publication bucket, of files that are the former edition's,
            unchanged and not rendered.
        sums: path → sha256 in hex of those.
        undrawn: characters that the fonts lack.
        changes: against the edition before, from edition 2 on.
    """

    files: dict[str, bytes]
    contents: dict[str, str]
    facts: dict[str, Any]
    bulletins: int
    sources: dict[str, str]
    sums: dict[str, str]
    undrawn: frozenset[str]
    changes: Changes | None


@cache
def environment(font_dir: Path | None) -> dict[str, str]:
    """What the bytes of an edition depend on beside snapshot and code: libraries and fonts."""
    found = {"python": platform.python_version()}
    found |= {name: version(name) for name in _LIBRARIES}
    for path in bulletin.font_files(font_dir):
        found[f"font {path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def build_files(
    settings: Settings,
    store: Store,
    year: int,
    decision: GateDecision,
    *,
    number: int,
    editions: Sequence[dict[str, Any]],
    reason: str | None,
    inputs_digest: str,
    former: bulletin.Edition | None = None,
    progress: Progress,
) -> Built:
    """Make every file of an edition.

    Args:
        decision: of the gate about the snapshot; it lets the year through.
        number: the edition's.
        editions: rows of ``publication.editions`` before it: it corrects the last of them.
        reason: of a correction, in its maker's words.
        former: the edition before: what says the same is taken from there.

    Raises:
        TongbaoError: a document can't be set, or its text is not what the marts say.
    """
    snapshot_id = decision.snapshot_id
    progress(f"publish {year}: edition {number} from snapshot {snapshot_id}")
    notes = bulletin.GateNotes(
        len(decision.outcomes),
        decision.warned_zh,
        decision.waived_zh,
        sum(finding.severity == "critical" for finding in decision.waived),
    )
    before = editions[-1]["snapshot_id"] if editions else None
    task = Task(settings, store.config, year, snapshot_id, before, reason or "")
    with (
        ThreadPoolExecutor(1) as reading,
        process_beside(task) as beside,  # ended first: who still tells it something waits no more
        reader(settings, store, snapshot_id) as con,
    ):
        surroundings = environment(settings.font_dir)
        carry_over = bulletin.CarryOver(_former(former, surroundings))
        told = reading.submit(lambda: beside.leave_out(carry_over.standing("trace/")))
        findings = reading.submit(_aside, con, lambda own: recount(own, decision))
        again = reading.submit(_aside, con, lambda own: read_again(own, year))
        marts = bulletin.read_marts(con, year, notes)

        def rest() -> tuple[Sequence[bulletin.Document], list[bulletin.EditionNote]]:
            changes = beside.changes
            if changes:
                progress(f"publish {year}: {len(changes.changes)} figures and ranks changed")
            documents = changes.documents(marts, number) if changes else ()
            return documents, [*map(_note, editions), _own_note(year, number, changes)]

        made = bulletin.render_all(
            marts, settings.font_dir, progress, carry_over=carry_over, rest=rest
        )
        changes = beside.changes
        compared = check_documents(
            con,
            year,
            made.documents,
            made.files,
            made.fresh,
            made.drawable,
            gate=decision.results,
            findings=findings.result(),
            changes=changes.changes if changes else (),
            again=again.result(),
        )
        told.result()  # raises what kept it from being told: it would wait for ever
        others = beside.made
    files = made.files | others.files
    for page, digest in others.digests.items():
        files[page] = carry_over.file(page, digest, partial(files.__getitem__, page))
    progress(
        f"publish {year}: {compared} figures and claims computed anew, {len(made.fresh)} files"
    )
    if changes:
        files["changes.csv"] = changes.as_csv()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        written = decision.write_docs(
            folder, lambda path, digest: carry_over.take(f"quality/{path}", digest)
        )
        for path in written:
            files[f"quality/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    facts = {
        "snapshot_id": snapshot_id,
        "code_version": code_version(),
        "environment": surroundings,
        "inputs_digest": inputs_digest,
        "synthetic": bool(marts.calendar["is_synthetic"]),
        "gate": decision.summary() | decision.circumstances,
        "supersedes": number - 1 or None,
        "reason": changes.reason if changes else None,
        "published_at": None,
    }
    return Built(
        bulletin.complete(files, carry_over),
        carry_over.contents,
        facts,
        made.bulletins,
        carry_over.sources,
        carry_over.sums,
        frozenset(made.undrawn),
        changes,
    )


def _aside(con: duckdb.DuckDBPyConnection, read: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
    """Read from another thread than the one that has the reader."""
    with con.cursor() as own:
        own.execute("use lake")
        return read(own)


def _note(row: dict[str, Any]) -> bulletin.EditionNote:
    return bulletin.EditionNote.of(row["year"], row["edition"], row["published_at"], row["reason"])


def _own_note(year: int, number: int, changes: Changes | None) -> bulletin.EditionNote:
    """The edition that is being made: an edition says nothing that depends on the clock."""
    if changes is None:
        return bulletin.EditionNote.of(year, number)
    figures = sum(not change.is_rank for change in changes.changes)
    changed = f"{figures}个数字、{len(changes.changes) - figures}个名次"
    return bulletin.EditionNote.of(year, number, None, changes.reason, changed)


def _former(
    former: bulletin.Edition | None, surroundings: dict[str, str]
) -> bulletin.Edition | None:
    """The former edition, where its files were rendered by this code with these libraries."""
    if former is None:
        return None
    said = former.content
    same = said["code_version"] == code_version() and said["environment"] == surroundings
    return former if same else None
