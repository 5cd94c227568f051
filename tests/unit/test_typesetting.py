"""Layout of bulletins: column widths, captions, the page with the signature, PDF standards.

Belongs here: what the layout promises, read from the finished bytes. Doesn't belong here: page and
text by GB/T 9704 (``test_docx``) and figures (``test_bulletin``).
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from pypdf import PdfReader

from orchestration.bulletin.content import Column, Document, Section, Table, paragraph
from orchestration.bulletin.documents import correction_document, title_lines
from orchestration.bulletin.marts import GateNotes, Marts, Row
from orchestration.bulletin.parts import target_bars, target_table
from orchestration.bulletin.render import PdfRenderer, load_fonts
from orchestration.bulletin.render.table_layout import laid_out
from orchestration.bulletin.sections import Place
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import period_of

ORGAN = "教育部职业教育与成人教育司"


@pytest.fixture(scope="module")
def renderer() -> PdfRenderer:
    return PdfRenderer(load_fonts(None))


def _marts() -> Marts:
    return Marts(
        year=2024,
        period=period_of(2024),
        catalogue=load_catalogue(),
        gate=GateNotes(1, {}),
        tables={
            "dim_reporting_year": [Row("dim_reporting_year", ("2024",), {"is_synthetic": True})]
        },
        absent=[],
        excluded=[],
        watched=[],
        highlights=[],
        units=[],
        remarks=(0, 0),
    )


def _table(caption: str, rows: int) -> Table:
    columns = (Column("指标", 7, "left"), Column("数值", 3))
    return Table(caption, columns, tuple((f"第{n}项", f"{n:,}") for n in range(rows)))


def _notice(*blocks: Table) -> Document:
    return correction_document(
        _marts(), 2, "数据有误", path="national/correction", sections=[("更正情况", list(blocks))]
    )


def _pages(body: bytes) -> list[str]:
    texts = (page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    return ["".join(text.split()) for text in texts]


# -- columns ------------------------------------------------------------------------------------


def test_a_column_holds_its_longest_number_and_its_head() -> None:
    columns = (Column("单位名称", 30, "left"), Column("目标完成度", 1), Column("金额", 1))
    [name, rate, amount] = laid_out(
        Table("", columns, (("某校", "1.00%", "1,000,000.00"),))
    ).columns
    # In thousandths of a character: a line of the head, twelve half-width digits.
    assert rate.head == "目标\n完成度"
    assert rate.width >= 3 * 1000
    assert amount.width >= 12 * 540
    assert name.width > rate.width + amount.width


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        ("同口径单位", "同口径\n单位"),
        ("按时报送率", "按时\n报送率"),
        ("上传总结省份", "上传总结\n省份"),
        ("单位（代码）", "单位\n（代码）"),
        ("计入单位", "计入\n单位"),
        ("2024年", "2024年"),
        ("家数", "家数"),
    ],
)
def test_a_head_breaks_before_its_last_word(head: str, shown: str) -> None:
    columns = (Column("单位名称", 30, "left"), *(Column(head, 1) for _ in range(11)))
    assert {each.head for each in laid_out(Table("", columns, ())).columns[1:]} == {shown}


def test_wide_enough_columns_keep_their_shares() -> None:
    columns = (Column("甲", 3, "left"), Column("乙", 1))
    [first, second] = laid_out(Table("", columns, (("某", "1"),))).columns
    assert abs(first.width - 3 * second.width) <= 3


def test_columns_that_need_more_than_the_page_are_reduced_by_the_same_factor() -> None:
    columns = tuple(Column(f"T{n:02}", 1) for n in range(20))
    widths = [column.width for column in laid_out(Table("", columns, (("100.00%",) * 20,))).columns]
    assert len(set(widths)) == 1
    # 156 mm hold 49.1 characters of 9 pt.
    assert abs(sum(widths) - 49_134) < 20


def test_heads_break_before_numbers_and_names_do() -> None:
    columns = (Column("省份", 3, "left"), *(Column("按时报送率", 3) for _ in range(11)))
    name, *rates = laid_out(Table("", columns, (("内蒙古", *["100.00"] * 11),))).columns
    assert name.width >= 3 * 1000
    assert all(rate.width >= 6 * 540 for rate in rates)
    assert rates[0].head == "按时\n报送率"


# -- rows ---------------------------------------------------------------------------------------


def test_rows_are_grouped_by_number_and_length() -> None:
    def groups(table: Table) -> list[tuple[int, bool]]:
        return [(group.rows, group.is_whole) for group in laid_out(table).groups]

    assert groups(_table("", 8)) == [(8, True)]
    assert groups(_table("", 9)) == [(2, True), *[(1, True)] * 5, (2, True)]

    def of_texts(*lengths: int) -> Table:
        return replace(_table("", 0), rows=tuple(("文" * length, "1") for length in lengths))

    assert groups(of_texts(80, 80, 80)) == [(3, True)]
    assert groups(of_texts(81, 80, 80)) == [(1, True)] * 3
    assert groups(of_texts(121, 80, 80, 80)) == [(2, False), (2, True)]
    assert groups(of_texts(120, 120, 121, 1, 1)) == [(2, True), (1, False), (2, True)]
    assert laid_out(_table("", 3)).keeps_next == [True, True, False]
    assert laid_out(replace(_table("", 3), note="某说明。")).keeps_next == [True] * 3


@pytest.mark.parametrize(
    ("lines", "rows_before", "rows"),
    # Without the groups, the first row is alone on its page, or the last.
    [(2, 4, 12), (11, 0, 31)],
)
def test_no_page_has_one_row_of_a_table_alone(
    renderer: PdfRenderer, lines: int, rows_before: int, rows: int
) -> None:
    tables = [_table("乙", rows_before)] if rows_before else []
    blocks = [paragraph(f"第{n}段。") for n in range(lines)]
    numbered = _notice(*tables, _table("甲", rows)).sections[0].blocks
    document = replace(_notice(), sections=(Section("一、某节", (*blocks, *numbered)),))
    parts = [page.partition("甲指标")[2] for page in _pages(renderer.render(document))]
    found = [len(re.findall(r"第\d+项", part)) for part in parts]
    assert sum(found) == rows
    assert 1 not in found


@pytest.mark.parametrize("lines", range(6))
def test_no_row_is_on_two_pages(renderer: PdfRenderer, lines: int) -> None:
    """Names have several lines; another number of lines before them moves the page's end."""
    columns = (Column("指标", 1, "left"), *(Column("按时报送率", 4) for _ in range(6)))
    rows = tuple((f"甲{n}甲{'长' * 24}乙{n}乙", *["1"] * 6) for n in range(16))
    blocks = [paragraph(f"第{n}段。") for n in range(lines)]
    numbered = _notice(Table("对照", columns, rows)).sections[0].blocks
    document = replace(_notice(), sections=(Section("一、某节", (*blocks, *numbered)),))
    pages = _pages(renderer.render(document))
    for n in range(len(rows)):
        [page] = [page for page in pages if f"甲{n}甲" in page]
        assert f"乙{n}乙" in page


def test_a_note_is_on_the_page_of_the_last_rows(renderer: PdfRenderer) -> None:
    """The last rows of a table go to another page together with its note."""
    pages_after = set()
    for rows in range(43, 49):  # The second page ends within these.
        table = replace(_table("甲", rows), note="某说明。")
        pages = _pages(renderer.render(_notice(table)))
        [noted] = [number for number, page in enumerate(pages) if "注：某说明。" in page]
        assert f"第{rows - 1}项" in pages[noted], rows
        pages_after.add(noted)
    assert len(pages_after) == 2


# -- captions -----------------------------------------------------------------------------------


def test_tables_are_numbered_through_the_sections() -> None:
    document = correction_document(
        _marts(),
        2,
        "数据有误",
        path="national/correction",
        sections=[("甲", [_table("一表", 1), _table("", 1)]), ("乙", [_table("二表", 1)])],
    )
    found = [b.caption for s in document.sections for b in s.blocks if isinstance(b, Table)]
    assert found == ["表1　一表", "", "表2　二表"]


def test_a_table_says_on_later_pages_that_it_is_continued(renderer: PdfRenderer) -> None:
    pages = _pages(renderer.render(_notice(_table("对照", 120), _table("短表", 2))))
    with_table = [page for page in pages if "表1对照" in page]
    assert len(with_table) >= 3
    assert "续表1对照" not in with_table[0]
    assert all("续表1对照" in page for page in with_table[1:])
    assert "续表2" not in "".join(pages)


# -- signature ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", range(14, 22))
def test_no_page_has_the_signature_alone(renderer: PdfRenderer, lines: int) -> None:
    body = tuple(paragraph(f"第{n}段。") for n in range(lines))
    document = replace(_notice(), sections=(Section("一、某节", body),))
    [signed] = [page for page in _pages(renderer.render(document)) if f"{ORGAN}年月日" in page]
    assert f"第{lines - 1}段。特此通报。" in signed


# -- title ---------------------------------------------------------------------------------------


def test_a_line_of_a_title_fits_the_page() -> None:
    tasks = load_catalogue().tasks.values()
    lines = [line for t in tasks for line in title_lines(2024, Place("task", t.code, t.name))]
    # 156 mm hold 20.1 characters of 2号 (22 pt).
    assert max(map(len, lines)) <= 20
    assert "具有国际影响的职业教育标准、资源和装备" in lines


# -- targets ------------------------------------------------------------------------------------


def test_kinds_of_targets_are_in_the_order_of_the_notice() -> None:
    counts = {"achieved_count": 1, "achieved_with_higher": 1, "newly_achieved": 0}
    rates = dict.fromkeys(("progress_rate", "time_elapsed_rate"), Decimal("0.5"))
    numbers = {**counts, "target_count": 2, **rates}
    rows = [
        Row(
            "agg_national_target",
            ("2024", "T10", "national", kind),
            {"task_code": "T10", "level": "national", "category": kind, **numbers},
        )
        for kind in ("equipment", "resource", "standard")
    ]
    table = target_table(_marts(), rows, "目标")
    assert [str(row[0]).partition("·")[2] for row in table.rows] == ["标准", "资源", "装备"]
    bars = target_bars(_marts(), rows, "目标").bars
    assert [bar.label.rpartition("·")[2] for bar in bars] == ["标准）", "资源）", "装备）"]


# -- PDF ----------------------------------------------------------------------------------------


def test_a_pdf_declares_archiving_and_accessibility_standards(renderer: PdfRenderer) -> None:
    document = replace(_notice(_table("对照", 2)), publication_date=date(2024, 12, 15))
    reader = PdfReader(io.BytesIO(renderer.render(document)))
    root = reader.trailer["/Root"]
    metadata = root["/Metadata"].get_data().decode()
    for element in ("pdfaid:part>2<", "pdfaid:conformance>A<", "pdfuaid:part>1<"):
        assert element in metadata
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].lower().startswith("zh")
    assert reader.metadata is not None
    assert reader.metadata.title == document.short_title
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.date() == date(2024, 12, 15)
    assert [str(entry.title) for entry in reader.outline] == ["一、更正情况"]  # type: ignore[union-attr]
