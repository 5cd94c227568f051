"""Reporting forms: intake reads a filled-in form as the values that were typed."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import UsageError
from orchestration.forms import FormUnit, make_form
from orchestration.intake.documents import ParsedObject, parse_object
from orchestration.intake.formats import Limits
from orchestration.intake.places import place_of

RECEIVED = datetime(2024, 12, 1, 8, 0, tzinfo=UTC)
UNIT = "T05-440000-0007"
KEY = "performance/year=2024/province=440000/form.xlsx"


def parse_book(book: Any, received: datetime = RECEIVED) -> ParsedObject:
    body = io.BytesIO()
    book.save(body)
    limits = Limits(2**26, 100_000)
    return parse_object(place_of(KEY, 2024), KEY, body.getvalue(), limits, received)


def open_form(body: bytes) -> tuple[Any, Any, dict[str, int]]:
    book = openpyxl.load_workbook(io.BytesIO(body))
    sheet = book["填报"]
    columns = {str(cell.value): cell.column for cell in sheet[3]}
    return book, sheet, columns


def indicator_rows(sheet: Any, columns: dict[str, int]) -> dict[str, int]:
    """Return indicator code → row in the first block."""
    found: dict[str, int] = {}
    for row in range(4, sheet.max_row + 1):
        found.setdefault(str(sheet.cell(row, columns["指标代码"]).value), row)
    return found


def test_a_blank_form_filled_in_by_one_unit() -> None:
    book, sheet, columns = open_form(make_form("T05", 2024))
    rows = indicator_rows(sheet, columns)
    sheet.cell(4, columns["单位代码"]).value = UNIT
    sheet.cell(4, columns["典型经验"]).value = "经验"
    for code, value in {"C_04": 12.5, "T05_01": 3000, "T05_06": "是", "T05_07": 98.25}.items():
        sheet.cell(rows[code], columns["填报值"]).value = value
    result = parse_book(book)
    assert [f.code for f in result.findings] == []
    [document] = result.documents
    assert document.unit_code == UNIT
    assert document.model.highlight == "经验"  # type: ignore[attr-defined]
    assert document.model.submitted_at == "2024-12-01T08:00:00+00:00"
    assert {code: read.number for code, read in document.values} == {
        "C_04": "12.5",
        "T05_01": "3000",
        "T05_06": "1",
        "T05_07": "98.25",
    }
    assert document.where.at("values", "C_04") == f"填报!L{rows['C_04']}"


def test_a_provinces_form_has_its_units_and_empty_blocks_are_skipped() -> None:
    units = [
        FormUnit(UNIT, "=cmd|' /C calc'!A1", {"C_04": Decimal("9.5")}, {"C_04": Decimal(10)}),
        FormUnit("T05-440000-0008", "第二职业学校"),
    ]
    book, sheet, columns = open_form(make_form("T05", 2024, units))
    rows = indicator_rows(sheet, columns)
    name = sheet.cell(4, columns["单位名称"])
    assert (name.value, name.data_type) == ("=cmd|' /C calc'!A1", "s")
    assert sheet.cell(rows["C_04"], columns["上年值"]).value == 9.5
    assert sheet.cell(rows["C_04"], columns["本年目标"]).value == 10
    sheet.cell(rows["C_04"], columns["填报值"]).value = 11
    result = parse_book(book)
    [document] = result.documents
    assert (document.unit_code, [read.number for _, read in document.values]) == (UNIT, ["11"])
    [remark] = result.findings
    assert (remark.code, "T05-440000-0008" in str(remark.value)) == ("W123", True)


def test_a_changed_or_later_form_is_another_document() -> None:
    book, sheet, columns = open_form(make_form("T05", 2024))
    sheet.cell(4, columns["单位代码"]).value = UNIT
    sheet.cell(4, columns["填报值"]).value = 1
    ids = []
    for hour in (8, 8, 9):
        [document] = parse_book(book, RECEIVED.replace(hour=hour)).documents
        ids.append(document.model.document_id)
    sheet.cell(4, columns["填报值"]).value = 2
    ids.append(parse_book(book).documents[0].model.document_id)
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("typed", ["约300", "85%", "=C4*2"])
def test_a_pasted_value_that_is_no_number_is_an_error(typed: str) -> None:
    """A pasted value passes every data validation; intake must not guess its meaning."""
    book, sheet, columns = open_form(make_form("T05", 2024))
    sheet.cell(4, columns["单位代码"]).value = UNIT
    row = indicator_rows(sheet, columns)["T05_07"]
    sheet.cell(row, columns["填报值"]).value = typed
    [document] = parse_book(book).documents
    [(code, read)] = document.values
    assert (code, read.number) == ("T05_07", None)


def test_a_percentage_cell_is_not_read_as_a_fraction() -> None:
    book, sheet, columns = open_form(make_form("T05", 2024))
    sheet.cell(4, columns["单位代码"]).value = UNIT
    cell = sheet.cell(indicator_rows(sheet, columns)["T05_07"], columns["填报值"])
    cell.value, cell.number_format = 0.85, "0%"
    [document] = parse_book(book).documents
    assert [(read.text, read.number) for _, read in document.values] == [("85%", None)]


@pytest.mark.parametrize("task", sorted(load_catalogue().tasks))
def test_every_task_has_a_form_with_locks_bounds_and_lists(task: str) -> None:
    body = make_form(task, 2024)
    assert body == make_form(task, 2024)
    _, sheet, columns = open_form(body)
    rows = indicator_rows(sheet, columns)
    catalogue = load_catalogue()
    own = {c for c, i in catalogue.indicators.items() if i.task_code in (None, task)}
    assert set(rows) == own
    assert sheet.protection.sheet
    rules = sheet.data_validations.dataValidation
    for code, row in rows.items():
        indicator = catalogue.indicators[code]
        cell = sheet.cell(row, columns["填报值"])
        assert cell.protection.locked is not indicator.is_submitted
        assert sheet.cell(row, columns["指标名称"]).protection.locked
        covered = any(cell.coordinate in rule.cells for rule in rules)
        assert covered == (indicator.is_submitted and indicator.value_type != "code_list"), code


def test_an_unknown_task_or_year_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no task T12"):
        make_form("T12", 2024)
    with pytest.raises(UsageError, match="no year 1999"):
        make_form("T05", 1999)
