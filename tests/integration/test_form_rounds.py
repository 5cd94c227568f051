"""Forms of a province, made from the lake and read by intake; the published forms of a year."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pytest

from orchestration import forms, lakehouse, stages
from orchestration.core.catalogue import load_catalogue
from tests.conftest import Tongbao
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

UNIT = "T05-440000-0007"


@pytest.mark.slow
def test_a_form_made_from_the_lake_is_read_by_intake(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT, year=2023)
    landing.performance(UNIT, {"C_04": "12.34"}, year=2023)
    landing.plan(UNIT, {"2024": {"C_04": 20}}, submitted_at="2024-08-01T09:00:00+08:00")
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        units = forms.expected_units(con, "T05", 2024, "440000")
    [unit] = units
    assert (unit.code, str(unit.previous["C_04"]), str(unit.targets["C_04"])) == (
        UNIT,
        "12.340000",
        "20.000000",
    )
    book = openpyxl.load_workbook(io.BytesIO(forms.make_form("T05", 2024, units)))
    sheet = book["填报"]
    columns = {str(cell.value): cell.column for cell in sheet[3]}
    for row in range(4, sheet.max_row + 1):
        if sheet.cell(row, columns["指标代码"]).value == "C_04":
            sheet.cell(row, columns["填报值"]).value = 21.5
    body = io.BytesIO()
    book.save(body)
    landing.put("performance/year=2024/province=440000/form.xlsx", body.getvalue())
    # The store's clock gives the time of submission: after the cut-off of 2024, so it is late.
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        [row] = con.execute(
            "select unit_code, value_number, location from lake.raw.performance_values "
            "where year = 2024"
        ).fetchall()
    assert (row[0], str(row[1])) == (UNIT, "21.5000000000")
    assert row[2].startswith("填报!L")


def test_the_years_forms_are_published_with_their_changes(ws: stages.Workspace) -> None:
    first = forms.publish_forms(ws.store, "publication", 2024)
    assert (first.since, first.written) == (None, 11 + 3)
    assert forms.publish_forms(ws.store, "publication", 2024).written == 0
    # Last year's catalogue gets another bound, one additional indicator and one less.
    key = "forms/2024/catalogue.csv"
    rows = list(csv.DictReader(io.StringIO(ws.store.get("publication", key).decode("utf-8-sig"))))
    rows = [row for row in rows if row["code"] != "T05_01"]
    rows[0]["hard_max"] = "1"
    rows.append({**rows[0], "code": "X_01", "name_zh": "旧指标"})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    ws.store.put("publication", key, text.getvalue().encode())
    second = forms.publish_forms(ws.store, "publication", 2025)
    assert (second.since, second.changes) == (2024, 3)
    page = ws.store.get("publication", "forms/2025/changes.html").decode()
    for expected in (
        "新增",
        "取消",
        "上限",
        "旧指标",
        load_catalogue().indicators["T05_01"].name_zh,
    ):
        assert expected in page


def test_the_form_commands(tongbao: Tongbao, tmp_path: Path) -> None:
    done = tongbao("template", "--task", "T05", "--year", "2024")
    assert done.returncode == 0, done.stderr
    path = tmp_path / done.stdout.strip()
    assert path.name == "T05-2024.xlsx"
    openpyxl.load_workbook(path)
    for arguments, code in (
        (("--task", "T12"), 2),
        ((), 2),
        (("--task", "T05", "--province", "440000"), 4),
        (("--task", "T05", "--out", "no/such/folder/x.xlsx"), 2),
    ):
        done = tongbao("template", "--year", "2024", *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert len(done.stderr.strip().splitlines()) == 1
