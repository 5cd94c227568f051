"""Confirmations (签字确认): which provinces have signed their figures, and what changed after."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.bulletin import GateNotes, read_marts
from orchestration.bulletin.content import Claim, runs
from orchestration.bulletin.sections import Place, quality_notes
from orchestration.figures.numbers import NOT_YET
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

GUANGDONG = "440000"
UNIT, OTHER, THIRD = (f"{task}-440000-0001" for task in ("T05", "T06", "T07"))
NAMES = {"statistician": "统计员甲", "reviewer": "审核员乙", "responsible": "负责人丙"}


def _run(ws: stages.Workspace) -> None:
    """Take in everything and write the pages, on 13 December."""
    ws = replace(ws, settings=replace(ws.settings, fixed_now=datetime(2024, 12, 13, tzinfo=UTC)))
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    stages.receipts(ws, 2024, run_id="r", progress=no_progress)


def _page(ws: stages.Workspace) -> bytes:
    return ws.store.get("publication", "receipts/year=2024/province=440000/digest.html")


def _confirm(landing: Landing, digest: str, hour: int, **more: Any) -> None:
    fields = {"task_code": None, "signed_on": "2024-12-13", "document_digest": digest} | more
    landing.document(
        "confirmation",
        province=GUANGDONG,
        submitted_at=f"2024-12-13T{hour:02d}:00:00+08:00",
        **NAMES,
        **fields,
    )


def _states(ws: stages.Workspace) -> dict[str, str]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return dict(
            con.execute(
                "select task_code, state from lake.quality.confirmations "
                f"where province_code = '{GUANGDONG}' order by task_code"
            ).fetchall()
        )


@pytest.mark.slow
def test_what_was_signed_is_compared_with_the_digest_and_with_the_figures(
    ws: stages.Workspace, landing: Landing
) -> None:
    for number, unit in enumerate((UNIT, OTHER, THIRD), 1):
        landing.unit(unit)
        landing.performance(unit, {"C_04": number}, report=None)
    _run(ws)
    assert _states(ws) == dict.fromkeys(("T05", "T06", "T07"), "unconfirmed")
    signed = _page(ws)
    code = re.search(r"<code>([0-9a-f]{64})</code>", signed.decode())
    assert code

    # Nobody's digest, and one of a later day than the signature: T07 has no other.
    _confirm(landing, "0" * 64, 8, name="unknown.json")
    _confirm(landing, code[1], 9, signed_on="2024-12-12", name="early.json")
    # The sha256 of the page for one task, the printed code for another. The same values under
    # another id change nothing; another value does.
    _confirm(landing, hashlib.sha256(signed).hexdigest().upper(), 10, task_code="T05")
    _confirm(landing, code[1], 11, task_code="T06")
    for unit, value in ((UNIT, 1), (OTHER, 4)):
        landing.performance(
            unit, {"C_04": value}, report=None, submitted_at="2024-12-02T09:00:00+08:00"
        )
    _lose_signable_digests(ws)
    _run(ws)
    assert _states(ws) == {"T05": "confirmed", "T06": "changed", "T07": "unmatched"}
    with lakehouse.reader(ws.settings, ws.store) as con:
        assert con.execute(
            "select split_part(object_key, '/', -1), code from lake.quality.submission_errors "
            "where code = 'W311' order by 1"
        ).fetchall() == [("early.json", "W311"), ("unknown.json", "W311")]
    page = _page(ws).decode()
    for expected in (
        "所填确认内容摘要与本省日报不符", "已确认（2024-12-13）", "后数据有变动，须重新确认",
    ):  # fmt: skip
        assert expected in page, expected
    _notes_say(ws, "T05", ["confirmed/T05=1"])
    _notes_say(ws, "T06", ["confirmed/T06=尚无", "unconfirmed/T06=1", "unconfirmed_names/T06=广东"])
    _notes_say(
        ws,
        "",
        ["confirmed/national=尚无", "unconfirmed/national=1", "unconfirmed_names/national=广东"],
    )
    _notes_say(ws, GUANGDONG, [f"unconfirmed_tasks/{GUANGDONG}=T06、T07"])
    _names_are_nowhere(ws)


def _lose_signable_digests(ws: stages.Workspace) -> None:
    """Leave the lake as if it were made again: the next transform reads the digests back."""
    with lakehouse.writer(ws.settings, ws.store) as con:
        con.execute("delete from lake.publication.signable_digests")


def _notes_say(ws: stages.Workspace, code: str, expected: list[str]) -> None:
    """Compare the printed claims of a bulletin's note with these and with their recomputation."""
    kind = "task" if code.startswith("T") else "province" if code else "national"
    with lakehouse.reader(ws.settings, ws.store) as con:
        marts = read_marts(con, 2024, GateNotes(0, {}))
        printed = [
            run
            for block in quality_notes.blocks(marts, Place(kind, code, ""))
            for run in runs(block)
            if isinstance(run, Claim) and "confirmed" in run.claim
        ]
        assert [f"{run.claim}={run.text}" for run in printed] == expected
        for run in printed:
            name, _, scope = run.claim.partition("/")
            query = quality_notes.CLAIMS[name]
            recomputed = query.read(con, 2024).get(scope, query.nothing)
            assert recomputed == ("0" if run.text == NOT_YET else run.text)


def _names_are_nowhere(ws: stages.Workspace) -> None:
    """The names are in ``raw.confirmations``, in no other table and in no published file."""
    with lakehouse.reader(ws.settings, ws.store) as con:
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'lake'"
        ).fetchall()
        holding = {
            name
            for (name,) in tables
            if any(
                each in str(con.execute(f"select * from lake.{name}").fetchall())
                for each in NAMES.values()
            )
        }
    # The body of an object is what was sent.
    assert holding <= {"raw.confirmations", "raw.objects"}
    assert "raw.confirmations" in holding
    for info in ws.store.list("publication", ""):
        body = ws.store.get("publication", info.key)
        assert not any(each.encode() in body for each in NAMES.values()), info.key
