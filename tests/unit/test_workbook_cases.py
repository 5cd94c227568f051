"""Workbooks that people sent, and what is right for each: the values that a person sees."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.formatting.rule import Rule
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.styles.numbers import NumberFormat

from orchestration.intake.checks import check_document
from orchestration.intake.documents import ParsedObject, parse_object
from orchestration.intake.formats import Limits
from orchestration.intake.places import place_of
from tests.fixtures.intake_case_files import CASES, GOOD, RECEIVED, UNIT


def parse(name: str, body: bytes) -> ParsedObject:
    key = f"performance/year=2024/province=440000/{name}"
    limits = Limits(expanded_bytes=2**26, rows=5_000)
    return parse_object(place_of(key, 2024), key, body, limits, RECEIVED)


def case(name: str) -> ParsedObject:
    return parse(name, (CASES / name).read_bytes())


def read(parsed: ParsedObject) -> dict[str | None, dict[str, str | None]]:
    """The values as read, by unit and indicator."""
    return {d.unit_code: {code: value.number for code, value in d.values} for d in parsed.documents}


def messages(parsed: ParsedObject) -> list[tuple[str, str]]:
    """The code and Chinese message of each finding about the documents' values."""
    place = place_of("performance/year=2024/province=440000/x.xlsx", 2024)
    return [
        (found.code, found.message_zh)
        for document in parsed.documents
        for found in check_document(place, document, RECEIVED)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "base-good-form.xlsx",
        "K16-strict-open-xml.xlsx",
        "K17-property-date-local.xlsx",
        "K17-style-empty-fill.xlsx",
        "K17-style-font-family.xlsx",
    ],
)
def test_oddities_that_no_person_sees_change_nothing(name: str) -> None:
    parsed = case(name)
    assert read(parsed) == {UNIT: GOOD}
    assert parsed.findings == []


@pytest.mark.parametrize(
    ("name", "indicator", "quoted"),
    [
        ("K03-rich-superscript.xlsx", "T05_12", "350¹"),
        ("K04-format-wan.xlsx", "C_04", "35.0万"),
        ("K04-format-thousands.xlsx", "C_04", "100（单元格实存100000）"),
        ("K22-percent-sign-literal.xlsx", "T05_07", "96.5%"),
    ],
)
def test_a_value_that_shows_something_else_is_quoted_as_it_is_seen(
    name: str, indicator: str, quoted: str
) -> None:
    parsed = case(name)
    assert read(parsed) == {UNIT: GOOD | {indicator: None}}
    [(code, message)] = messages(parsed)
    assert code == "E201"
    assert quoted in message


def test_a_line_break_is_a_line_break() -> None:
    [document] = case("K15-crlf-in-highlight.xlsx").documents
    assert document.model.highlight == "第一行\n第二行"  # type: ignore[attr-defined]


def test_part_names_are_compared_without_case() -> None:
    parsed = case("K32-second-sheet-part-other-case.xlsx")
    assert read(parsed) == {UNIT: GOOD, "T05-440000-0008": GOOD}


def form_with(value: Any, number_format: str = "General", font: Any = None) -> ParsedObject:
    """The good form with another cell for T05_12."""
    book = openpyxl.load_workbook(CASES / "base-good-form.xlsx")
    [row] = [row for row in book["填报"].iter_rows() if row[3].value == "T05_12"]
    cell = row[11]
    cell.value, cell.number_format = value, number_format
    if font is not None:
        cell.font = font
    body = io.BytesIO()
    book.save(body)
    return parse("x.xlsx", body.getvalue())


@pytest.mark.parametrize(
    ("value", "number_format", "quoted"),
    [
        ("=SUM(A1:A2)", "General", "待其计算后保存"),
        ("=SUM(A1:A2)", "General", "=SUM(A1:A2)"),
        (350, "yyyy-mm-dd", "1900-12-15。"),
        (0.85, "h:mm", "20:24:00"),
        (350, ";;;", "实存350"),
        (1.5, "# ?/?", "1 1/2"),
        ("#REF!", "General", "#REF!"),
        ("#N/A", "General", "#N/A"),
    ],
)
def test_a_cell_that_shows_no_number_is_an_error(
    value: Any, number_format: str, quoted: str
) -> None:
    parsed = form_with(value, number_format)
    assert read(parsed) == {UNIT: GOOD | {"T05_12": None}}
    [(code, message)] = messages(parsed)
    assert code == "E201"
    assert quoted in message


def test_a_crossed_out_value_does_not_count() -> None:
    parsed = form_with(350, font=openpyxl.styles.Font(strike=True))
    assert read(parsed) == {UNIT: GOOD | {"T05_12": None}}
    assert "删除线350" in messages(parsed)[0][1]


def test_a_format_that_rounds_changes_no_value() -> None:
    assert read(form_with(12.345, "#,##0.0_ "))[UNIT]["T05_12"] == "12.345"


def test_a_sheet_that_was_hidden_in_a_form_is_told() -> None:
    book = openpyxl.load_workbook(CASES / "base-good-form.xlsx")
    book.copy_worksheet(book["填报"]).sheet_state = "hidden"
    body = io.BytesIO()
    book.save(body)
    parsed = parse("x.xlsx", body.getvalue())
    assert read(parsed) == {UNIT: GOOD}
    assert [(found.code, found.location) for found in parsed.findings] == [("W121", "填报 Copy")]


def good_form_with(change: Callable[[Any], None]) -> ParsedObject:
    """The good form whose sheet was changed."""
    book = openpyxl.load_workbook(CASES / "base-good-form.xlsx")
    change(book["填报"])
    body = io.BytesIO()
    book.save(body)
    return parse("x.xlsx", body.getvalue())


def test_values_of_hidden_rows_and_columns_are_read_and_told() -> None:
    def hide(sheet: Any) -> None:
        for row in (6, 7, 8, 10, 900):
            sheet.row_dimensions[row].hidden = True
        sheet.column_dimensions["L"].hidden = True
        sheet.column_dimensions["Z"].hidden = True

    parsed = good_form_with(hide)
    assert read(parsed) == {UNIT: GOOD}
    [found] = parsed.findings
    assert (found.code, found.location, found.value) == ("W145", "填报", "L:L、6:8、10:10")


@pytest.mark.parametrize(
    ("font", "fill", "told"),
    [
        (openpyxl.styles.Font(color="FFFFFFFF"), None, ["6:7"]),
        (openpyxl.styles.Font(color=openpyxl.styles.Color(theme=0)), None, ["6:7"]),
        (openpyxl.styles.Font(color=openpyxl.styles.Color(indexed=9)), "FFFFFFFF", ["6:7"]),
        (openpyxl.styles.Font(color="FF000000"), "FF000000", ["6:7"]),
        (openpyxl.styles.Font(color="FF1F4E79"), "FF1F4E79", ["6:7"]),
        (openpyxl.styles.Font(), "FF000000", ["6:7"]),
        (openpyxl.styles.Font(color="FFFFFFFF"), "FF1F4E79", []),
        (openpyxl.styles.Font(color=openpyxl.styles.Color(theme=0, tint=-0.5)), None, []),
        (openpyxl.styles.Font(color="FF000000"), None, []),
    ],
)
def test_text_in_the_colour_of_its_background_is_read_and_told(
    font: Any, fill: str | None, told: list[str]
) -> None:
    def write(sheet: Any) -> None:
        for row in (6, 7, 900):
            for cell in sheet[row]:
                cell.font = font
                if fill:
                    cell.fill = openpyxl.styles.PatternFill("solid", fgColor=fill)

    parsed = good_form_with(write)
    assert read(parsed) == {UNIT: GOOD}
    assert [found.value for found in parsed.findings if found.code == "W147"] == told
    assert len(parsed.findings) == len(told)


def conditional(**style: Any) -> Callable[[Any], None]:
    def add(sheet: Any) -> None:
        rule = Rule(type="expression", dxf=DifferentialStyle(**style), formula=["TRUE"])
        sheet.conditional_formatting.add("L5:L40", rule)

    return add


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ({"numFmt": NumberFormat(numFmtId=170, formatCode='0.0,"千"')}, ["L5:L40"]),
        ({"font": openpyxl.styles.Font(strike=True)}, ["L5:L40"]),
        ({"font": openpyxl.styles.Font(color="FFFFFFFF")}, ["L5:L40"]),
        ({"fill": openpyxl.styles.PatternFill(bgColor="FF000000")}, ["L5:L40"]),
        (
            {
                "font": openpyxl.styles.Font(color="FFFFFFFF"),
                "fill": openpyxl.styles.PatternFill(bgColor="FF000000"),
            },
            [],
        ),
        ({"font": openpyxl.styles.Font(color="FF0000")}, []),
    ],
)
def test_a_condition_that_changes_what_is_shown_is_told(
    style: dict[str, Any], told: list[str]
) -> None:
    parsed = good_form_with(conditional(**style))
    assert read(parsed) == {UNIT: GOOD}
    assert [found.value for found in parsed.findings if found.code == "W146"] == told
    assert len(parsed.findings) == len(told)


EXCEL_2010 = (
    'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" '
    'xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"'
)


def good_form_of(**changes: Callable[[str], str]) -> dict[str, str | bytes]:
    """The parts of the good form; those of its first sheet are changed: ``sheet``, ``rels``."""
    names = {
        "sheet": "xl/worksheets/sheet1.xml",
        "rels": "xl/worksheets/_rels/sheet1.xml.rels",
    }
    with zipfile.ZipFile(CASES / "base-good-form.xlsx") as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
        for name, change in changes.items():
            parts[names[name]] = change(archive.read(names[name]).decode())
    return parts


def parse_parts(parts: dict[str, str | bytes]) -> ParsedObject:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return parse("x.xlsx", body.getvalue())


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('<x14:dxf><numFmt numFmtId="170" formatCode="0.0,"/></x14:dxf>', ["L5:L9 L11"]),
        ('<x14:dxf><font><color theme="0"/></font></x14:dxf>', ["L5:L9 L11"]),
        ('<x14:dataBar showValue="0"/>', ["L5:L9 L11"]),
        ("<x14:dataBar/>", []),
        ('<x14:dxf><font><color rgb="FFFF0000"/></font></x14:dxf>', []),
    ],
)
def test_a_condition_of_excel_2010_is_told(rule: str, told: list[str]) -> None:
    extension = (
        f"<extLst><ext {EXCEL_2010}><x14:conditionalFormattings><x14:conditionalFormatting>"
        f"<x14:cfRule>{rule}</x14:cfRule><xm:sqref>L5:L9 L11</xm:sqref>"
        "</x14:conditionalFormatting></x14:conditionalFormattings></ext></extLst></worksheet>"
    )
    parsed = parse_parts(good_form_of(sheet=lambda xml: xml.replace("</worksheet>", extension)))
    assert read(parsed) == {UNIT: GOOD}
    assert [(each.code, each.value) for each in parsed.findings] == [("W146", t) for t in told]


def test_a_row_without_height_is_hidden() -> None:
    parsed = parse_parts(
        good_form_of(sheet=lambda xml: xml.replace('<row r="8"', '<row ht="0" r="8"'))
    )
    assert read(parsed) == {UNIT: GOOD}
    assert [(each.code, each.value) for each in parsed.findings] == [("W145", "8:8")]


def test_a_value_below_a_merged_cell_is_left_out_and_told() -> None:
    merged = '<mergeCell ref="K23:L23"/></mergeCells>'
    parsed = parse_parts(good_form_of(sheet=lambda xml: xml.replace("</mergeCells>", merged)))
    assert read(parsed) == {UNIT: {code: v for code, v in GOOD.items() if code != "T05_12"}}
    assert [(each.code, each.value) for each in parsed.findings] == [("W148", "L23")]


def test_comments_are_told() -> None:
    def comment(sheet: Any) -> None:
        sheet["L23"].comment = Comment("实为305，\n请联系13800138000", "张三")
        sheet["L24"].comment = Comment(" ", "张三")

    parsed = good_form_with(comment)
    assert read(parsed) == {UNIT: GOOD}
    [found] = parsed.findings
    assert (found.code, found.location) == ("W149", "填报")
    assert found.value == "L23：实为305， 请联系〔联系方式略〕"


DRAWING = (
    '<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">{}</xdr:wsDr>'
)


@pytest.mark.parametrize(
    ("drawing", "told"),
    [
        (
            DRAWING.format("<a:p><a:r><a:t>应为</a:t></a:r><a:r><a:t>305</a:t></a:r></a:p>"),
            "应为305",
        ),
        (DRAWING.format("<xdr:pic/>"), "没有文字"),
        ("<broken", "没有文字"),
    ],
)
def test_pictures_and_text_boxes_are_told(drawing: str, told: str) -> None:
    related = (
        '<Relationship Id="d" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/drawing" Target="../drawings/d.xml"/></Relationships>'
    )
    parts = good_form_of(rels=lambda xml: xml.replace("</Relationships>", related))
    parsed = parse_parts(parts | {"xl/drawings/d.xml": drawing})
    assert read(parsed) == {UNIT: GOOD}
    assert [(each.code, each.value) for each in parsed.findings] == [("W150", told)]


def test_a_sheet_of_charts_is_told() -> None:
    book = openpyxl.load_workbook(CASES / "base-good-form.xlsx")
    book.create_chartsheet("图表")
    body = io.BytesIO()
    book.save(body)
    parsed = parse("x.xlsx", body.getvalue())
    assert read(parsed) == {UNIT: GOOD}
    assert [(each.code, each.location) for each in parsed.findings] == [("W124", "图表")]


def test_the_parts_of_a_workbook_in_any_case_and_with_either_slash() -> None:
    with zipfile.ZipFile(CASES / "base-good-form.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for renamed in (str.upper, lambda name: name.replace("/", "\\")):
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            for name, content in parts.items():
                archive.writestr(renamed(name), content)
        assert read(parse("x.xlsx", body.getvalue())) == {UNIT: GOOD}


def test_a_score_merged_over_several_units_is_none_of_theirs() -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["document_id", "submitted_at", "unit_code", "year", "score", "grade"])
    for number in (7, 8):
        unit = f"T05-440000-000{number}"
        sheet.append([f"a{number}", "2024-11-01T09:00:00+08:00", unit, 2024, 90, "good"])
    for column in "EF":
        sheet.merge_cells(f"{column}2:{column}3")
    body = io.BytesIO()
    book.save(body)
    key = "assessment/year=2024/province=440000/x.xlsx"
    limits = Limits(expanded_bytes=2**26, rows=5_000)
    parsed = parse_object(
        place_of(key, 2024), key, body.getvalue(), limits, datetime(2024, 12, 1, tzinfo=UTC)
    )
    assert parsed.documents == []
    assert [(found.code, found.location) for found in parsed.findings] == [
        ("E116", "Sheet!E2"),
        ("E116", "Sheet!E3"),
    ]
    assert all("90（合并单元格）" in found.message_zh for found in parsed.findings)
