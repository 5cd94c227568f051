"""Waivers: which failing rows they cover, for how long, and which entries are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import gate_marts
import pytest

from orchestration.core.errors import UsageError
from orchestration.gate import GateDecision, Waiver, judge, quality_files, read_waivers

CUTOFF = datetime(2024, 12, 14, 16, 0, tzinfo=UTC)
NOW = datetime(2024, 12, 15, 0, 0, tzinfo=UTC)
HEADER = "year,suite,expectation,scope,signed_off_by,office,reason,signed_on,valid_until"
CHECK = ("submissions", "excluded_share_cell")


@pytest.fixture(scope="module")
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    """Marts with too many exclusions in two cells: 440000 T05 and 110000 T05."""
    con = gate_marts.build()
    con.execute(
        "update marts.fct_unit_indicator set value = null, is_excluded = true, "
        "exclusion_code = 'E203' where year = 2024 and indicator_code like 'C_%' and "
        "((province_code = '440000' and task_code = 'T05') "
        "or (province_code = '110000' and task_code = 'T05'))"
    )
    gate_marts.aggregate(con)
    yield con
    con.close()


def waiver(scope: dict[str, str], **changes: Any) -> Waiver:
    fields: dict[str, Any] = {
        "year": 2024,
        "suite": CHECK[0],
        "expectation": CHECK[1],
        "scope": scope,
        "signed_off_by": "王某",
        "office": "数据处",
        "reason": "已逐户核实",
        "signed_on": date(2024, 12, 14),
        "valid_until": date(2024, 12, 15),
    }
    return Waiver(**(fields | changes))


def decide(con: duckdb.DuckDBPyConnection, *waivers: Waiver, now: datetime = NOW) -> GateDecision:
    return judge(
        con,
        year=2024,
        snapshot_id=7,
        run_id="r",
        now=now,
        last_intake_at=CUTOFF + timedelta(hours=1),
        period=SimpleNamespace(cutoff_at=CUTOFF),
        waivers=waivers,
    )


GUANGDONG = {"province_code": "440000", "task_code": "T05"}
OTHER = {"province_code": "110000"}


def test_waived_rows_do_not_block_and_are_reported(marts: duckdb.DuckDBPyConnection) -> None:
    plain = decide(marts)
    [finding] = [f for f in plain.blocking if f.expectation == CHECK[1]]
    assert finding.failed == 2
    decision = decide(marts, waiver(GUANGDONG), waiver(OTHER))
    assert CHECK[1] not in {f.expectation for f in decision.blocking}
    [waived] = decision.waived
    assert waived.failed == 2
    assert "王某" in waived.waived_zh
    assert "已逐户核实" in waived.waived_zh
    [row] = [r for r in decision.results if r["expectation"] == CHECK[1]]
    assert (row["success"], row["waived_by"]) == (False, "数据处王某")
    # The record has all that is needed to judge under the same waivers again.
    kept = json.loads(row["detail"])["waivers"]
    assert [entry["scope"] for entry in kept] == [GUANGDONG, OTHER]
    assert kept[0]["valid_until"] == "2024-12-15"
    assert any("waived by 王某" in line for line in decision.print_lines())
    assert decision.summary()["waived"][0]["expectation"] == CHECK[1]


def test_only_rows_without_a_waiver_block(marts: duckdb.DuckDBPyConnection) -> None:
    decision = decide(marts, waiver(GUANGDONG))
    [finding] = [f for f in decision.blocking if f.expectation == CHECK[1]]
    assert [cause.key["province_code"] for cause in finding.causes] == ["110000"]
    assert (finding.failed, finding.covered) == (1, 1)
    lines = finding.lines(1)
    assert not any("广东" in line for line in lines)
    assert any("1 more fail and don't block" in line for line in lines)
    [row] = [r for r in decision.results if r["expectation"] == CHECK[1]]
    assert row["waived_by"] is None


def test_a_waiver_that_covers_no_failing_row_is_not_named(marts: duckdb.DuckDBPyConnection) -> None:
    """A valid waiver for rows that don't fail isn't listed as a reason to pass."""
    idle = waiver({"province_code": "540000"}, signed_off_by="李某")
    [row] = [r for r in decide(marts, waiver({}), idle).results if r["expectation"] == CHECK[1]]
    assert row["waived_by"] == "数据处王某"


def test_a_warning_can_be_waived_in_part(marts: duckdb.DuckDBPyConnection) -> None:
    notice = CHECK[1] + "_notice"
    decision = decide(marts, waiver(GUANGDONG, expectation=notice))
    [finding] = [f for f in decision.warnings if f.expectation == notice]
    assert "此外1处经签批豁免：数据处王某2024-12-14签批，有效期至2024-12-15" in finding.text_zh
    assert notice in {f.expectation for f in decide(marts, waiver({}, expectation=notice)).waived}


def test_the_quality_report_names_waivers(marts: duckdb.DuckDBPyConnection) -> None:
    decision = decide(marts, waiver({}), waiver({}, signed_off_by="李<某>", reason="a & b"))
    files = quality_files(decision)
    page = files["index.html"].decode()
    assert "经签批豁免的问题" in page
    assert "○ 已豁免" in page
    assert "数据处李&lt;某&gt;2024-12-14签批，有效期至2024-12-15：a &amp; b" in page
    assert "<某>" not in page
    rows = files["failing_rows.csv"].decode("utf-8-sig").splitlines()
    signed = [line for line in rows if f",{CHECK[1]}," in line]
    assert len(signed) == 2
    assert all(line.endswith(",数据处王某、数据处李<某>") for line in signed)
    expired = decide(marts, waiver({}), now=NOW + timedelta(days=2))
    assert "豁免已过期" in quality_files(expired)["index.html"].decode()


def test_a_waiver_can_cover_all_rows(marts: duckdb.DuckDBPyConnection) -> None:
    assert CHECK[1] in {f.expectation for f in decide(marts, waiver({})).waived}


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        # In Beijing the 14th starts at 16:00 UTC of the 13th, and the 15th ends at 16:00 UTC.
        ("2024-12-13T15:59:59+00:00", False),
        ("2024-12-13T16:00:00+00:00", True),
        ("2024-12-15T15:59:59+00:00", True),
        ("2024-12-15T16:00:00+00:00", False),
    ],
)
def test_a_waiver_is_valid_from_its_first_to_its_last_day(now: str, counts: bool) -> None:
    assert waiver({}).is_valid(datetime.fromisoformat(now)) is counts


def test_an_expired_waiver_is_named_in_the_finding(marts: duckdb.DuckDBPyConnection) -> None:
    decision = decide(marts, waiver({}), now=NOW + timedelta(days=2))
    assert CHECK[1] in {f.expectation for f in decision.blocking}
    assert any("expired: waived by 王某" in line for line in decision.print_lines())


def _file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "waivers.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


GOOD = (
    "2024,submissions,excluded_share_cell,province_code=440000;task_code=T05,"
    "王某,数据处,已核实,2024-12-14,2024-12-16"
)


def test_the_file_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD, GOOD.replace("2024,", "2023,", 1))
    [found] = read_waivers(2024, path)
    assert found.scope == GUANGDONG
    assert found.valid_until == date(2024, 12, 16)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (GOOD.replace("王某", ""), "line 2: signed_off_by is missing"),
        (GOOD.replace("已核实", " "), "reason is missing"),
        (GOOD.replace("2024-12-16", ""), "valid_until is missing"),
        (GOOD.replace("2024-12-16", "16.12.2024"), "valid_until must be a date like"),
        (GOOD.replace("2024-12-16", "2024-12-13"), "valid_until lies before signed_on"),
        (GOOD.replace("2024,", "今年,", 1), "line 2: .*今年"),
        (GOOD.replace("task_code=T05", "T05"), "scope must be"),
        (GOOD + ",见附件", "line 2: more cells"),
        (GOOD.rsplit(",", 1)[0], "valid_until is missing"),
        (GOOD.replace("已核实", '"已核实'), "waivers.csv, line"),
        (GOOD.replace("已核实", '"已\n核实"') + "\n2024,x", "line 4: .*missing"),
    ],
)
def test_an_incomplete_waiver_is_refused(tmp_path: Path, broken: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_waivers(2024, _file(tmp_path, broken))


def test_a_file_that_is_not_a_table_of_waivers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "waivers.csv"
    with pytest.raises(UsageError, match="can't be read"):
        read_waivers(2024, path)
    path.write_bytes(f"{HEADER}\n{GOOD}\n".encode("gb18030"))
    with pytest.raises(UsageError, match="can't be read as UTF-8"):
        read_waivers(2024, path)
    path.write_text(HEADER.replace(",office", "") + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="its first line must be year,suite"):
        read_waivers(2024, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expectation": "no_such_check"}, "line 9: there is no check submissions.no_such_check"),
        ({"suite": "national"}, "there is no check national.excluded_share_cell"),
        ({"scope": {"provnce_code": "440000"}}, "judged by province_code, task_code"),
        (
            {"expectation": "late_share", "scope": {"province_code": "440000"}},
            "judged for the whole nation",
        ),
    ],
)
def test_a_waiver_of_an_unknown_check_or_column_is_refused(
    marts: duckdb.DuckDBPyConnection, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        decide(marts, waiver(**({"scope": {}, "where": "line 9"} | changes)))


def test_the_projects_own_file_is_valid(marts: duckdb.DuckDBPyConnection) -> None:
    decide(marts, *read_waivers(2024))
