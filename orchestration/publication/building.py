"""Builds all files of an edition from one snapshot, for publishing and for verifying.

The same snapshot, decision, code and environment give the same bytes.

Belongs here: collecting the files that ``bulletin``, ``trace`` and ``gate`` make, and recording
what their bytes depend on. Doesn't belong here: writing files to the store (``publishing``).
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from orchestration import bulletin, lakehouse
from orchestration.bulletin.content import figures
from orchestration.core.settings import Settings
from orchestration.core.versions import code_versions, release
from orchestration.core.workspace import Progress
from orchestration.gate import GateDecision, quality_files
from orchestration.publication.changes import Changes
from orchestration.publication.checking import check_documents, read_facts
from orchestration.publication.child_process import ChildTask, half_reader, start_child_process
from orchestration.storage import Store

__all__ = ["Built", "build_files", "environment"]

_T = TypeVar("_T")

#: Libraries whose version can change the bytes of a file.
_LIBRARIES = (
    "typst",
    "jinja2",
    "fonttools",
    "openpyxl",
    "great-expectations",
    "duckdb",
    "pyarrow",
    "pandas",
    "pysdmx",
)


@dataclass(frozen=True)
class Built:
    """The files of an edition.

    Attributes:
        files: path below the edition → bytes.
        contents: path → digest of a file's content, or of the input that it is made from.
        facts: the manifest's entries other than the list of files.
        bulletins: number of bulletins.
        sources: path → key in the publication bucket, of the files that are carried over
            unchanged from the former edition and were not rendered.
        sums: path → sha256 in hex of the files in ``sources``.
        undrawn: characters that the fonts lack.
        changes: changes from the former edition; None for edition 1.
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
    """Versions of Python and libraries, and digests of fonts: an edition's bytes depend on them.

    Args:
        font_dir: folder of additional fonts.

    Returns:
        library name → version; ``font NAME`` → sha256 in hex.
    """
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
        decision: the gate's decision about the snapshot; it must allow publication.
        number: number of this edition.
        editions: rows of ``publication.editions`` before this edition, which corrects the last.
        reason: reason of the correction, as the operator gave it.
        inputs_digest: digest of the inputs that the marts were built from.
        former: the former edition; its files are carried over where their content is unchanged.

    Raises:
        TongbaoError: a document can't be typeset, or its text differs from the marts.
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
    task = ChildTask(settings, store.config, year, snapshot_id, number, before, reason or "")
    with (
        ThreadPoolExecutor(1) as reading,
        # Left before the thread pool: ending the child unblocks a thread that still sends to it.
        start_child_process(task) as child,
        half_reader(settings, store, snapshot_id) as con,
    ):
        current = environment(settings.font_dir)
        carry_over = bulletin.CarryOver(_former(former, current))
        sent = reading.submit(lambda: child.send_former_digests(carry_over.digests_in("trace/")))
        facts_read = reading.submit(_with_cursor, con, lambda own: read_facts(own, year))
        marts = bulletin.read_marts(con, year, notes)
        engine = lakehouse.transform_engine(con, year)

        def late_documents() -> tuple[Sequence[bulletin.Document], list[bulletin.EditionNote]]:
            changes = child.changes
            if changes:
                progress(f"publish {year}: {len(changes.changes)} figures and ranks changed")
            documents = changes.documents(marts, number) if changes else ()
            return documents, [*map(_note, editions), _own_note(year, number, changes)]

        made = bulletin.render_all(
            marts, settings.font_dir, progress, carry_over=carry_over, rest=late_documents
        )
        changes = child.changes
        compared = check_documents(
            con,
            year,
            made.documents,
            made.files,
            made.fresh,
            made.drawable,
            gate=decision.results,
            findings=decision.waived_zh,
            changes=changes.changes if changes else (),
            facts=facts_read.result(),
        )
        revisions = lakehouse.revision_rows(con, year, before=number)
        api = bulletin.api_files(
            con,
            year,
            _printed_in(made.documents, "national/bulletin"),
            [*revisions, *(changes.revisions(number) if changes else ())],
        )
        manual = bulletin.reference_page(con, year)
        sent.result()  # Raises what went wrong: without the digests the child waits for ever.
        others = child.made
    files = made.files | others.files
    for name, body in (api | manual).items():
        files[name] = carry_over.find(name, hashlib.sha256(body).hexdigest()) or body
    for page, digest in others.digests.items():
        files[page] = carry_over.find_or_make(page, digest, partial(files.__getitem__, page))
    progress(
        f"publish {year}: {compared} figures and claims recomputed, "
        f"{len(made.fresh)} files rendered"
    )
    if changes:
        files["changes.csv"] = changes.as_csv()
    files |= {f"quality/{name}": body for name, body in quality_files(decision).items()}
    facts = {
        "snapshot_id": snapshot_id,
        "code_version": release(),
        **code_versions(),
        "environment": current,
        "inputs_digest": inputs_digest,
        "engine": engine,
        "synthetic": bool(marts.calendar["is_synthetic"]),
        "gate": decision.summary() | decision.circumstances,
        "supersedes": number - 1 or None,
        "reason": changes.reason if changes else None,
        "editorials": bulletin.editorial_notes(marts),
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


def _with_cursor(
    con: duckdb.DuckDBPyConnection, read: Callable[[duckdb.DuckDBPyConnection], _T]
) -> _T:
    """Call ``read`` with a cursor of its own: a connection must not be shared by two threads."""
    with con.cursor() as own:
        own.execute("use lake")
        return read(own)


def _printed_in(documents: Iterable[bulletin.Document], path: str) -> dict[str, str]:
    """Figure id → text, of the figures that the document at a path prints."""
    return {
        figure.id: figure.text
        for document in documents
        if document.path == path
        for figure in figures(document)
    }


def _note(row: dict[str, Any]) -> bulletin.EditionNote:
    return bulletin.EditionNote.of(row["year"], row["edition"], row["published_at"], row["reason"])


def _own_note(year: int, number: int, changes: Changes | None) -> bulletin.EditionNote:
    """The note of this edition, without its time: no byte of an edition depends on the clock."""
    if changes is None:
        return bulletin.EditionNote.of(year, number)
    figures = sum(not change.is_rank for change in changes.changes)
    changed = f"{figures}个数字、{len(changes.changes) - figures}个名次"
    return bulletin.EditionNote.of(year, number, None, changes.reason, changed)


def _former(former: bulletin.Edition | None, current: dict[str, str]) -> bulletin.Edition | None:
    """The former edition if the same code and environment rendered it, otherwise None."""
    if former is None:
        return None
    manifest = former.content
    same_code = code_versions().items() <= manifest.items()
    same = same_code and manifest["environment"] == current
    return former if same else None
