"""Verifications (抽查核查) in a synthetic year: the sample, and the list in the bulletins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from orchestration import lakehouse, stages
from orchestration.bulletin import GateNotes, read_marts
from orchestration.bulletin.content import Block, Claim, Table, runs
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place, national_problems, verification
from tests.fixtures.homes import YEAR, PreparedYear, Shared

NATION = Place("national", "", "全国")


@dataclass(frozen=True)
class Year:
    """The synthetic year after its transform.

    Attributes:
        claims: scope → text of the section's claims, recomputed.
    """

    con: duckdb.DuckDBPyConnection
    marts: Marts
    claims: dict[str, str]


@pytest.fixture(scope="module")
def year(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    settings = shared.copy(prepared.transformed, tmp_path_factory.mktemp("verified") / "home")
    with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
        claims = verification.CLAIMS["verification"].read(con, YEAR)
        yield Year(con, read_marts(con, YEAR, GateNotes(0, {})), claims)


def _claims(blocks: list[Block]) -> dict[str, str]:
    return {
        run.claim.removeprefix("verification/"): run.text
        for block in blocks
        for run in runs(block)
        if isinstance(run, Claim) and run.claim.startswith("verification/")
    }


def _listed(blocks: list[Block]) -> list[tuple[Any, ...]]:
    return [row for block in blocks if isinstance(block, Table) for row in block.rows]


def test_the_nation_lists_every_rectification_with_its_unit(year: Year) -> None:
    blocks = verification.blocks(year.marts, NATION)
    asked = year.con.execute(
        "select unit_code, rectification_state from lake.marts.fct_verification "
        "where year = ? and rectification_state <> 'none'",
        [YEAR],
    ).fetchall()
    assert {state for _, state in asked} == {"open", "overdue", "closed"}
    rows = _listed(blocks)
    assert sorted(code for code, _ in asked) == sorted(row[1][-16:-1] for row in rows)
    progress = {row[-1].partition("（")[0] for row in rows}
    assert {"逾期未完成", "整改中"} < progress
    assert rows[-1][-1].endswith("日完成")
    assert all(f"（{YEAR - 1}年度数据，" in row[-1] for row in rows if row[-1][-2:] != "完成")


def test_the_numbers_of_each_bulletin_are_recomputed(year: Year) -> None:
    national = _claims(verification.blocks(year.marts, NATION))
    assert national.keys() >= {f"{kind}/-" for kind in ("new", "closed", "left", "overdue")}
    printed = dict(national)
    provinces = {row["province_code"] for row in year.marts.verifications}
    for code in provinces:
        printed |= _claims(verification.blocks(year.marts, Place("province", code, "")))
    printed |= _claims(national_problems.blocks(year.marts, NATION))
    assert len(provinces) > 1
    assert printed == {scope: year.claims[scope] for scope in printed}
    assert sum(int(printed[f"new/{code}"]) for code in provinces) == int(printed["new/-"])


def test_a_province_without_verifications_has_no_section(year: Year) -> None:
    verified = {row["province_code"] for row in year.marts.verifications}
    other = next(region.code for region in year.marts.regions if region.code not in verified)
    assert verification.blocks(year.marts, Place("province", other, "")) == []


def test_every_task_has_a_sample_of_units_that_reported(year: Year) -> None:
    samples = year.con.execute(
        "select task_code, count(*), count(*) filter (where sample_reason = 'drawn'), "
        "bool_and(u.document_id is not null), max(sample_order) "
        "from lake.quality.verification_sample s "
        "join lake.marts.fct_unit_year u using (year, unit_code, task_code) "
        "where year = ? group by 1 order by 1",
        [YEAR],
    ).fetchall()
    assert [task for task, *_ in samples] == sorted(task.code for task in year.marts.tasks)
    for _, units, drawn, have_reported, last in samples:
        assert units == last >= 5
        assert drawn >= 1
        assert have_reported
