"""Returns (退回修改): what stands meanwhile, who is told, and returns that have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.bulletin import GateNotes, read_marts
from orchestration.bulletin.content import Claim, runs
from orchestration.bulletin.sections import Place, quality_notes
from orchestration.rehearsal.counts import units_of
from tests.fixtures.homes import Shared
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

GUANGDONG, BEIJING, MINISTRY = "440000", "110000", "000000"
UNIT, SILENT, KEPT, BACK, LATE, PLAN = (f"T05-440000-{number:04d}" for number in range(1, 7))
UNITS = (UNIT, SILENT, KEPT, BACK, LATE, PLAN)
CUTOFF = "2024-12-15T00:00:00+08:00"


def _id(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _day(day: int) -> str:
    return f"2024-11-{day:02d}T09:00:00+08:00"


def _return(landing: Landing, unit: str, returned: str, *, by: str = GUANGDONG, **more: Any) -> str:
    fields = {"returns_document_id": returned, "reason": "请核对经费", "submitted_at": _day(10)}
    return _id(landing.document("return", province=by, unit_code=unit, **(fields | more)))


def _report(landing: Landing, unit: str, value: int, day: int) -> str:
    values = {"C_04": value}
    return _id(landing.performance(unit, values, submitted_at=_day(day), report=None))


@dataclass(frozen=True)
class Year:
    """A year with returns, in a home that no test writes to.

    Attributes:
        documents: ids of documents by name.
    """

    home: Path
    ws: stages.Workspace
    documents: dict[str, str]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Iterator[Year]:
    """Six units with one return each, of every state."""
    home = tmp_path_factory.mktemp("returned") / "home"
    with stages.open_workspace(shared.settings(home)) as ws:
        yield Year(home, ws, _returned(ws, Landing(ws.store)))


def _returned(ws: stages.Workspace, landing: Landing) -> dict[str, str]:
    for unit in UNITS:
        landing.unit(unit)
    documents = {
        "first": _report(landing, UNIT, 1, 1),
        "second": _report(landing, UNIT, 2, 2),
        **{unit: _report(landing, unit, 3, 1) for unit in (SILENT, KEPT, BACK, LATE)},
        "plan": _id(landing.plan(PLAN, {"2024": {"C_04": 9}}, submitted_at=_day(1))),
    }
    _return(landing, UNIT, documents["second"], due_on="2024-11-20")
    _return(landing, SILENT, documents[SILENT], by=MINISTRY, reason="请补充到账凭证")
    withdrawn = _return(landing, KEPT, documents[KEPT])
    landing.document(
        "return",
        province=GUANGDONG,
        unit_code=KEPT,
        withdraws_document_id=withdrawn,
        submitted_at=_day(11),
    )
    _return(landing, BACK, documents[BACK])
    documents["answer"] = _report(landing, BACK, 4, 12)
    _return(landing, LATE, documents[LATE], submitted_at=CUTOFF)
    _return(landing, PLAN, documents["plan"])
    _transform(ws)
    return documents


def _transform(ws: stages.Workspace) -> None:
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)


def _rows(ws: stages.Workspace, query: str) -> list[tuple[Any, ...]]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return con.execute(query).fetchall()


def test_what_stands_is_the_newest_document_that_was_not_returned(year: Year) -> None:
    ws, returned = year.ws, year.documents
    assert _rows(
        ws,
        "select unit_code, has_reported, is_on_time, document_id from lake.marts.fct_unit_year "
        "order by 1",
    ) == [
        (UNIT, True, True, returned["first"]),
        (SILENT, False, False, None),
        (KEPT, True, True, returned[KEPT]),
        (BACK, True, True, returned["answer"]),
        (LATE, True, True, returned[LATE]),
        (PLAN, False, False, None),
    ]
    assert _rows(
        ws,
        "select unit_code, state, answered_by from lake.quality.returned_documents order by 1",
    ) == [
        (UNIT, "pending", None),
        (SILENT, "pending", None),
        (KEPT, "withdrawn", None),
        (BACK, "answered", returned["answer"]),
        (LATE, "too_late", None),
        (PLAN, "pending", None),
    ]
    assert _rows(ws, "select count(target) from lake.marts.fct_unit_indicator") == [(0,)]
    assert _rows(
        ws,
        "select unit_code, code, value from lake.quality.submission_errors "
        "where code in ('E063', 'W309') order by 1",
    ) == [
        (UNIT, "E063", "请核对经费"),
        (SILENT, "E063", "请补充到账凭证"),
        (LATE, "W309", returned[LATE]),
        (PLAN, "E063", "请核对经费"),
    ]
    with lakehouse.reader(ws.settings, ws.store) as con:
        reported = {unit.unit_code: unit.first_at is not None for unit in units_of(con, 2024)}
    assert reported == {
        UNIT: True, SILENT: False, KEPT: True, BACK: True, LATE: True, PLAN: False,
    }  # fmt: skip


@pytest.mark.slow
def test_a_newer_document_answers_the_return(year: Year, shared: Shared, tmp_path: Path) -> None:
    with stages.open_workspace(shared.copy(year.home, tmp_path / "home")) as ws:
        landing = Landing(ws.store)
        landing.performance(
            SILENT, {"C_04": 5}, submitted_at=_day(13), report=None, document_id="answer"
        )
        _transform(ws)
        assert _rows(
            ws,
            "select state, is_on_time from lake.quality.returned_documents "
            f"join lake.marts.fct_unit_year using (unit_code) where unit_code = '{SILENT}'",
        ) == [("answered", True)]


def test_the_unit_the_province_and_the_reminder_are_told(year: Year) -> None:
    ws, returned = year.ws, year.documents
    stages.receipts(ws, 2024, run_id="r", progress=no_progress)

    def page(name: str) -> str:
        return ws.store.get("publication", f"receipts/year=2024/province=440000/{name}").decode()

    unit = page(f"units/{UNIT}.html")
    for expected in (
        "退回修改", "省级教育行政部门", "请核对经费", "2024-11-20", "退回后尚未重新报送",
        "已被退回修改，未计入",
    ):  # fmt: skip
        assert expected in unit, expected
    silent = page(f"units/{SILENT}.html")
    assert "教育部" in silent
    assert "所报文档已被退回修改，尚未重新报送" in silent
    assert f"已重新报送（<code>{returned['answer']}</code>）" in page(f"units/{BACK}.html")
    assert "退回已撤回" in page(f"units/{KEPT}.html")
    digest = page("digest.html")
    assert "退回后未重新报送的文档（3）" in digest
    assert "退回后已重新报送的文档（1）" in digest
    assert "已退回，未重新报送" in digest
    assert _rows(
        ws,
        "select documents_returned from lake.publication.daily_digests "
        "where province_code = '440000'",
    ) == [(3,)]


@pytest.mark.slow
def test_a_return_without_effect_is_answered_with_the_reason(
    ws: stages.Workspace, landing: Landing
) -> None:
    other, elsewhere = "T05-440000-0002", "T05-110000-0001"
    for unit in (UNIT, other, elsewhere):
        landing.unit(unit)
    document, of_other = _report(landing, UNIT, 1, 1), _report(landing, other, 2, 1)
    of_beijing = _report(landing, elsewhere, 3, 1)
    _return(landing, UNIT, "no-such-document", name="E118.json")
    _return(landing, UNIT, of_other, name="E119-unit.json")
    _return(landing, UNIT, of_beijing, name="E119-province.json")
    _return(landing, elsewhere, of_beijing, name="E105.json")
    first = _return(landing, UNIT, document, by=MINISTRY)
    _return(landing, UNIT, document, submitted_at=_day(11), name="W310.json")
    withdrawal = {"province": GUANGDONG, "unit_code": UNIT, "submitted_at": _day(12)}
    landing.document("return", withdraws_document_id=first, name="E121.json", **withdrawal)
    landing.document("return", withdraws_document_id="none", name="E120.json", **withdrawal)
    _transform(ws)
    told = _rows(
        ws,
        "select distinct split_part(object_key, '/', -1), code "
        "from lake.quality.submission_errors where document_id is not null "
        "and object_key like 'return/%' order by 1",
    )
    assert told == [
        (f"{name}.json", name.partition("-")[0])
        for name in ("E105", "E118", "E119-province", "E119-unit", "E120", "E121", "W310")
    ]
    # Withdrawn by one sender, it is still returned by the other.
    assert _rows(ws, "select unit_code, is_on_time from lake.marts.fct_unit_year order by 1") == [
        (elsewhere, True),
        (UNIT, False),
        (other, True),
    ]


def test_the_notes_of_the_bulletins_count_what_did_not_come_back(year: Year) -> None:
    ws = year.ws
    with lakehouse.reader(ws.settings, ws.store) as con:
        marts = read_marts(con, 2024, GateNotes(0, {}))
        recomputed = quality_notes.CLAIMS["returned"].read(con, 2024)
    assert recomputed == {"national": "3", "T05": "3", GUANGDONG: "3"}
    for kind, code in (("national", ""), ("task", "T05"), ("province", GUANGDONG)):
        printed = [
            (run.claim, run.text)
            for block in quality_notes.blocks(marts, Place(kind, code, ""))
            for run in runs(block)
            if isinstance(run, Claim) and run.claim.startswith("returned")
        ]
        assert printed == [(f"returned/{code or 'national'}", "3")]
    without = quality_notes.blocks(marts, Place("province", BEIJING, ""))
    assert not any("退回" in str(run) for block in without for run in runs(block))
