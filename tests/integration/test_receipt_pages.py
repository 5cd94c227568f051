"""Readable receipts: the pages of an object, a unit and a province's daily digest."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import openpyxl
import pytest

from orchestration import lakehouse, stages
from orchestration.receipts import ReceiptsSummary, run
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

UNIT, SILENT = "T05-440000-0007", "T05-440000-0008"
FOLDER = "receipts/year=2024/province=440000/"
NAME = "=cmd|' /C calc'!A1<script>alert(1)</script>\u202e职校"


def _run_to_receipts(ws: stages.Workspace, day: int = 1) -> ReceiptsSummary:
    ws = replace(ws, settings=replace(ws.settings, fixed_now=datetime(2024, 12, day, tzinfo=UTC)))
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    return stages.receipts(ws, 2024, run_id="r", progress=no_progress)


def _page(ws: stages.Workspace, name: str) -> str:
    return ws.store.get("publication", FOLDER + name).decode()


def _text(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page)


def test_the_pages_show_what_was_found(ws: stages.Workspace, landing: Landing) -> None:
    landing.unit(UNIT)
    landing.unit(SILENT)
    landing.document(
        "registration",
        province="440000",
        submitted_at="2024-08-02T09:00:00+08:00",
        unit_code=UNIT,
        unit_name=NAME,
        level="provincial",
        contact={"name": "联系人甲", "phone": "13800000000", "email": "a@example.invalid"},
    )
    landing.performance(UNIT, {"C_04": 1, "C_05": 2}, name="one.json", report=None)
    landing.performance(
        UNIT,
        {"C_04": 100, "C_05": 300, "C_09": "约300"},
        name="two.json",
        submitted_at="2024-11-02T09:00:00+08:00",
        report=None,
    )
    landing.performance(
        UNIT, {"C_04": 5}, name="late.json", submitted_at="2024-12-15T00:00:00+08:00", report=None
    )
    landing.put("performance/year=2024/province=440000/broken.json", b"{")
    done = _run_to_receipts(ws)
    assert (done.objects, done.units, done.provinces) == (9, 2, 32)

    page = _page(ws, "two.json.receipt.html")
    assert "已接收，有错误需更正" in page
    assert "约300" in page
    assert "C_04=100，C_05=300" in page
    assert "未接收" in _page(ws, "broken.json.receipt.html")

    unit = _page(ws, f"units/{UNIT}.html")
    page_text = _text(unit)
    for expected in (
        "已被替换",
        "逾期，未计入",
        "计入",
        "有改动",
        "首次提交",
        "上次为1",
        "未计入（E201）",
    ):
        assert expected in page_text, expected
    assert "<script>" not in unit
    assert "&lt;script&gt;" in unit
    assert "\u202e" not in unit
    assert "尚未按时报送" in _page(ws, f"units/{SILENT}.html")

    index = _page(ws, "index.html")
    for name in ("digest.html", "reminder.html", "rehearsal.html"):
        assert f'<a href="{name}">' in index
    assert index.index("先看<a href") < index.index("单位回执") < index.index("催报单")
    digest = _page(ws, "digest.html")
    assert '<a href="index.html">' in digest
    assert digest == _page(ws, "digest-2024-12-01.html")
    assert SILENT in digest
    assert "broken.json" in digest
    book = openpyxl.load_workbook(
        io.BytesIO(ws.store.get("publication", FOLDER + "digest-2024-12-01.xlsx"))
    )
    assert book.sheetnames[1:3] == ["未报送单位", "有错误的单位"]
    assert book["未报送单位"]["A2"].value == SILENT
    assert book["未报送单位"].freeze_panes == "A2"
    name = book["有错误的单位"]["B2"]
    assert name.data_type == "s"
    assert str(name.value).startswith("=cmd|")

    for info in ws.store.list("publication", "receipts/"):
        body = ws.store.get("publication", info.key)
        for contact in ("联系人甲", "13800000000", "example.invalid"):
            assert contact.encode() not in body, info.key
        assert b"http://" not in body or info.key.endswith(".xlsx")


@pytest.mark.slow
def test_pages_stand_until_something_is_taken_in_or_built(
    ws: stages.Workspace, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.unit(UNIT)
    _run_to_receipts(ws, day=3)

    def compared(day: int) -> bool:
        """Whether the pages' data are read, and none has changed."""
        read: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(run, "list_unit_pages", lambda _, year: read.append(year) or {})
            done = _run_to_receipts(ws, day=day)
        assert (done.objects, done.units) == (0, 0)
        return read != []

    assert not compared(day=3)
    assert not compared(day=4)
    assert compared(day=2), "they were written under a clock that was ahead"
    with monkeypatch.context() as patch:
        patch.setattr(run, "_code_version", lambda: "other")
        assert compared(day=4), "they were written by other code"
    landing.performance(UNIT, {"C_04": 1}, report=None)
    done = _run_to_receipts(ws, day=4)
    assert (done.objects, done.units, done.provinces) == (1, 1, 1)


@pytest.mark.slow
def test_only_changed_pages_are_written_again(ws: stages.Workspace, landing: Landing) -> None:
    for unit in (UNIT, SILENT):
        landing.unit(unit)
    landing.performance(UNIT, {"C_04": 1}, report=None)
    _run_to_receipts(ws)
    with lakehouse.reader(ws.settings, ws.store) as con:
        snapshot = lakehouse.current_snapshot(con)
    again = _run_to_receipts(ws, day=2)
    assert (again.objects, again.units, again.provinces) == (0, 0, 0)
    with lakehouse.reader(ws.settings, ws.store) as con:
        assert lakehouse.current_snapshot(con) == snapshot
    before = {i.key: i.etag for i in ws.store.list("publication", "receipts/")}
    landing.performance(
        SILENT, {"C_04": 2}, name="new.json", submitted_at="2024-11-02T09:00:00+08:00", report=None
    )
    done = _run_to_receipts(ws, day=3)
    assert (done.objects, done.units, done.provinces) == (1, 1, 1)
    after = {i.key: i.etag for i in ws.store.list("publication", "receipts/")}
    assert {key for key in after if after[key] != before.get(key)} == {
        FOLDER + name
        for name in (
            "new.json.receipt.json",
            "new.json.receipt.html",
            f"units/{SILENT}.html",
            "digest.html",
            "digest.xlsx",
            "digest-2024-12-03.html",
            "digest-2024-12-03.xlsx",
        )
    }
    digest = _text(_page(ws, "digest.html"))
    assert re.search(r"与2024-12-01相比", digest)
    assert re.search(r"已报送单位\s+2\s+1", digest)


@pytest.mark.slow
def test_a_digest_dated_by_a_wrong_clock_is_written_again(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    assert _run_to_receipts(ws, day=1).provinces == 32
    landing.unit(SILENT)
    assert _run_to_receipts(ws, day=9).provinces == 1
    assert "2024年12月9日" in _page(ws, "digest.html")
    # The clock is correct again: nothing is new, and no page may be dated in the future.
    assert _run_to_receipts(ws, day=2).provinces == 1
    assert _page(ws, "digest.html") == _page(ws, "digest-2024-12-02.html")
    assert "2024年12月2日，与2024-12-01相比" in _page(ws, "digest.html")
    assert _run_to_receipts(ws, day=3).provinces == 0
    assert "2024年12月2日" in _page(ws, "digest.html")
    # Then the clock is behind: the page about the earlier day is written again.
    assert _run_to_receipts(ws, day=1).provinces == 1
    assert "2024年12月1日" in _page(ws, "digest.html")
    assert _run_to_receipts(ws, day=3).provinces == 1
    assert "2024年12月3日" in _page(ws, "digest.html")
    assert _run_to_receipts(ws, day=4).provinces == 0


@pytest.mark.slow
def test_a_contact_in_a_file_name_is_published_nowhere(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    report = {
        "object_key": f"attachments/year=2024/province=440000/{UNIT}/李老师13900139000.pdf",
        "sha256": "0" * 64,
        "pages": 1,
    }
    key = landing.performance(UNIT, {"C_04": "约"}, name="王老师13800138000.json", report=report)
    _run_to_receipts(ws)
    shown = key.replace("13800138000", "〔联系方式略〕")
    with lakehouse.reader(ws.settings, ws.store) as con:
        errors = con.execute(
            "select code, object_key, value from lake.quality.submission_errors "
            "where code in ('E201', 'E401', 'W127') order by code"
        ).fetchall()
    assert errors == [
        ("E201", shown, "约"),
        ("E401", shown, report["object_key"].replace("13900139000", "〔联系方式略〕")),
        ("W127", shown, "王老师〔联系方式略〕.json"),
    ]
    receipt = _page(ws, "王老师13800138000.json.receipt.json")
    assert {"E201", "E401", "W127"} <= set(re.findall('"code": "([A-Z0-9]+)"', receipt))
    assert shown in _page(ws, f"units/{UNIT}.html")
    for info in ws.store.list("publication", FOLDER):
        assert not re.search(b"13[89]0013[89]000", ws.store.get("publication", info.key))
