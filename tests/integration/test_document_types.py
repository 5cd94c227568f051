"""A document type is an entry of the table, a contract and a staging model, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from orchestration import lakehouse, stages
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.lakehouse import RAW_TABLES
from tests.fixtures.checkout import Checkout
from tests.fixtures.landing import Landing

ENTRY = """    DocumentType(
        name="visit",
        raw_table="visits",
        label_zh="走访记录",
        label_en="visit",
        subject=UNIT,
        columns=(_UNIT_CODE, Column("visited_on", ColumnType.DATE), Column("finding")),
        series="visited_on",
    ),
"""
CONTRACT = """class Visit(Document):

    document_type: Literal["visit"] = "visit"
    unit_code: UnitCode
    visited_on: Day
    finding: Long


"""
SOURCE = """      - name: visits
        description: "Grain: visit document. / 粒度：走访记录。"
"""
STAGING = """select document_id, unit_code, visited_on, finding
from {{ source('raw', 'visits') }}
"""
#: Builds the staging model and that of all documents; prints their rows.
BUILD = """
import json
import duckdb
from orchestration import lakehouse, stages
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.lakehouse.recorded import dbt_build

settings = Settings.from_env()
with stages.open_workspace(settings) as ws, lakehouse.writer(settings, ws.store) as con:
    path = lakehouse.prepare_build(
        con, settings, period_of(2024), snapshot_id=lakehouse.current_snapshot(con))
dbt_build(settings, path)
with duckdb.connect(str(path)) as con:
    print(json.dumps([
        con.execute("select unit_code, finding from staging.stg_visits").fetchall(),
        con.execute("select document_type, subject, series from staging.stg_documents "
            "where document_type = 'visit'").fetchall(),
    ], ensure_ascii=False))
"""


@pytest.mark.slow
def test_a_new_type_needs_an_entry_a_contract_and_a_staging_model(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.insert("orchestration/core/document_types.py", ENTRY, before=")\n\n#: In the order")
    checkout.insert("orchestration/intake/contracts.py", CONTRACT, before="_MODEL_BY_NAME = ")
    models = "dbt_project/models/staging"
    checkout.insert(f"{models}/_sources.yml", SOURCE, before="      - name: document_errors")
    checkout.write(f"{models}/stg_visits.sql", STAGING)
    settings = Settings(home=checkout.home, catalog=str(checkout.home / "catalog.sqlite"))
    unit = "T05-110000-0001"
    with stages.open_workspace(settings) as ws:
        landing = Landing(ws.store)
        landing.unit(unit)
        for hour, finding in ((9, "设备未安装"), (10, "设备已安装，请电 13800138000")):
            landing.document(
                "visit",
                province="110000",
                submitted_at=f"2024-11-01T{hour:02d}:00:00+08:00",
                unit_code=unit,
                visited_on="2024-10-31",
                finding=finding,
            )
        checkout.tongbao("intake", "--year", "2024")
        receipts = [
            json.loads(ws.store.get("publication", info.key))
            for info in ws.store.list("publication", "receipts/")
        ]
    assert Counter(receipt["status"] for receipt in receipts) == {"accepted": 4}
    visits, documents = json.loads(checkout.python("-c", BUILD))
    assert sorted(visits) == [[unit, "设备已安装，请电 〔联系方式略〕"], [unit, "设备未安装"]]
    # Two documents about one visit: the later one replaces the earlier one.
    assert documents == 2 * [["visit", unit, "2024-10-31"]]
    assert "visit" in checkout.tongbao("check", "--help")


def test_no_two_types_share_a_raw_table() -> None:
    tables = [each.raw_table for each in DOCUMENT_TYPES.values()]
    tables += [each.long.raw_table for each in DOCUMENT_TYPES.values() if each.long]
    assert len(set(tables)) == len(tables)
    assert set(tables) < set(RAW_TABLES)


def test_the_new_types_are_taken_in_and_names_stay_in_raw(
    ws: stages.Workspace, landing: Landing
) -> None:
    unit = "T05-110000-0001"
    landing.unit(unit)
    landing.put(
        "confirmation/year=2024/province=110000/c.csv",
        "文档编号,提交时间,年度,省份代码,任务代码,统计人员,审核人员,负责人,签字日期,确认内容摘要,扫描件路径\n"
        "c1,2024-12-20T09:00:00+08:00,2024,110000,,王某某,李某某,赵某某,2024-12-13,9f9f,x.pdf\n",
    )
    landing.put(
        "return/year=2024/province=000000/r.csv",
        "文档编号,提交时间,年度,单位代码,退回的文档编号,退回理由,修改期限\n"
        f"r1,2024-12-20T09:00:00+08:00,2024,{unit},d9,请核对经费,2024年12月25日\n",
    )
    landing.put(
        "editorial/year=2024/province=110000/e.csv",
        "文档编号,提交时间,年度,通报,章节,文字\n"
        "e1,2024-12-20T09:00:00+08:00,2024,110000,总体情况,各单位按时报送。\n",
    )
    landing.document(
        "verification",
        province="000000",
        unit_code=unit,
        verified_on="2024-11-01",
        result="sound",
        document_id="v1",
    )
    done = stages.intake(ws, 2024, run_id="test", progress=lambda _: None)
    assert done.by_status == {"accepted": 6}
    with lakehouse.writer(ws.settings, ws.store) as con:
        assert con.execute(
            "select statistician, reviewer, responsible, scan_object_key "
            "from lake.raw.confirmations"
        ).fetchall() == [("王某某", "李某某", "赵某某", "x.pdf")]
        path = lakehouse.prepare_build(
            con, ws.settings, period_of(2024), snapshot_id=lakehouse.current_snapshot(con)
        )
    assert "某某".encode() not in path.read_bytes()
    with duckdb.connect(str(path)) as build:
        assert build.execute(
            "select document_type, unit_code, task_code, subject, series, has_cutoff "
            "from control.documents where document_id in ('c1', 'r1', 'e1', 'v1') order by 1"
        ).fetchall() == [
            ("confirmation", None, None, "110000", None, False),
            ("editorial", None, None, "110000", "总体情况", False),
            ("return", unit, "T05", unit, "r1", False),
            # Of each sender and year; another sender's replaces it not.
            ("verification", unit, "T05", unit, "2024-000000", False),
        ]
