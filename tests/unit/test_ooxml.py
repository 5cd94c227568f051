"""Workbooks are read as a person sees them, whatever program wrote them."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_WINDOWS_1900

from orchestration.intake.formats.base import Limits, MergedRow, Unreadable
from orchestration.intake.formats.ooxml.number_format import NumberFormat
from orchestration.intake.formats.ooxml.sheet import Unseen
from orchestration.intake.formats.ooxml.workbook import Workbook
from orchestration.intake.reading import read_value

LIMITS = Limits(expanded_bytes=2**26, rows=5_000)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
RELATIONSHIPS = "xl/_rels/workbook.xml.rels"


def sheet_xml(rows: str, after: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'


def related(**targets: str) -> str:
    """A relationship part; a keyword is ``id_type``."""
    entries = "".join(
        f'<Relationship Id="{name.split("_")[0]}" Type="{OFFICE}/{name.split("_")[1]}" '
        f'Target="{target}"/>'
        for name, target in targets.items()
    )
    return f'<Relationships xmlns="{PACKAGE}">{entries}</Relationships>'


def parts_of(
    rows: str = "", *, strings: str = "", styles: str = "", after: str = ""
) -> dict[str, str]:
    """The parts of a workbook with one sheet."""
    return {
        "_rels/.rels": related(r1_officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="填报" sheetId="1" r:id="s1"/></sheets></workbook>',
        RELATIONSHIPS: related(
            s1_worksheet="worksheets/sheet1.xml",
            s2_sharedStrings="sharedStrings.xml",
            s3_styles="styles.xml",
        ),
        "xl/worksheets/sheet1.xml": sheet_xml(rows, after),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
    }


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return body.getvalue()


def rows_of(parts: Mapping[str, str | bytes], limits: Limits = LIMITS) -> list[tuple[int, Any]]:
    return rows_in(zipped(parts), limits)


def rows_in(body: bytes, limits: Limits = LIMITS) -> list[tuple[int, Any]]:
    workbook = Workbook(body, limits)
    return [(n, list(cells)) for sheet in workbook.sheets for n, cells in workbook.rows(sheet)]


def only_cell(parts: Mapping[str, str | bytes]) -> Any:
    [(_, [cell])] = rows_of(parts)
    return cell


def styled(code: str = "", font: str = "") -> str:
    """Styles of which number 1 has a number format and a font."""
    return (
        f'<numFmts><numFmt numFmtId="170" formatCode="{code}"/></numFmts>'
        f"<fonts><font/><font>{font}</font></fonts>"
        '<cellXfs><xf/><xf numFmtId="170" fontId="1"/></cellXfs>'
    )


@pytest.mark.parametrize(
    ("code", "value", "seen"),
    [
        # Rounding, separators, colours, signs and blanks show the stored number.
        ("General", 350, 350),
        ("", 350.5, 350.5),
        ("@", 350, 350),
        ("0", 94.3333, 94.3333),
        ("0.0", 12.345, 12.345),
        ("0.######", 5, 5),
        ("00000", 12345, 12345),
        ("00000", 123, "00123"),
        ("000000;-000000", -123, "-000123"),
        ("#,##0.00_ ", 1234567.891, 1234567.891),
        ("0.00_);[Red]\\(0.00\\)", 5.5, 5.5),
        ("0.00;[Red]-0.00", -5.5, -5.5),
        ("0.00;[红色]\\-0.00", -5.5, -5.5),
        ('_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', 1234.5, 1234.5),
        ('_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', -1234.5, -1234.5),
        ("+0;-0;0", 5, 5),
        ("0.00E+00", 8000, 8000),
        ("0.00E+00", 0.000123456, 0.000123456),
        ("##0.0E+0", 12345, 12345),
        ("#,##0,", 0, 0),
        ("[>=10000]#,##0;0", 12345, 12345),
        ('"是";;"否"', 1, "是"),
        ('"是";;"否"', 0, "否"),
        # What is seen is no number.
        ('0!.0,"万"', 350000, "35.0万"),
        ('0\\.0,"万"', 350000, "35.0万"),
        ('0.00,,"百万"', 350000000, "350.00百万"),
        ("0%", 0.85, "85%"),
        ("0.00%", 0.9333, "93.33%"),
        ('0.0"%"', 96.5, "96.5%"),
        ("0\\‰", 965, "965‰"),
        ("0‰", 965, "965‰"),
        ('"约"0', 300, "约300"),
        ('0"人"', 350, "350人"),
        ('General"万元"', 12.5, "12.5万元"),
        ('G/通用格式"万元"', 12.5, "12.5万元"),
        ('#,##0.00,"千"', 1234567, "1,234.57千"),
        ("0.0\\ %", 0.965, "96.5 %"),
        ('"￥"#,##0.00', 1234.5, "￥1,234.50"),
        ("[$¥-804]#,##0.00", 1234.5, "¥1,234.50"),
        ("0_);(0)", -5, "(5)"),
        ('0;-0;"-"', 0, "-"),
        ('[>=10000]0.0,"千";0', 12345, "12.3千"),
        ("0-00-00", 241101, "24-11-01"),
        ("#,##0 \\k", 5, "5 k"),
        # What is seen is another number, or nothing.
        ("#,##0,", 100000, "100（单元格实存100000）"),
        ("0.0,", 350, "0.4（单元格实存350）"),
        ("0,", 400, "0（单元格实存400）"),
        ("0;0", -5, "5（单元格实存-5）"),
        ("0;[Red]0", -5, "5（单元格实存-5）"),
        ('0"0"', 35, "350（单元格实存35）"),
        ('"1"0', 5, "15（单元格实存5）"),
        ('0".5"', 5, "5.5（单元格实存5）"),
        (";;;", 350, "（单元格不显示内容，实存350）"),
        ("0;;", 0, "（单元格不显示内容，实存0）"),
        ("#", 0, "（单元格不显示内容，实存0）"),
        ("[>100]0", 5, "（单元格不显示内容，实存5）"),
        # Digits of another script show the same number.
        ("[DBNum1][$-804]General", 350, 350),
        ("[DBNum2][$-804]0.00", 12.5, 12.5),
        ("[$-30804]General", 350, 350),
        ('[DBNum1]0.0,"千"', 12345, "12.3千"),
        # A whole number is shown without a fraction.
        ("# ?/?", 350, 350),
        ("# ??/??", -350, -350),
        ("# ?/?", 0, 0),
        ("# ?/?", 0.5, "1/2"),
        ("# ?/?", 1.5, "1 1/2"),
        ("# ?/?", -1.5, "-1 1/2"),
        ("#\\ ?/2", 2.5, "2 1/2"),
        ("# ??/100", 12.34, "12 34/100"),
        ("# ?/?", 349.98, "350（单元格实存349.98）"),
        ("?/?", 3.5, "7/2"),
        ("?/?", 350, "350/1"),
        ('# ?/?"万"', 1.5, "1 1/2万"),
        # Dates and times.
        ("yyyy-mm-dd", 350, datetime(1900, 12, 15)),
        ('yyyy"年"m"月"d"日"', 45597, datetime(2024, 11, 1)),
        ("[$-F800]dddd\\,\\ mmmm\\ dd", 45597, datetime(2024, 11, 1)),
        ("[$-F800]General", 45597, datetime(2024, 11, 1)),
        ("[DBNum1][$-804]yyyy", 45597, "2024年"),
        ('yyyy"年"', 45292, "2024年"),
        ('yyyy"年"m"月"', 45292, datetime(2024, 1, 1)),
        ("h:mm", 0.5, "12:00:00"),
        ("[h]:mm", 1.5, "36:00:00"),
        ("yyyy", -1e300, "-1e+300（单元格为日期格式）"),
    ],
)
def test_a_number_is_judged_by_what_is_shown(code: str, value: float, seen: Any) -> None:
    found = NumberFormat(code).seen(value, CALENDAR_WINDOWS_1900)
    assert found == seen
    assert isinstance(found, str) == isinstance(seen, str)


@pytest.mark.parametrize(
    ("item", "seen"),
    [
        ("<t>甲校</t>", "甲校"),
        ("<r><t>甲</t></r><r><rPr><b/></rPr><t>校</t></r>", "甲校"),
        ("<t>甲校</t><rPh sb='0' eb='1'><t>jia</t></rPh><phoneticPr fontId='1'/>", "甲校"),
        ("<r><t>350</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>1</t></r>",
         "350¹"),
        ("<r><rPr><b/><vertAlign val='subscript'/></rPr><t>1</t></r><r><t>350</t></r>",
         "₁350"),
        ("<r><t>1万m</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>2</t></r>", "1万m²"),
        ("<r><t>350</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>注1</t></r>",
         "350（上标注1）"),
        ("<r><rPr><strike/></rPr><t>350</t></r><r><rPr><b/></rPr><t>360</t></r>",
         "（删除线350）360"),
        ("<r><rPr><strike val='0'/><vertAlign val='baseline'/></rPr><t>350</t></r>", "350"),
        ("<r><t>350</t></r><r><rPr><strike/></rPr><t xml:space='preserve'> </t></r>", "350 "),
        ("<t>第一行_x000D_\n第二行</t>", "第一行\n第二行"),
        ("<t>a_x005F_x000D_b</t>", "a_x000D_b"),
        ("<t>_x4E00__xD83D__xDE00_</t>", "一\U0001f600"),
        ("<t>_xD83D_</t>", "\ufffd"),
        ("<t>_x00_</t>", "_x00_"),
        ("<t></t>", None),
    ],
)  # fmt: skip
def test_a_text_is_read_as_it_is_seen(item: str, seen: str | None) -> None:
    inline = f'<row><c t="inlineStr"><is>{item}</is></c><c><v>1</v></c></row>'
    shared = '<row><c t="s"><v>0</v></c><c><v>1</v></c></row>'
    for parts in (parts_of(inline), parts_of(shared, strings=f"<si>{item}</si>")):
        assert rows_of(parts) == [(1, [seen, 1])]


@pytest.mark.parametrize(
    ("cell", "font", "seen"),
    [
        ("<v>350</v>", "<vertAlign val='superscript'/>", "³⁵⁰"),
        ("<v>350</v>", "<strike/>", "（删除线350）"),
        ("<v>350</v>", "<strike val='false'/>", 350),
        ("<v>350</v>", "<family val='99'/><b/><color theme='-3'/>", 350),
        ("<is><t>350</t></is>", "<strike/>", "（删除线350）"),
        ("<is><r><t>350</t></r><r><rPr><b/></rPr><t>1</t></r></is>", "<strike/>",
         "（删除线350）1"),
    ],
)  # fmt: skip
def test_the_font_of_a_cell_marks_its_value(cell: str, font: str, seen: Any) -> None:
    kind = "inlineStr" if "<is>" in cell else "n"
    row = f'<row><c s="1" t="{kind}">{cell}</c></row>'
    assert only_cell(parts_of(row, styles=styled("0", font))) == seen


def test_a_text_in_a_cell_of_another_type_stays_in_its_cell() -> None:
    cells = "<c><is><t>5</t></is></c>" + '<c t="inlineStr"><is><t>0</t></is></c>'
    assert rows_of(parts_of(f"<row>{cells}</row>")) == [(1, ["5", "0"])]


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("@", "35"),
        ("0.00", "35"),
        ("0.0%", "35"),
        ("@&quot;万&quot;", "35万"),
        ("0;0;0;&quot;约&quot;@", "约35"),
        (";;;", "（单元格不显示内容，实存35）"),
        ("General;@", "35"),
    ],
)
def test_a_number_format_that_changes_a_text(code: str, seen: str) -> None:
    row = '<row><c s="1" t="inlineStr"><is><t>35</t></is></c></row>'
    assert only_cell(parts_of(row, styles=styled(code))) == seen


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        ('<c t="b"><v>1</v></c>', True),
        ('<c t="e"><v>#REF!</v></c>', "#REF!"),
        ('<c t="d"><v>2024-11-01T09:00:00</v></c>', datetime(2024, 11, 1, 9)),
        ('<c t="d"><v>someday</v></c>', "someday"),
        ('<c t="str"><f>A1&amp;"x"</f><v>ok</v></c>', "ok"),
        ("<c><f>C4*2</f><v>12</v></c>", 12),
        ("<c><f>C4*2</f></c>", "=C4*2（没有计算结果）"),
        ("<c><f>C4*2</f><v></v></c>", "=C4*2（没有计算结果）"),
        ("<c><v>12</v><extLst><ext><v>5</v></ext></extLst></c>", 12),
        ("<c><extLst><ext><f>A1</f><is><t>5</t></is></ext></extLst><v>12</v></c>", 12),
        ("<c><v>1e400</v></c>", "1e400"),
        ("<c><v>1_0</v></c>", "1_0"),
        ("<c><v>nan</v></c>", "nan"),
        ("<c><v>12345678901234567</v></c>", 12345678901234567.0),
        ("<c><v>94.33333333333333</v></c>", 94.33333333333333),
        ('<c s="99"><v>1</v></c>', 1),
    ],
)
def test_kinds_of_cells(cell: str, seen: Any) -> None:
    found = only_cell(parts_of(f"<row>{cell}</row>"))
    assert (found, type(found)) == (seen, type(seen))


ROW = '<row r="3"><c r="B3"><v>1</v></c><c><v>2</v></c></row>'


def changed(name: str, old: str, new: str) -> dict[str, str]:
    parts = parts_of(ROW)
    assert old in parts[name]
    return parts | {name: parts[name].replace(old, new)}


def renamed(old: str, new: str) -> dict[str, str]:
    return {new if name == old else name: part for name, part in parts_of(ROW).items()}


SHEET = "xl/worksheets/sheet1.xml"


def prefixed(parts: Mapping[str, str]) -> dict[str, str]:
    """The parts with a prefix before the name of each element of the sheet."""
    sheet = parts[SHEET].replace(f'xmlns="{MAIN}"', f'xmlns:x="{MAIN}"')
    return {**parts, SHEET: sheet.replace("<", "<x:").replace("<x:/", "</x:")}


STRICT = {
    MAIN: "http://purl.oclc.org/ooxml/spreadsheetml/main",
    OFFICE: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}


def strict() -> dict[str, str]:
    parts = parts_of(ROW)
    for old, new in STRICT.items():
        parts = {name: part.replace(old, new) for name, part in parts.items()}
    return parts


@pytest.mark.parametrize(
    "parts",
    [
        strict(),
        renamed(SHEET, "xl/worksheets/SHEET1.xml"),
        renamed(SHEET, "xl\\worksheets\\sheet1.xml"),
        renamed("xl/styles.xml", "xl/Styles.XML"),
        changed(RELATIONSHIPS, "worksheets/sheet1.xml", "/xl/worksheets/sheet1.xml"),
        changed(RELATIONSHIPS, "worksheets/sheet1.xml", "../xl/./worksheets/sheet1.xml"),
        changed(RELATIONSHIPS, "worksheets/sheet1.xml", "worksheets\\sheet1.xml"),
        changed(RELATIONSHIPS, "worksheets/sheet1.xml", "worksheets/%73heet1.xml"),
        {name: part for name, part in parts_of(ROW).items() if name != "xl/styles.xml"},
        {name: part for name, part in parts_of(ROW).items() if name != "xl/sharedStrings.xml"},
        {name: part for name, part in parts_of(ROW).items() if name != "_rels/.rels"},
        changed("xl/styles.xml", "</styleSheet>", "<fonts"),
        changed("xl/styles.xml", "</styleSheet>",
                "<cellXfs><xf fontId='-1' numFmtId='x'/></cellXfs></styleSheet>"),
        changed("xl/styles.xml", "</styleSheet>", "<fills><fill/></fills><colors/></styleSheet>"),
        changed("xl/workbook.xml", "</workbook>",
                "<bookViews><workbookView activeTab='-7'/></bookViews><definedNames>"
                "<definedName name='1 bad'>#REF!</definedName></definedNames></workbook>"),
        changed(SHEET, "<sheetData>",
                "<sheetPr><tabColor rgb='red'/></sheetPr><dimension ref='??'/><sheetViews>"
                "<sheetView workbookViewId='x'><pane xSplit='-1' state='?'/></sheetView>"
                "</sheetViews><cols><col min='0' max='99999' width='NaN'/></cols><sheetData>"),
        changed(SHEET, "</worksheet>", "<legacyDrawing xmlns:r='r' r:id='none'/></worksheet>"),
        changed(RELATIONSHIPS, "</Relationships>",
                f"<Relationship Id='c' Type='{OFFICE}/calcChain' Target='calcChain.xml'/>"
                "<Relationship Id='l' Type='x' Target='http://a/' TargetMode='External'/>"
                "</Relationships>"),
        parts_of(ROW) | {"docProps/core.xml": "<broken", "docProps/custom.xml": "",
                         "xl/theme/theme1.xml": "<a:theme", "[Content_Types].xml": "no"},
        prefixed(parts_of(ROW)),
    ],
)  # fmt: skip
def test_odd_parts_that_hold_no_values_stop_nothing(parts: dict[str, str]) -> None:
    assert rows_of(parts) == [(3, [None, 1, 2])]


DOCTYPE = '<!DOCTYPE a [<!ENTITY b "x">]>'


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (changed(SHEET, "<worksheet", DOCTYPE + "<worksheet"), "E012"),
        (changed("xl/workbook.xml", "<workbook", DOCTYPE + "<workbook"), "E012"),
        (changed("xl/sharedStrings.xml", "<sst", DOCTYPE + "<sst"), "E012"),
        (changed(SHEET, "</worksheet>", ""), "E012"),
        (changed(SHEET, f' xmlns="{MAIN}"', ""), "E012"),
        (parts_of("<row>" * 100), "E012"),
        (parts_of("<row><c>" + "<a>" * 100), "E012"),
        (parts_of("<row>" + "<c>" * 100), "E012"),
        (parts_of(ROW, strings="<si>" * 100), "E012"),
        (changed(SHEET, 'r="3"', 'r="0"'), "E012"),
        (changed(SHEET, 'r="3"', 'r="1048577"'), "E012"),
        (changed(SHEET, "B3", "XFE3"), "E012"),
        (changed(SHEET, "<c><v>2</v></c>", '<c r="B3"><v>2</v></c>'), "E012"),
        (changed(SHEET, "<c><v>2</v></c>", "<c><v>2</v><v>0</v></c>"), "E012"),
        (changed(SHEET, "<v>2</v>", '<v>2</v></c><c r="ZZ3"><v>3</v>'), "E021"),
        (parts_of('<row><c t="s"><v>0</v></c></row>'), "E012"),
        (changed(RELATIONSHIPS, "sheet1.xml", "sheet2.xml"), "E012"),
        (changed(RELATIONSHIPS, 's1"', 's9"'), "E012"),
        (changed(RELATIONSHIPS, "</Relationships>", "<"), "E012"),
        (parts_of(ROW) | {"xl/worksheets/Sheet1.xml": "<other/>"}, "E012"),
        (parts_of("".join(f"<row><c><v>{n}</v></c></row>" for n in range(51))), "E014"),
        (parts_of(ROW, strings="<si><t>x</t></si>" * 10_000), "E011"),
        (parts_of(ROW, styles="<fonts><font/></fonts>" * 10_000), "E011"),
        (parts_of("<row><c><v>1</v></c></row>" * 20_000), "E011"),
        # Ten cells refer to one long text; a format repeats a text.
        (parts_of('<row><c t="s"><v>0</v></c></row>' * 10,
                  strings=f"<si><t>{'x' * 50_000}</t></si>"), "E011"),
        (parts_of(f'<row><c s="1" t="str"><v>{"x" * 10_000}</v></c></row>',
                  styles=styled("@" * 50)), "E011"),
        (parts_of(f'<row><c t="str"><v>{"x" * 140_000}</v></c></row>'), "E012"),
        (changed("xl/workbook.xml", "</sheets>",
                 '<sheet name="x" r:id="s1"/>' * 200 + "</sheets>"), "E012"),
        (changed("xl/workbook.xml", "</sheets>",
                 '<sheet name="x" r:id="s3"/>' * 200 + "</sheets>"), "E020"),
    ],
)  # fmt: skip
def test_a_hostile_or_damaged_workbook_is_refused(parts: dict[str, str], code: str) -> None:
    limits = Limits(expanded_bytes=400_000, rows=50, sheets=100, columns=30, held_bytes=100_000)
    with pytest.raises(Unreadable) as caught:
        rows_of(parts, limits)
    assert caught.value.code == code


def test_rows_are_counted_over_all_sheets() -> None:
    parts = parts_of("<row><c><v>1</v></c></row>" * 30)
    parts |= changed(RELATIONSHIPS, "styles.xml", "worksheets/sheet2.xml")
    parts[RELATIONSHIPS] = parts[RELATIONSHIPS].replace(f"{OFFICE}/styles", f"{OFFICE}/worksheet")
    parts["xl/worksheets/sheet2.xml"] = parts[SHEET] = sheet_xml("<row><c><v>1</v></c></row>" * 30)
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(
        "</sheets>", '<sheet name="乙" r:id="s3"/></sheets>'
    )
    assert len(rows_of(parts, Limits(2**20, 60))) == 60
    with pytest.raises(Unreadable, match="59"):
        rows_of(parts, Limits(2**20, 59))


MERGED = '<mergeCells><mergeCell ref="A1:A2"/></mergeCells>'
BLANKS = {
    "styled cells": "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(4, 30_000)),
    "styled rows": "".join(f'<row r="{n}" s="1" customFormat="1"/>' for n in range(4, 30_000)),
    "wide rows": "".join(
        f'<row r="{n}">' + "".join(f'<c r="{c}{n}" s="1"></c>' for c in "ABCDEFG") + "</row>"
        for n in range(4, 8_000)
    ),
    "one row as wide as a sheet": '<row r="4">' + '<c s="1"/>' * 16_384 + "</row>",
    "rows without numbers": '<row><c s="1"/></row>' * 30_000,
    "pretty": "".join(f'\n <row r="{n}">\n  <c r="A{n}" s="1"/>\n </row>' for n in range(4, 9_000)),
}


@pytest.mark.parametrize("blanks", BLANKS)
@pytest.mark.parametrize("after", ["", ROW.replace("3", "900000")])
def test_blank_rows_hold_no_values_and_hide_none(blanks: str, after: str) -> None:
    first = ROW
    expected: list[Any] = [(3, [None, 1, 2])]
    if after:
        expected.append((900_000, [None, 1, 2]))
    assert rows_of(parts_of(first + BLANKS[blanks] + after)) == expected


def test_a_row_without_a_number_follows_the_blank_rows_before_it() -> None:
    blanks = BLANKS["styled cells"]
    assert rows_of(parts_of(blanks + "<row><c><v>1</v></c></row>")) == [(30_000, [1])]


def calls_of_reading(parts: Mapping[str, str]) -> int:
    """The number of calls and returns while the rows are read."""
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    workbook = Workbook(zipped(parts), LIMITS)
    sys.setprofile(count)
    try:
        list(workbook.rows(workbook.sheets[0]))
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("write", [dict, prefixed])
def test_more_blank_rows_cost_nearly_nothing(
    write: Callable[[Mapping[str, str]], dict[str, str]],
) -> None:
    blanks = BLANKS["styled cells"]
    once, thrice = (
        calls_of_reading(write(parts_of(ROW + blanks * times, after=MERGED))) for times in (1, 3)
    )
    assert thrice < 1.2 * once


def test_the_work_grows_with_the_cells() -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>x</t></is></c><c><v>{n}</v></c></row>'
        for n in range(1, 3_001)
    )
    half, whole = rows[: len(rows) // 2].rpartition("<row")[0], rows
    assert calls_of_reading(parts_of(whole)) < 2.2 * calls_of_reading(parts_of(half))


def test_merged_cells_are_marked_in_every_row_that_they_cross() -> None:
    rows = "".join(
        f'<row r="{n}"><c r="B{n}"><v>{n}</v></c>{"<c><v>7</v></c>" if n == 2 else ""}</row>'
        for n in (1, 2, 3, 5, 9)
    )
    ranges = ("C2:D5", "E1:H1", "A3:A3", "F5:F9", "A1:A1048576", "B2", "bad")
    after = "<mergeCells>" + "".join(f'<mergeCell ref="{r}"/>' for r in ranges) + "</mergeCells>"
    workbook = Workbook(zipped(parts_of(rows, after=after)), LIMITS)
    found = {
        number: dict(cells.merged)
        for number, cells in workbook.rows(workbook.sheets[0])
        if isinstance(cells, MergedRow)
    }
    assert found == {
        2: {2: 7},
        3: {2: 7},
        5: {2: 7},
    }


def test_what_merged_cells_cover_is_not_seen() -> None:
    rows = (
        "<row><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row>"
        "<row><c><v>1</v></c><c><v>5</v></c><c><v>6</v></c></row>"
    )
    after = '<mergeCells><mergeCell ref="A1:A2"/><mergeCell ref="B1:C1"/></mergeCells>'
    workbook = Workbook(zipped(parts_of(rows, after=after)), LIMITS)
    unseen = Unseen()
    found = [list(cells) for _, cells in workbook.rows(workbook.sheets[0], unseen)]
    assert found == [[1, 2, None], [None, 5, 6]]
    # A2 holds what is seen of A1.
    assert unseen.covered == [(1, 2)]


def test_a_directory_that_lies_about_sizes_is_refused() -> None:
    body = bytearray(zipped(parts_of(ROW * 50)))
    at = body.rfind(b"PK\1\2", 0, body.rfind(SHEET.encode()))
    size = int.from_bytes(body[at + 24 : at + 28], "little")
    for lie, code in ((size - 10, "E012"), (2**31, "E011")):
        body[at + 24 : at + 28] = lie.to_bytes(4, "little")
        with pytest.raises(Unreadable) as caught:
            rows_in(bytes(body))
        assert caught.value.code == code


def test_too_many_merged_cells_are_refused() -> None:
    after = "<mergeCells>" + '<mergeCell ref="A1:T2"/>' * 10_001 + "</mergeCells>"
    with pytest.raises(Unreadable) as caught:
        rows_of(parts_of(ROW, after=after))
    assert caught.value.code == "E012"


#: What number formats are made of, the rarest parts included.
CODES = st.lists(
    st.sampled_from(
        ["0", "#", "?", ".", ",", ";", "%", "E+", "e-", "/", "@", "-", "+", "General", '"', "万",
         "\\", "!", "_", "*", "[Red]", "[>=5]", "[<>0]", "[$¥-804]", "[h]", "[DBNum1]", "[", "y",
         "m", "上午/下午", " ", "G/通用格式", "9"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    CODES, st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
)
def test_any_code_gives_the_stored_number_or_a_text_that_is_none(code: str, value: float) -> None:
    found = NumberFormat(code).seen(value, CALENDAR_WINDOWS_1900)
    if isinstance(found, str):
        read = read_value(found)
        assert read is not None
        assert read.number is None or re.match("-?0[0-9]", found)
    else:
        assert found == value or isinstance(found, datetime)


#: A workbook with every kind of cell, whose parts the test then damages.
EVERYTHING = parts_of(
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>5</v></c><c t="d"><v>2024-11-01</v>'
    '</c></row><row><c t="inlineStr"><is><r><rPr><strike/></rPr><t>x_x000D_</t></r></is></c>'
    "<c><f>A1</f></c></row>",
    strings="<si><t>a</t></si>",
    styles=styled("yyyy;[Red]0.0,&quot;x&quot;", "<strike/>"),
    after='<mergeCells><mergeCell ref="A1:A2"/></mergeCells>',
)
PIECES = st.sampled_from(
    ["", "0", "-1", "9" * 30, "1e9", "A", "\x00", "<", ">", '"', "&", "é", "</c>", "<row>", "t=",
     'r="A9"', "PT5H", "25:61:61", "General", ";", "[h]", "E+", "<mergeCell ref='B1:B9'/>"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(EVERYTHING)), st.data())
def test_a_damaged_part_raises_nothing_but_a_refusal(name: str, data: st.DataObject) -> None:
    part = EVERYTHING[name]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(part)))
        cut = data.draw(st.integers(0, 4))
        part = part[:at] + data.draw(PIECES) + part[at + cut :]
    with contextlib.suppress(Unreadable):
        rows_of(EVERYTHING | {name: part})
