"""The rehearsal and the reminders: their content, and that neither allows a publication."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import TongbaoError
from orchestration.rehearsal import Rehearsal
from tests.conftest import Tongbao
from tests.fixtures.homes import NOW, PreparedYear, Shared
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

A, B, C = (f"T05-440000-000{number}" for number in (1, 2, 3))
FOLDER = "receipts/year=2024/province=440000/"


def _at(ws: stages.Workspace, now: str) -> stages.Workspace:
    return replace(
        ws, settings=replace(ws.settings, fixed_now=datetime.fromisoformat(now).astimezone(UTC))
    )


def _intake_and_transform(ws: stages.Workspace) -> None:
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)


def _rehearse(ws: stages.Workspace) -> Rehearsal:
    return stages.rehearse(ws, 2024, run_id="r", progress=no_progress)


def _page(ws: stages.Workspace, key: str) -> str:
    return ws.store.get("publication", key).decode()


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.slow
def test_a_province_before_the_cutoff(ws: stages.Workspace, landing: Landing) -> None:
    for unit in (A, B, C):
        landing.unit(unit, year=2023)
    for unit, at in ((A, "2023-11-24T23:59:59"), (B, "2023-11-25T00:00:00")):
        landing.performance(unit, {"C_04": 1}, year=2023, submitted_at=f"{at}+08:00", report=None)
    landing.performance(
        A, {"C_04": 1, "C_09": "约300"}, submitted_at="2024-11-20T09:00:00+08:00", report=None
    )
    ws = _at(ws, "2024-11-25T00:00:00+08:00")
    _intake_and_transform(ws)
    done = _rehearse(ws)

    assert done.would_block
    assert set(done.left_out) == {
        "An intake ran after the cut-off",
        "Tasks whose figures the province has not confirmed",
    }
    assert "intake_after_cutoff" not in {each["expectation"] for each in done.blocking}
    [province] = done.provinces
    assert (province.expected, province.reported, province.newly_reported) == (3, 1, 1)
    assert (province.last_expected, province.last_reported, province.last_on_time) == (3, 1, 2)
    assert 0 <= province.missing_low <= province.missing <= province.missing_high <= 2
    assert (done.days_left, done.nation.not_reported) == (20, 2)

    nation = _text(_page(ws, done.page))
    for said in ("2024年度通报演练", "距填报截止还有20天", "不能通报", "1 （33.3%）", "广东"):
        assert said.replace(" ", "") in nation.replace(" ", ""), said
    digest = _text(_page(ws, FOLDER + "rehearsal.html"))
    for said in (B, C, "2023-11-25", "报送年度绩效数据和年度工作报告", "占全国未报送2个的100.0%"):
        assert said in digest, said
    assert re.search(rf"{A}.*更正1处错误后重新提交.*补交年度工作报告", digest)
    assert _page(ws, done.page) == _page(ws, "receipts/year=2024/rehearsal-2024-11-25.html")
    kept = json.loads(_page(ws, "receipts/year=2024/rehearsal-2024-11-25.json"))
    assert kept["nation"]["missing"] == done.nation.missing

    reminders = stages.reminders(ws, 2024, run_id="r", progress=no_progress)
    told = {each.province_code: each for each in reminders.reminders}
    assert (len(told), reminders.days_left) == (32, 20)
    assert told["440000"].outstanding == {
        "absent": 2, "faulty": 1, "returned": 0, "unassessed": 3, "summaries": 1,
    }  # fmt: skip
    assert told["440000"].text == (
        "广东省：距2024年度填报截止（2024年12月15日0:00，北京时间）还有20天。应报单位3个，"
        "未按时报送2个，填报有错误1个，未考核3个，缺分任务总结1项。"
    )
    assert "没有待办事项" in told["110000"].text
    reminder = _page(ws, FOLDER + "reminder.html")
    assert reminder == _page(ws, FOLDER + "reminder-2024-11-25.html")
    for said in (told["440000"].text, B, C, "未报送单位（2）"):
        assert said in _text(reminder), said

    for info in ws.store.list("publication", "receipts/"):
        body = ws.store.get("publication", info.key)
        for contact in ("张三", "example.invalid"):
            assert contact.encode() not in body, info.key
    with pytest.raises(TongbaoError, match="not open"):
        stages.reminders(
            _at(ws, "2024-12-15T00:00:00+08:00"), 2024, run_id="r", progress=no_progress
        )


@pytest.fixture(scope="module")
def nation(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[stages.Workspace]:
    """A complete synthetic year, taken in after the cut-off, that passes the gate."""
    settings = shared.copy(prepared.transformed, tmp_path_factory.mktemp("rehearsed") / "home", NOW)
    with stages.open_workspace(settings) as ws:
        yield ws


def test_a_rehearsal_that_would_pass_allows_no_publication(
    nation: stages.Workspace,
) -> None:
    with lakehouse.reader(nation.settings, nation.store) as con:
        before = lakehouse.current_snapshot(con)
    done = _rehearse(nation)
    assert not done.would_block
    assert done.left_out == ()
    assert nation.decisions == {}
    with lakehouse.reader(nation.settings, nation.store) as con:
        assert lakehouse.current_snapshot(con) == before
        assert con.execute("select count(*) from quality.gate_results").fetchall() == [(0,)]
    with pytest.raises(TongbaoError, match="the gate has not judged"):
        stages.publish(nation, 2024, run_id="r", progress=no_progress)
    assert nation.store.list("publication", "editions/") == []


def test_a_rehearsal_counts_as_the_marts_do(nation: stages.Workspace) -> None:
    done = _rehearse(nation)
    with lakehouse.reader(nation.settings, nation.store) as con:
        for year, on_time in ((2024, lambda s: s.reported), (2023, lambda s: s.last_on_time)):
            expected = dict(
                con.execute(
                    "select province_code, count(*) filter (where is_on_time) "
                    "from marts.fct_unit_year where year = ? group by all",
                    [year],
                ).fetchall()
            )
            counted = {s.key["province_code"]: on_time(s) for s in done.provinces}
            assert counted == {code: expected.get(code, 0) for code in counted}
    for column in ("expected", "reported", "newly_reported", "last_reported", "last_on_time"):
        total = sum(getattr(s, column) for s in done.provinces)
        assert getattr(done.nation, column) == total, column
        assert sum(getattr(s, column) for s in done.tasks) == total, column
    assert done.nation.missing == done.nation.missing_low == done.nation.missing_high
    assert done.nation.missing == done.nation.not_reported


def test_documents_dated_in_the_future_do_not_count_as_reported(nation: stages.Workspace) -> None:
    done = _rehearse(_at(nation, "2024-11-25T00:00:00+08:00"))
    assert done.from_future > 0
    assert any("are dated after now" in line for line in done.lines)
    assert "请核对平台时钟" in _page(nation, done.page)


def test_the_command_prints_a_table_and_exits_with_0(
    nation: stages.Workspace, tongbao: Tongbao
) -> None:
    done = tongbao(
        "rehearse",
        TONGBAO_HOME=str(nation.settings.home),
        TONGBAO_NOW="2024-11-25T00:00:00+08:00",
        AWS_ENDPOINT_URL_S3=str(nation.store.config.endpoint),
        AWS_ACCESS_KEY_ID=nation.store.config.access_key_id,
        AWS_SECRET_ACCESS_KEY=nation.store.config.secret_access_key,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Rehearsal 2024, 2024-11-25 00:00 Beijing, 20 days left: would ")
    table = lines[next(n for n, line in enumerate(lines) if "missing at cut-off" in line) :]
    assert max(map(len, table)) <= 100
    row = (
        r" +\d+ +\d+ +[\d.]+% +[\d.]+% +\d+ +\d+ \(\d+-\d+\) +(\d+%|-)( +(passes|may fail|FAILS))?"
    )
    assert sum(bool(re.fullmatch(r"[\u4e00-\u9fff]{2,3}" + row, line)) for line in table) == 33
    assert table[-1] == "page: s3://publication/receipts/year=2024/rehearsal.html"
    assert "Traceback" not in done.stderr


def test_an_unreachable_store_exits_with_4(tongbao: Tongbao) -> None:
    done = tongbao(
        "rehearse", "--year", "2024", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.strip().splitlines()[-1].startswith("tongbao: ")
