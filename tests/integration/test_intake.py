"""Intake against a real S3 server: fetching, rows, receipts, and hostile objects."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.intake import isolation
from orchestration.intake.run import IntakeSummary, idle_intake
from tests.fixtures import poison
from tests.fixtures.faulty_store import Faults, faulty_store
from tests.fixtures.landing import Landing

UNIT = "T05-110000-0001"


def _intake(ws: stages.Workspace, year: int = 2024) -> IntakeSummary:
    return stages.intake(ws, year, run_id="test", progress=lambda _: None)


def _transform(ws: stages.Workspace, year: int = 2024) -> None:
    stages.transform(ws, year, run_id="test", progress=lambda _: None)


def _query(ws: stages.Workspace, query: str) -> list[tuple[Any, ...]]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return con.execute(query).fetchall()


def _snapshot(ws: stages.Workspace) -> int:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return lakehouse.current_snapshot(con)


def _receipt(ws: stages.Workspace, key: str) -> dict[str, Any]:
    _, year, province, name = key.split("/", 3)
    path = f"receipts/{year}/{province}/{name}.receipt.json"
    return dict(json.loads(ws.store.get("publication", path)))


def test_a_second_intake_fetches_nothing_and_writes_nothing(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    landing.performance(UNIT, {"T05_02": 1000})
    first = _intake(ws)
    assert (first.listed, first.fetched) == (3, 3)
    snapshot = _snapshot(ws)
    receipts = {info.key: info.last_modified for info in ws.store.list("publication")}
    second = _intake(ws)
    assert (second.listed, second.fetched, second.documents) == (3, 0, 0)
    assert _snapshot(ws) == snapshot
    assert {i.key: i.last_modified for i in ws.store.list("publication")} == receipts


def test_a_resubmission_is_a_new_object_or_the_same_key_again(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    key = landing.performance(UNIT, {"C_04": 10})
    _intake(ws)
    _transform(ws)
    landing.performance(UNIT, {"C_04": 20}, submitted_at="2024-11-02T09:00:00+08:00")
    assert _intake(ws).fetched == 1
    _transform(ws)
    query = (
        "select value from lake.marts.fct_unit_indicator "
        "where year = 2024 and indicator_code = 'C_04'"
    )
    assert [str(row[0]) for row in _query(ws, query)] == ["20.000000"]
    landing.performance(
        UNIT, {"C_04": 30}, submitted_at="2024-11-03T09:00:00+08:00", name=key.split("/")[-1]
    )
    assert _intake(ws).fetched == 1
    _transform(ws)
    assert [str(row[0]) for row in _query(ws, query)] == ["30.000000"]


def test_every_row_has_its_lineage(ws: stages.Workspace, landing: Landing) -> None:
    landing.unit(UNIT)
    key = landing.performance(UNIT, {"C_04": 10})
    _intake(ws)
    rows = _query(
        ws,
        "select v.object_key, v.etag = o.etag, v.sha256 = sha256(o.body), v.document_id, v.run_id "
        "from lake.raw.performance_values v join lake.raw.objects o using (object_key)",
    )
    assert rows == [(key, True, True, "d000003", "test")]
    tables = _query(
        ws,
        "select distinct table_name from duckdb_columns() where database_name = 'lake' "
        "and column_name like '%phone%' or column_name like '%email%'",
    )
    assert tables == [("registration_contacts",)]


def test_object_bodies_are_not_inlined_in_the_catalogue(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    landing.performance(UNIT, {"C_04": 10})
    _intake(ws)
    assert _query(ws, "select count(*), count(body) from lake.raw.objects") == [(3, 3)]
    with contextlib.closing(sqlite3.connect(ws.settings.catalog)) as catalogue:
        query = "select name from sqlite_master where name like '%inlined%'"
        assert catalogue.execute(query).fetchall() == [("ducklake_inlined_data_tables",)]


@pytest.mark.parametrize("transformed", [False, True])
def test_a_receipt_names_the_error_its_place_and_its_correction(
    ws: stages.Workspace, landing: Landing, transformed: bool
) -> None:
    landing.unit(UNIT)
    key = landing.performance(UNIT, {"C_04": "约300" + "万" * 400, "C_05": 10})
    replaced = landing.performance(UNIT, {"C_05": "无"}, submitted_at="2024-10-01T09:00:00+08:00")
    late = landing.performance(UNIT, {"C_05": "12万"}, submitted_at="2024-12-16T09:00:00+08:00")
    _intake(ws)
    if transformed:
        _transform(ws)
    receipt = _receipt(ws, key)
    assert receipt["status"] == "accepted_with_errors"
    [error] = [e for e in receipt["errors"] if e["code"] == "E201"]
    assert error["where"] == "/values/C_04"
    assert error["severity"] == "error"
    assert len(error["value"]) == 200
    assert "请只填数字" in error["message_zh"]
    assert "digits" in error["message_en"]
    # Replaced and late documents also have receipts, and keep them.
    assert "E201" in {e["code"] for e in _receipt(ws, replaced)["errors"]}
    assert {"E201", "W301"} <= {e["code"] for e in _receipt(ws, late)["errors"]}


def _bad_objects() -> dict[str, tuple[bytes, str]]:
    def document(**changes: Any) -> dict[str, Any]:
        base = {
            "document_type": "performance",
            "document_id": "x",
            "submitted_at": "2024-11-01T09:00:00+08:00",
            "year": 2024,
            "unit_code": UNIT,
            "values": {"C_04": 1},
        }
        return {k: v for k, v in (base | changes).items() if v is not ...}

    def text(**changes: Any) -> bytes:
        return json.dumps(document(**changes), ensure_ascii=False).encode()

    return {
        "broken.json": (text()[:-3], "E001"),
        "empty.json": (b"", "E007"),
        "blank.json": (b" \n ", "E007"),
        "not-json.json": (b"PK\x03\x04", "E001"),
        "utf32.json": (text().decode().encode("utf-32")[:-1], "E003"),
        "cut.json": (text(highlight="产教").replace("教".encode(), "教".encode()[1:]), "E003"),
        "deep.json": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "E004"),
        "deep-array.json": (b"[" * 100_000, "E004"),
        "twice.json": (text().replace(b"{", b'{"year": 2023, ', 1), "E008"),
        "table.parquet": (b"PAR1", "E012"),
        "book.xlsx": (b"PK", "E027"),
        "table.csv": (b"a,b\n1,2\n", "E009"),
        "program.exe": (b"MZ", "E005"),
        "no-extension": (text(), "E005"),
        "number.json": (b"42", "E102"),
        "type.json": (text(values=[1]), "E102"),
        "type2.json": (text(year="nineteen"), "E116"),
        "missing.json": (text(unit_code=...), "E101"),
        "year.json": (text(year=2020), "E104"),
        "other-province.json": (text(unit_code="T05-120000-0001"), "E105"),
        "unit-code.json": (text(unit_code="T05-110000-1"), "E106"),
        "no-such-task.json": (text(unit_code="T77-110000-0001"), "E106"),
        "kind.json": (text(document_type="plan"), "E107"),
        "zone.json": (text(submitted_at="2024-11-01T09:00:00"), "E112"),
        "long-id.json": (text(document_id="x" * 65), "E113"),
        "中文 名 '%2F\".json": (b"{", "E001"),
    }


def test_unusable_objects_are_rejected_and_the_others_count(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    landing.performance(UNIT, {"C_04": 10})
    folder = "performance/year=2024/province=110000"
    bad = _bad_objects()
    for name, (body, _) in bad.items():
        landing.put(f"{folder}/{name}", body)
    outside = landing.put("somewhere/else.json", b"{}")
    unknown = landing.put("performance/year=2024/province=999999/x.json", b"{}")
    done = _intake(ws)
    assert done.fetched == 3 + len(bad) + 2
    codes = {}
    for name in bad:
        receipt = _receipt(ws, f"{folder}/{name}")
        assert receipt["status"] == "rejected", name
        assert receipt["errors"], name
        codes[name] = receipt["errors"][0]["code"]
    assert codes == {name: code for name, (_, code) in bad.items()}
    rejected = _query(ws, "select object_key from lake.raw.objects where status = 'rejected'")
    assert {outside, unknown} <= {row[0] for row in rejected}
    _transform(ws)
    rows = _query(
        ws,
        "select value, units_counted from lake.marts.agg_national_indicator "
        "where year = 2024 and task_code = 'T05' and indicator_code = 'C_04'",
    )
    assert [(str(value), counted) for value, counted in rows] == [("10.000000", 1)]


def test_an_object_over_the_limit_is_rejected_unread(settings: Any) -> None:
    with stages.open_workspace(replace(settings, max_object_bytes=1000)) as ws:
        landing = Landing(ws.store)
        landing.unit(UNIT)
        key = landing.put("performance/year=2024/province=110000/big.json", b" " * 100_000_000)
        _intake(ws)
        receipt = _receipt(ws, key)
        assert receipt["status"] == "rejected"
        assert receipt["errors"][0]["code"] == "E002"
        assert _query(
            ws, f"select body, sha256 from lake.raw.objects where object_key = '{key}'"
        ) == [(None, None)]


def test_a_bad_line_rejects_only_that_line(ws: stages.Workspace, landing: Landing) -> None:
    landing.unit(UNIT)
    landing.unit("T05-110000-0002")
    good = {
        "document_type": "assessment", "document_id": "a1", "year": 2024, "score": 88.5,
        "submitted_at": "2024-12-01T09:00:00+08:00", "unit_code": UNIT, "grade": "good",
    }  # fmt: skip
    lines = [json.dumps(good), "{broken", json.dumps(good | {"document_id": "a2", "score": 101})]
    key = landing.put("assessment/year=2024/province=110000/a.jsonl", "\ufeff" + "\n".join(lines))
    _intake(ws)
    receipt = _receipt(ws, key)
    assert receipt["status"] == "accepted_with_errors"
    assert [(e["code"], e["where"]) for e in receipt["errors"]] == [
        ("E001", "/1"),
        ("E114", "/2/score"),
    ]
    assert _query(ws, "select document_id, cast(score as varchar) from lake.raw.assessments") == [
        ("a1", "88.500000")
    ]


_UNREADABLE = [
    "约300",
    "12万",
    "N/A",
    "NaN",
    "Infinity",
    "1e400",
    "3,00",
    "--5",
    "1/2",
    [],
    {"a": 1},
]


def test_an_ambiguous_value_is_an_error_of_that_value(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    keys = [landing.performance(UNIT, {"C_04": value, "C_09": 5}) for value in _UNREADABLE]
    _intake(ws)
    for key, value in zip(keys, _UNREADABLE, strict=True):
        errors = [e for e in _receipt(ws, key)["errors"] if e["severity"] == "error"]
        assert [(e["code"], e["where"]) for e in errors] == [("E201", "/values/C_04")], value


def test_an_unknown_unit_is_held_back_until_it_registers(
    ws: stages.Workspace, landing: Landing
) -> None:
    key = landing.performance(UNIT, {"C_04": 10})
    _intake(ws)
    assert _receipt(ws, key)["status"] == "rejected"
    assert _receipt(ws, key)["errors"][0]["code"] == "E109"
    assert _receipt(ws, key)["counts"]["values"] == 0
    landing.unit(UNIT)
    _intake(ws)
    _transform(ws)
    assert _receipt(ws, key)["status"] != "rejected"
    assert _receipt(ws, key)["counts"]["values"] == 1
    query = "select value from lake.marts.fct_unit_indicator where indicator_code = 'C_04'"
    assert [str(row[0]) for row in _query(ws, query)] == ["10.000000"]


def test_a_name_that_contradicts_the_registered_one_is_told(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    names = ["另一所学校", "示例单位", f"示例单位{UNIT[-4:]}（本部）", None]
    keys = [landing.performance(UNIT, {"C_04": 10}, unit_name=name) for name in names]
    _intake(ws)
    found = [
        [e["value"] for e in _receipt(ws, key)["errors"] if e["code"] == "W129"] for key in keys
    ]
    assert found == [["另一所学校"], [], [], []]


def test_the_same_document_counts_once_and_an_id_is_never_reused(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    key = landing.performance(UNIT, {"C_04": 10}, name="1.json")
    again = landing.put(key.replace("1.json", "2.json"), ws.store.get("landing", key))
    other = json.loads(ws.store.get("landing", key)) | {"values": {"C_04": 99}}
    reused = landing.put(key.replace("1.json", "3.json"), other)
    _intake(ws)
    assert [e["code"] for e in _receipt(ws, again)["errors"]] == ["W117"]
    assert _receipt(ws, reused)["errors"][0]["code"] == "E108"
    assert _query(ws, "select count(*) from lake.raw.performances") == [(1,)]


_INSTANTS = [
    ("2024-12-14T23:59:59+08:00", True),
    ("2024-12-15T00:00:00+08:00", False),
    ("2024-12-15T00:00:01+08:00", False),
    ("2024-12-14T15:59:59Z", True),
    ("2024-12-14T16:00:00Z", False),
    ("2024-12-14T10:59:59-05:00", True),
    ("2024-12-14T11:00:00-05:00", False),
    ("2024-12-15T01:29:59+09:30", True),
    ("2024-12-15T01:30:00+09:30", False),
]


def test_the_cutoff_is_midnight_in_beijing_whatever_the_zone(
    ws: stages.Workspace, landing: Landing
) -> None:
    for number, (submitted_at, _) in enumerate(_INSTANTS):
        code = f"T05-110000-{number:04d}"
        landing.unit(code)
        landing.performance(code, {"C_04": 10}, submitted_at=submitted_at)
    _intake(ws)
    _transform(ws)
    query = (
        "select has_reported, is_on_time from lake.marts.fct_unit_year where year = 2024 "
        "order by unit_code"
    )
    assert _query(ws, query) == [(True, on_time) for _, on_time in _INSTANTS]


def test_objects_that_harm_their_reader_cost_only_their_receipts(
    ws: stages.Workspace, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "answer_objects", poison.answer_objects)
    settings = replace(ws.settings, max_object_memory=2**29, max_object_seconds=2)
    prefix = "performance/year=2024/province=440000/"
    harmful = {
        landing.put(f"{prefix}{number}.json", body): poison.HARMS[body][1]
        for number, body in enumerate([*poison.QUICK, b"compute"])
    }
    landing.unit(UNIT)
    good = landing.performance(UNIT, {"T05_02": 1000})
    summary = _intake(replace(ws, settings=settings))
    assert summary.fetched == len(harmful) + 3
    assert summary.by_status["rejected"] == len(harmful)
    assert _receipt(ws, good)["counts"]["accepted"] == 1
    for key, code in harmful.items():
        answer = _receipt(ws, key)
        assert answer["status"] == "rejected"
        assert [error["code"] for error in answer["errors"]] == [code]
    assert _query(ws, "select count(*) from lake.raw.objects") == [(summary.fetched,)]
    assert _intake(ws).fetched == 0


def test_a_score_is_rounded_to_one_decimal_with_a_warning(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    key = landing.assessment(UNIT, 94.33333333333333)
    landing.assessment(UNIT, "88.25")
    _intake(ws)
    answer = _receipt(ws, key)
    assert answer["status"] == "accepted"
    [warning] = answer["errors"]
    assert (warning["code"], warning["value"]) == ("W118", "94.33333333333333")
    assert "94.3。" in warning["message_zh"]
    assert _query(
        ws, "select document_id, cast(score as varchar) from lake.raw.assessments order by all"
    ) == [("d000003", "94.300000"), ("d000004", "88.300000")]


def test_unusable_keys_are_listed_and_passed_over(ws: stages.Workspace, landing: Landing) -> None:
    keys = [
        "..",
        "/performance/year=2024/province=110000/b.json",
        "performance//year=2024/province=110000/b.json",
        "performance/year=2024/province=110000/../b.json",
        "performance/year=2024/province=110000/./b.json",
        "performance/year=2024/province=110000/a//b.json",
        "performance/year=2024/province=110000/a\x01b.json",
        "performance/year=2024/province=110000/a\nb.json",
        # Not even a character of XML.
        "performance/year=2024/province=110000/a\0b.json",
    ]
    report = f"attachments/year=2024/province=110000/{UNIT}//r.pdf"
    landing.unit(UNIT)
    named = {"object_key": report, "sha256": "0" * 64, "pages": 1}
    good = landing.performance(UNIT, {"C_04": 1}, report=named)
    with faulty_store(ws.store, Faults(also_listed=[*keys, report])) as store:
        faulty = replace(ws, store=store)
        summary = _intake(faulty)
        assert (summary.listed, summary.fetched) == (3, 3)
        assert sorted(summary.passed_over) == sorted(keys)
        assert "9 keys passed over" in summary.lines[1]
        assert "'..'" in summary.lines[1]
        assert "and 4 more" in summary.lines[1]
        # They don't count as waiting, so the sensor doesn't start runs for them.
        assert not stages.waiting(faulty, 2024).digest
        assert _intake(faulty).fetched == 0
    assert _receipt(ws, good)["counts"]["accepted"] == 1


def test_folders_of_the_store_are_no_objects(ws: stages.Workspace, landing: Landing) -> None:
    """Consoles of stores make an empty object with a final slash for each folder."""
    folder = "performance/year=2024/province=110000/"
    folders = ["performance/", "performance/year=2024/", folder, f"{folder}empty.json/"]
    landing.unit(UNIT)
    empty = landing.put(f"{folder}empty.json", b"")
    with faulty_store(ws.store, Faults(also_listed=folders)) as store:
        summary = _intake(replace(ws, store=store))
    assert (summary.listed, summary.fetched) == (3, 3)
    assert sorted(summary.passed_over) == folders
    assert [error["code"] for error in _receipt(ws, empty)["errors"]] == ["E007"]


def test_contacts_in_values_and_texts_are_stored_only_in_the_object(
    ws: stages.Workspace, landing: Landing
) -> None:
    typed = "约300，请联系王老师13800138000或０１０－６６０９６１１４、wang@example.edu.cn"
    secrets = ("13800138000", "13900139000", "66096114", "wang@", "０１０")
    landing.unit(UNIT)
    landing.plan(UNIT, {"2024": {"C_04": typed}})
    # A document id that looks like a telephone number is unchanged; a value is struck out.
    key = landing.performance(
        UNIT,
        {"C_04": typed, "C_05": [typed], "C_06": 13900139000, "C_07": "4", "C_08": 5},
        document_id="13700137000",
        highlight=typed,
    )
    shifted = landing.document(
        "registration", province="110000", unit_code=UNIT, unit_name=typed, level=typed
    )
    landing.document("explanation", province="110000", unit_code=UNIT, rule_id="W208", text=typed)
    landing.review(UNIT, "provincial_recommendation", decision=typed)
    _intake(ws)
    _transform(ws)
    answers = [
        (info.key, ws.store.get("publication", info.key))
        for info in ws.store.list("publication", "receipts/")
    ]
    answer = _receipt(ws, key)
    errors = {(error["code"], error["indicator_code"]): error for error in answer["errors"]}
    assert "王老师〔联系方式略〕" in errors["E201", "C_04"]["value"]
    assert errors["E201", "C_06"]["value"] == "〔联系方式略〕"
    assert ("W126", None) in errors
    assert "略〕" in json.dumps(_receipt(ws, shifted), ensure_ascii=False)
    found = [(name, each) for name, body in answers for each in secrets if each in body.decode()]
    with lakehouse.reader(ws.settings, ws.store) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'lake'"
        ).fetchall()
        for schema, table in tables:
            columns = "* exclude (body)" if table == "objects" else "*"
            rows = con.execute(f"select {columns} from lake.{schema}.{table}").fetchall()
            found += [(table, each) for each in secrets for row in rows if each in str(row)]
        assert con.execute(
            "select document_id, value_number from lake.raw.performance_values "
            "where indicator_code = 'C_06'"
        ).fetchall() == [("13700137000", None)]
        value = con.execute(
            "select value from lake.quality.submission_errors "
            "where code = 'E201' and document_id = '13700137000' and indicator_code = 'C_04'"
        ).fetchone()
    assert found == []
    assert value == ("约300，请联系王老师〔联系方式略〕或〔联系方式略〕、〔联系方式略〕",)


def test_an_object_that_is_deleted_or_overwritten_is_gone(
    ws: stages.Workspace, landing: Landing
) -> None:
    def gone() -> list[tuple[Any, ...]]:
        return _query(ws, "select object_key, etag from lake.raw.gone_objects order by object_key")

    def is_pending() -> bool:
        with lakehouse.reader(ws.settings, ws.store) as con:
            return idle_intake(con, ws.store, ws.settings, 2024) is None

    prefix = "plan/year=2024/province=440000"
    junk = [{}] * 3
    deleted, overwritten = landing.put(f"{prefix}/a.json", junk), f"{prefix}/b.json"
    landing.put(overwritten, junk)
    _intake(ws)
    assert not gone()
    etag = _query(ws, "select distinct etag from lake.raw.objects")[0][0]
    ws.store.delete("landing", [deleted])
    landing.put(overwritten, [{}])
    assert is_pending()
    _intake(ws)
    assert gone() == [(deleted, etag), (overwritten, etag)]
    assert not is_pending()
    landing.put(deleted, junk)  # the same version stands again
    assert is_pending()
    _intake(ws)
    assert gone() == [(overwritten, etag)]
