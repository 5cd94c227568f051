"""The offline check gives the same findings as the receipt after intake and transform."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.core.settings import Settings
from orchestration.demo import generate
from orchestration.intake import documents, offline
from orchestration.intake.offline import check_file, check_files
from tests.conftest import Tongbao
from tests.fixtures import poison
from tests.fixtures.objects import CASES
from tests.fixtures.progress import no_progress

#: Codes of findings that need the store or the lakehouse: registration, earlier documents, expected
#: units, report files, comparisons with other units.
_ONLINE_CODES = ("E108", "E109", "W117", "W305", "E4", "S4")


def _comparable(receipt: dict[str, Any], rules: set[str]) -> list[tuple[Any, ...]]:
    return [
        (
            e["code"],
            e["severity"],
            e["where"],
            e["unit_code"],
            e["indicator_code"],
            e["value"],
            e["message_zh"],
            e["message_en"],
        )
        for e in receipt["errors"]
        if not e["code"].startswith(_ONLINE_CODES) and e["code"] not in rules
    ]


def _document_id(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_bytes())["document_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@pytest.mark.slow
def test_the_check_gives_the_same_findings_as_the_receipt(tmp_path: Path) -> None:
    from orchestration.core.catalogue import load_catalogue

    home = tmp_path / "home"
    settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
    with_history = {
        rule.rule_id
        for rule in load_catalogue().rules.values()
        if "prev_" in rule.expression or "target_" in rule.expression
    }
    with stages.open_workspace(settings) as ws:
        generate(
            ws.store, settings, year=2024, scale=0.02, seed=3, faults="heavy", progress=no_progress
        )
        stages.intake(ws, 2024, run_id="r", progress=no_progress)
        stages.transform(ws, 2024, run_id="r", progress=no_progress)
        with lakehouse.reader(settings, ws.store) as con:
            # Rules are applied only to effective documents.
            effective = {
                row[0]
                for row in con.execute(
                    "select document_id from lake.marts.fct_unit_year where year = 2024"
                ).fetchall()
            }
        compared = 0
        for info in ws.store.list("landing", "performance/year=2024/"):
            path = tmp_path / "files" / info.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ws.store.get("landing", info.key))
            _, year, province, name = info.key.split("/", 3)
            receipt_key = f"receipts/{year}/{province}/{name}.receipt.json"
            online = json.loads(ws.store.get("publication", receipt_key))
            document = _document_id(path)
            if online["object_key"] != info.key or document not in effective:
                continue
            offline = json.loads(check_file(path, settings).receipt)
            assert _comparable(offline, with_history) == _comparable(online, with_history), info.key
            assert offline["sha256"] == online["sha256"]
            compared += len(offline["errors"])
    assert compared > 50


def test_the_command_line(tongbao: Tongbao, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(
        "document_id,submitted_at,unit_code,year,indicator_code,value\n"
        "d1,2024-12-01T10:00:00+08:00,T05-440000-0007,2024,C_04,约300\n"
        "d1,2024-12-01T10:00:00+08:00,T05-440000-0007,2024,C_09,5\n",
        encoding="gb18030",
    )

    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = tongbao("check", *arguments)
        assert "Traceback" not in done.stderr
        return done

    done = check(str(path))
    assert done.returncode == 0
    assert "E201" in done.stdout
    assert "约300" in done.stdout
    assert (
        "C_04 年度计划投入经费：“约300” → 无法识别（未计入：E201）"
        in check("--values", str(path)).stdout
    )
    receipt = json.loads(check("--json", str(path)).stdout)
    assert "values" not in receipt
    value, read = json.loads(check("--json", "--values", str(path)).stdout)["values"]
    assert (read["read"], read["excluded_by"]) == ("5", None)
    assert (value["typed"], value["read"], value["excluded_by"]) == ("约300", None, "E201")
    assert receipt["object_key"] == "performance/year=2024/province=440000/report.csv"
    assert (receipt["status"], receipt["counts"]["values"]) == ("accepted_with_errors", 1)
    unplaced = tmp_path / "x.json"
    unplaced.write_text("[]", encoding="utf-8")
    done = check(str(path), str(unplaced))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("tongbao: 1 of 2 files would be rejected")
    assert f"{path}: accepted_with_errors" in done.stdout
    assert "E007" in done.stdout
    assert "--as, --year, --province" in done.stderr
    assert check(str(tmp_path / "none.csv")).returncode == 2
    # No store was started and no lakehouse made: the home holds only the fixture's link.
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["dbt"]


def test_a_file_on_which_a_parser_fails_gets_a_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(documents, "read_object", fail)
    path = tmp_path / "a.json"
    path.write_text("{}", encoding="utf-8")
    answer = json.loads(
        check_file(
            path, Settings(home=tmp_path), kind="performance", year=2024, province="440000"
        ).receipt
    )
    assert answer["status"] == "rejected"
    assert [error["code"] for error in answer["errors"]] == ["E016"]


def test_a_file_that_ends_its_reader_gets_a_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    paths[0].write_bytes(b"crash")
    paths[1].write_bytes(b"{}")
    monkeypatch.setattr(offline, "_checked", poison.checked)
    checked = check_files(
        paths, Settings(home=tmp_path), kind="performance", year=2024, province="440000"
    )
    first, second = (json.loads(each.receipt) for each in checked)
    assert [error["code"] for error in first["errors"]] == ["E016"]
    assert (first["status"], first["size"]) == ("rejected", 5)
    assert {error["code"] for error in second["errors"]} == {"E101"}


def test_a_file_that_should_say_where_it_belongs_gets_a_receipt(tmp_path: Path) -> None:
    """The form has no unit code, from which the province would come."""
    checked = check_file(CASES / "K31-form-without-unit-code.xlsx", Settings(home=tmp_path))
    receipt = json.loads(checked.receipt)
    assert checked.unknown == ("--province",)
    assert receipt["status"] == "rejected"
    [error] = [each for each in receipt["errors"] if "单位代码" in each["message_zh"]]
    assert error["where"].endswith("A4")


def test_the_values_of_a_form_are_echoed(tmp_path: Path) -> None:
    checked = check_file(CASES / "base-good-form.xlsx", Settings(home=tmp_path))
    assert checked.unknown == ()
    assert len(checked.values) == 18
    by_code = {each.indicator_code: each for each in checked.values}
    found = by_code["C_04"]
    assert (found.name, found.typed, found.read) == ("年度计划投入经费", "100", "100")
    assert (found.unit_of_measure, found.excluded_by) == ("万元", None)
    assert found.where.endswith("4")
    assert by_code["T05_06"].read == "1"


def test_what_excludes_a_value_is_echoed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    values = {"C_04": "１，２００", "C_05": 9_999_999, "X_1": 1, "T05_03": 3000, "T05_02": 4}
    document = {"document_id": "d", "submitted_at": "2024-11-01T09:00:00+08:00", "year": 2024,
                "unit_code": "T05-440000-0007", "values": values}  # fmt: skip
    path.write_text(json.dumps(document), encoding="utf-8")
    settings = Settings(home=tmp_path)
    echoed = check_file(path, settings, kind="performance").values
    found = {each.indicator_code: (each.read, each.excluded_by) for each in echoed}
    assert found["C_04"] == ("1200", None)
    assert found["C_05"] == ("9999999", "E203")
    assert found["X_1"] == ("1", "E204")
    # The value as typed is what a person compares with the page.
    assert next(each.typed for each in echoed) == "１，２００"


def test_the_targets_of_a_plan_are_echoed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    targets = {"2024": {"C_04": "100"}, "2025": {"C_04": "约200"}}
    document = {"document_id": "d", "submitted_at": "2024-11-01T09:00:00+08:00",
                "document_type": "plan", "unit_code": "T05-440000-0007",
                "targets": targets}  # fmt: skip
    path.write_text(json.dumps(document), encoding="utf-8")
    echoed = check_file(path, Settings(home=tmp_path)).values
    assert [(each.year, each.typed, each.read, each.excluded_by) for each in echoed] == [
        (2024, "100", "100", None),
        (2025, "约200", None, "E201"),
    ]


@pytest.mark.parametrize(
    ("name", "code", "province"),
    [
        # Codes that count up row by row name no unit.
        ("K06-drag-filled-unit.xlsx", "E032", "unknown"),
        ("K07-second-sheet-other-value.xlsx", "E031", "440000"),
        ("K13-document-id-scientific.csv", "E035", "440000"),
        ("K18-last-year-and-this-year.xlsx", "E038", "440000"),
    ],
)
def test_a_file_of_unreadable_documents_says_its_type_and_province(
    tmp_path: Path, name: str, code: str, province: str
) -> None:
    checked = check_file(CASES / name, Settings(home=tmp_path))
    receipt = json.loads(checked.receipt)
    assert [each["code"] for each in receipt["errors"]] == [code]
    assert receipt["object_key"].startswith("performance/")
    assert receipt["province_code"] == province
    assert "--year" in checked.unknown
