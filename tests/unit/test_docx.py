"""Word documents: headings, page geometry, hostile text; drafts of summaries; the linter."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import docx
import pytest
from docx.enum.section import WD_ORIENTATION
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from orchestration.bulletin.content import (
    Bar,
    Bars,
    Column,
    Document,
    Figure,
    Heading,
    Section,
    Table,
    Tile,
    TileMap,
    figures,
    heading,
    paragraph,
)
from orchestration.bulletin.marts import GateNotes, Marts, Row
from orchestration.bulletin.render import PdfRenderer, load_fonts, render_docx
from orchestration.bulletin.summaries import summaries
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import period_of
from orchestration.figures.numbers import share
from orchestration.figures.wording import level_names
from tests.fixtures.gbt import lint_docx, lint_numbering, lint_pdf, lint_text

YEAR = 2024


def _document() -> Document:
    blocks = (
        heading("（一）情况"),
        Heading(("1.细目",), 3),
        paragraph("按时报送率", Figure("a", "97.35%"), "。"),
        Table(
            "表",
            (Column("省份", 3, "left"), Column("率", 1)),
            (("北京", Figure("b", "1.00%")),),
            "注释",
        ),
        TileMap(
            "图",
            (Tile("1", "北京", 0, 2, Figure("c", "2.00%"), 5), Tile("2", "天津", 1, 0, "—", 0)),
            ((0, "无数据"), (5, "2.00%")),
        ),
        Bars("条", (Bar("甲任务", Figure("d", "3.00%"), 500, "3/100"),), heads=("项", "值", "比")),
    )
    return Document(
        path="national/bulletin",
        year=YEAR,
        title_lines=("某司", "关于某事的通报"),
        short_title="关于某事的通报",
        organ="某司",
        number="某函〔2024〕　　号",
        recipients="各省",
        signed_by="某司",
        dated="2024年12月5日",
        publication_date=date(2024, 12, 5),
        opening=paragraph("现通报如下。"),
        sections=(Section("一、某节", blocks),),
        attachments=(
            Section("名单", (paragraph("甲。"),)),
            Section("另一名单", (paragraph("乙。"),)),
        ),
        is_synthetic=True,
    )


def _open_docx(document: Document) -> Any:
    return docx.Document(io.BytesIO(render_docx(document)))


def _texts(word: Any) -> str:
    cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in word.paragraphs), *cells])


def test_headings_have_heading_styles_and_parts_are_in_order() -> None:
    styled_texts = [(p.style.name, p.text) for p in _open_docx(_document()).paragraphs if p.text]
    assert styled_texts == [
        ("Reference Number", "某函〔2024〕　　号"),
        ("Title", "某司\n关于某事的通报"),
        ("Recipients", "各省："),
        ("Body Text", "现通报如下。"),
        ("Heading 1", "一、某节"),
        ("Heading 2", "（一）情况"),
        ("Heading 3", "1.细目"),
        ("Body Text", "按时报送率97.35%。"),
        ("Caption", "表"),
        ("Table Note", "注：注释"),
        ("Table Note", "■无数据　■2.00%　"),
        ("Chart Caption", "图"),
        ("Chart Caption", "条"),
        ("Attachment List First", "附件：1.名单"),
        ("Attachment List", "2.另一名单"),
        ("Signature", "某司"),
        ("Date", "2024年12月5日"),
        ("Contents Title", "目　录"),
        ("toc 1", "一、某节"),
        ("toc 1", "附件1　名单"),
        ("toc 1", "附件2　另一名单"),
        ("Attachment Label", "附件1"),
        ("Attachment Title", "名单"),
        ("Body Text", "甲。"),
        ("Attachment Label", "附件2"),
        ("Attachment Title", "另一名单"),
        ("Body Text", "乙。"),
    ]


def test_page_and_fonts_follow_the_standard() -> None:
    word = _open_docx(_document())
    [section] = word.sections
    assert section.orientation == WD_ORIENTATION.PORTRAIT
    lengths = {"page_width": 210, "page_height": 297}
    lengths |= {"top_margin": 37, "bottom_margin": 35, "left_margin": 28, "right_margin": 26}
    for name, mm in lengths.items():
        assert abs(getattr(section, name) - Mm(mm)) < Mm(0.1), name
    body, one, two = (word.styles[name] for name in ("Body Text", "Heading 1", "Heading 2"))
    assert word.styles["Normal"].paragraph_format.line_spacing is None
    xml = word.styles.element.xml
    assert 'w:line="579" w:lineRule="exact"' in xml
    assert 'w:eastAsia="仿宋_GB2312"' in xml
    assert 'w:lang w:val="en-US" w:eastAsia="zh-CN"' in xml
    assert abs(body.paragraph_format.first_line_indent - 2 * Pt(16)) < Pt(0.1)
    assert (one.font.name, two.font.name) == ("黑体", "楷体_GB2312")
    assert (word.styles["Title"].font.name, word.styles["Title"].font.size) == (
        "方正小标宋简体",
        Pt(22),
    )
    assert word.styles["Attachment Label"].paragraph_format.page_break_before


def test_page_numbers_are_on_the_outer_edge_except_on_the_first_page() -> None:
    word = _open_docx(_document())
    [section] = word.sections
    assert section.different_first_page_header_footer
    assert word.settings.odd_and_even_pages_header_footer
    assert "".join(p.text for p in section.first_page_footer.paragraphs) == ""
    for footer, side in ((section.footer, "RIGHT"), (section.even_page_footer, "LEFT")):
        [line] = footer.paragraphs
        assert line.alignment.name == side
        assert 'w:instr="PAGE"' in line._p.xml


def test_synthetic_data_are_marked_on_every_page_and_real_ones_are_not() -> None:
    for is_synthetic in (True, False):
        [section] = _open_docx(replace(_document(), is_synthetic=is_synthetic)).sections
        for header in (section.first_page_header, section.header, section.even_page_header):
            assert ("合成数据" in header.paragraphs[0].text) == is_synthetic
        assert section.first_page_header.paragraphs[1].text == "某司"


def test_tables_repeat_their_header_and_split_no_row() -> None:
    data, tiles, bars = _open_docx(_document()).tables
    assert [cell.text for cell in data.rows[0].cells] == ["省份", "率"]
    assert "w:tblHeader" in data.rows[0]._tr.xml
    assert all("w:cantSplit" in row._tr.xml for table in (data, tiles) for row in table.rows)
    widths = [column.width for column in data.columns]
    assert abs(widths[0] - 3 * widths[1]) < Mm(0.5)
    assert abs(sum(widths) - Mm(156)) < Mm(0.5)
    assert [[c.text for c in row.cells] for row in tiles.rows] == [
        ["", "", "北京\n2.00%"],
        ["天津\n—", "", ""],
    ]
    assert [[c.text for c in row.cells] for row in bars.rows] == [
        ["项", "值", "比"],
        ["甲任务", "3.00%", "3/100"],
    ]


def _rows_kept_with_the_next(document: Document) -> list[bool]:
    [table] = _open_docx(document).tables
    kept = [
        {
            paragraph.paragraph_format.keep_with_next
            for cell in row.cells
            for paragraph in cell.paragraphs
        }
        for row in table.rows[1:]
    ]
    assert all(len(values) == 1 for values in kept)
    return [values == {True} for values in kept]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [(3, [True, True, False]), (10, [True, *[False] * 7, True, False])],
)
def test_a_page_break_leaves_no_row_alone(rows: int, kept: list[bool]) -> None:
    table = Table("表", (Column("省份", 3, "left"), Column("率", 1)), (("北京", "1"),) * rows)
    document = replace(_document(), sections=(Section("一、某节", (table,)),), attachments=())
    assert _rows_kept_with_the_next(document) == kept


def test_a_bar_chart_is_on_the_page_of_its_caption() -> None:
    bars = Bars("条", tuple(Bar(f"第{n}项", "1", 1) for n in range(12)))
    document = replace(_document(), sections=(Section("一、某节", (bars,)),), attachments=())
    assert all(_rows_kept_with_the_next(document))


def test_lines_break_between_numbers_and_not_within() -> None:
    xml = _open_docx(_document()).styles.element.xml
    assert '<w:wordWrap w:val="1"/>' in xml
    assert xml.count("w:wordWrap") == 1


def test_contents_are_a_field_that_is_filled_in() -> None:
    body = _open_docx(_document()).element.body
    codes = [code.text.strip() for code in body.iter(qn("w:instrText"))]
    assert codes[0].startswith("TOC ")
    assert codes[1:] == ['TC "附件1　名单" \\l 1', 'TC "附件2　另一名单" \\l 1']
    marks = [mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))]
    assert [link.get(qn("w:anchor")) for link in body.iter(qn("w:hyperlink"))] == marks
    states = [state.get(qn("w:fldCharType")) for state in body.iter(qn("w:fldChar"))]
    assert states == ["begin", "separate", "end", *["begin", "end"] * 2]


def test_a_document_without_attachments_has_no_contents() -> None:
    word = _open_docx(replace(_document(), attachments=()))
    assert "目　录" not in [p.text for p in word.paragraphs]


def test_bars_without_notes_have_no_column_for_them() -> None:
    bars = Bars("条", (Bar("甲", "1", None),))
    document = replace(_document(), sections=(Section("一、某节", (bars,)),), attachments=())
    [table] = _open_docx(document).tables
    assert len(table.columns) == 2


@pytest.mark.parametrize(
    "name", ["<w:br/>&amp;", "{{ doc.path }}{% raw %}", "a\"'b", "]]><w:p/>", '=cmd|"/c calc"!A1']
)
def test_hostile_text_is_printed_unchanged(name: str) -> None:
    table = Table("", (Column(name), Column("x")), ((name, Figure("f", name)),))
    document = replace(
        _document(),
        organ=name,
        short_title=name,
        title_lines=(name,),
        opening=paragraph(name),
        sections=(Section(name, (heading(name), table)),),
    )
    word = _open_docx(document)
    shown = [p.text for p in word.paragraphs]
    assert shown.count(name) == 5
    assert [cell.text for row in word.tables[0].rows for cell in row.cells] == [
        name,
        "x",
        name,
        name,
    ]
    assert word.core_properties.title == name


def test_what_xml_cannot_hold_is_left_out() -> None:
    document = replace(_document(), opening=paragraph("学\x00\x0b\ufffe校"))
    assert "学校" in _texts(_open_docx(document))


def test_equal_documents_give_equal_bytes_without_a_clock() -> None:
    body = render_docx(_document())
    assert render_docx(_document()) == body
    with zipfile.ZipFile(io.BytesIO(body)) as given:
        assert {entry.date_time for entry in given.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert given.namelist()[0] == "[Content_Types].xml"


def test_every_figure_is_printed() -> None:
    text = _texts(_open_docx(_document()))
    assert {f.text for f in figures(_document()) if f.text not in text} == set()


# -- drafts of summaries ------------------------------------------------------------------


def _task_row(table: str, key: tuple[str, ...], units: int) -> Row:
    rates = ("reporting_rate", "on_time_rate", "report_file_rate", "assessed_rate")
    data: dict[str, Any] = dict.fromkeys((*rates, "target_met_rate"), Decimal("0.5"))
    data |= dict.fromkeys((f"units_{level}" for level in level_names()), 0)
    data |= {"units_national": units, "units_expected": units, "units_reported": units}
    data |= {
        "units_on_time": units,
        "targets_set": 3,
        "targets_met": None,
        "targets_not_met": None,
        "targets_without_value": None,
    }
    data |= {"mean_assessment_score": None, "has_provincial_summary": False}
    return Row(table, (str(YEAR), *key), data)


def _marts() -> Marts:
    """Guangdong has 3 units in T05 and none elsewhere; the nation has 12."""
    catalogue = load_catalogue()
    provincial, national, own_values, values = [], [], [], []
    for task in catalogue.tasks.values():
        national.append(_task_row("agg_national_task", (task.code,), 12))
        for region in catalogue.regions.values():
            units = 3 if (region.code, task.code) == ("440000", "T05") else 0
            provincial.append(_task_row("agg_province_task", (region.code, task.code), units))
    for indicator in catalogue.indicators.values():
        data: dict[str, Any] = {"value": Decimal("1.5"), "units_counted": 3, "matched_units": 0}
        data["growth_withheld_by"] = "no_matched_value"
        key = (str(YEAR), "440000", "T05", indicator.code)
        own_values.append(Row("agg_province_indicator", key, dict(data)))
        nation = data | {"value": Decimal(6)}
        values.append(Row("agg_national_indicator", (str(YEAR), "T05", indicator.code), nation))
    unit = {
        "province_code": "440000",
        "task_code": "T05",
        "unit_code": "T05-440000-001",
        "unit_name": "<b>学校</b>&",
        "level": "national",
        "has_reported": False,
    }
    return Marts(
        year=YEAR,
        period=period_of(YEAR),
        catalogue=catalogue,
        gate=GateNotes(1, {}),
        tables={
            "agg_province_task": provincial,
            "agg_national_task": national,
            "agg_province_indicator": own_values,
            "agg_national_indicator": values,
            "dim_reporting_year": [Row("dim_reporting_year", ("2024",), {"is_synthetic": True})],
        },
        absent=[unit],
        excluded=[
            unit | {"indicator_code": "T05_01", "exclusion_code": "E203", "submitted_value": "=9e9"}
        ],
        watched=[unit | {"reason": "not_reported", "evidence": "未报"}],
        highlights=[unit | {"highlight": "做法\n很好", "assessment_score": None}],
        units=[],
        remarks=(0, 0),
    )


@pytest.fixture(scope="module")
def drafts() -> dict[str, Document]:
    return {draft.path: draft for draft in summaries(_marts())}


def test_every_province_has_a_draft_for_every_task(drafts: dict[str, Document]) -> None:
    assert len(drafts) == 32 * 11
    assert "provinces/660000/summaries/T11" in drafts


def test_a_draft_compares_the_province_with_the_nation(drafts: dict[str, Document]) -> None:
    word = _open_docx(drafts["provinces/440000/summaries/T05"])
    rows = [[cell.text for cell in row.cells] for table in word.tables for row in table.rows]
    assert ["级别", "广东省", "全国", "占全国比重"] in rows
    assert ["国家级", "3", "12", "25.00%"] in rows
    assert ["完成年度目标（项）", "—", "—"] in rows
    assert ["智慧教室占比", "%", "1.50", "3", "—", "0", "6.00", "—"] in rows  # a ratio has no share
    assert ["年度到位经费", "万元", "1.50", "3", "—", "0", "6.00", "25.00%"] in rows
    assert ["<b>学校</b>&", "T05-440000-001", "国家级"] in rows
    [excluded] = [row for row in rows if "=9e9" in row]
    assert all(excluded)
    text = _texts(word)
    assert "做法 很好" in text
    headings = [p.text for p in word.paragraphs if p.style.name == "Heading 1"]
    assert headings == [
        "一、建设规模",
        "二、绩效数据采集情况",
        "三、年度目标和考核情况",
        "四、指标完成情况",
        "五、典型经验",
        "六、需核实整改的事项",
        "七、存在的问题和下一步工作",
    ]


def test_passages_for_an_officer_are_marked(drafts: dict[str, Document]) -> None:
    word = _open_docx(drafts["provinces/440000/summaries/T05"])
    marked = [p for p in word.paragraphs if p.text.startswith("（此处由省级教育行政部门补充研判：")]
    assert len(marked) == 8
    assert all(run.font.highlight_color for p in marked for run in p.runs)


def test_a_province_without_units_has_a_draft_that_says_so(drafts: dict[str, Document]) -> None:
    text = _texts(_open_docx(drafts["provinces/110000/summaries/T01"]))
    assert "没有市域产教联合体重点任务的应报建设单位；全国应报建设单位12家。" in text
    assert "%" not in text


def test_a_share_is_exact_and_missing_without_a_whole() -> None:
    assert share(1, 3) == "33.33%"
    assert share(Decimal("0.125"), Decimal(1000)) == "0.01%"
    assert share(0, 5) == "0.00%"
    assert {share(None, 5), share(5, None), share(5, 0)} == {"—"}


# -- the linter ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "已报送,未按时",
        "国(境)外",
        "已报送.",
        "已报送。，",
        "2024年01月5日",
        "2024-12-05",
        "24年12月",
        "５家",
        "10~20",
        "5—10%",
        "12-15日",
        "None",
    ],
)
def test_the_linter_reports(line: str) -> None:
    assert lint_text([line])
    assert lint_text([line], unit_texts=[line]) == []


@pytest.mark.parametrize(
    "line",
    [
        "截至2024年12月5日0:00，北京（含兵团）报送率97.35%—100.00%，“—”表示没有数据。",
        "教职成厅函〔2023〕20号",
        "T05-440000-001",
        "ISO 8601",
        "较上年+5.32%；1,234.50万元。",
    ],
)
def test_the_linter_accepts(line: str) -> None:
    assert lint_text([line]) == []


def test_the_linter_counts_headings() -> None:
    assert (
        lint_numbering(["一、甲", "（一）乙", "1.丙", "2.丁", "（二）戊", "1.己", "二、庚"]) == []
    )
    assert lint_numbering(["一、甲", "1.乙", "（1）丙", "1.50万元"]) == []
    for wrong in (
        ["二、甲"],
        ["一、甲", "（二）乙"],
        ["一、甲", "（一）乙", "（1）丙"],
        ["（一）甲"],
        ["一、甲", "（一）乙", "三、丙"],
        ["一、甲。"],
    ):
        assert lint_numbering(wrong), wrong


def test_the_linter_reports_faults_of_a_document() -> None:
    document = _document()
    assert lint_docx(render_docx(document)) == []
    for wrong in (
        replace(document, dated="2024年12月05日"),
        replace(document, title_lines=("某司", "关于某事的通报。")),
        replace(document, recipients="各省："),
        replace(document, attachments=(Section("名单。", ()),)),
        replace(document, opening=paragraph("现通报如下:")),
        replace(document, sections=(Section("二、某节", ()),)),
    ):
        assert lint_docx(render_docx(wrong))
    pages = tuple(paragraph(f"第{n}段。" * 60) for n in range(6))
    long = replace(document, sections=(Section("一、某节", pages),))
    renderer = PdfRenderer(load_fonts(None))
    assert lint_pdf(renderer.render(long)) == []
    assert lint_pdf(renderer.render(replace(long, opening=paragraph("现通报如下!中"))))
