"""Wording, charts, fonts and templates of the bulletins, without a lake."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fontTools.subset import Subsetter
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from orchestration.bulletin.content import (
    Bar,
    Bars,
    Column,
    Document,
    Figure,
    Paragraph,
    Section,
    Table,
    Tile,
    TileMap,
    figures,
    heading,
    paragraph,
)
from orchestration.bulletin.marts import Row
from orchestration.bulletin.parts import change_figure, composition_runs, growth_note, growth_runs
from orchestration.bulletin.render import PdfRenderer, load_fonts, render_html, with_font
from orchestration.bulletin.render.charts import svg_of
from orchestration.bulletin.render.fonts import font_files
from orchestration.bulletin.sections import sections_of
from orchestration.bulletin.wording import chinese_date, chinese_number, listed, moment
from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.errors import UsageError
from orchestration.core.settings import PROJECT_ROOT
from orchestration.figures.numbers import (
    MISSING,
    amount,
    change,
    count,
    growth,
    growth_in_points,
    percent,
    points,
    rounded,
)
from orchestration.figures.wording import clean


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("0.125", 2, "0.13"),
        ("-0.125", 2, "-0.13"),
        ("2.5", 0, "3"),
        ("1234567.005", 2, "1,234,567.01"),
        ("-0.001", 2, "0.00"),
        ("999999999999.999999", 2, "1,000,000,000,000.00"),
    ],
)
def test_numbers_are_rounded_half_up(value: str, places: int, text: str) -> None:
    assert rounded(Decimal(value), places) == text


def test_missing_is_not_zero() -> None:
    assert {count(None), amount(None), percent(None), change(None), points(None)} == {MISSING}
    assert (count(0), amount(Decimal(0)), percent(Decimal(0))) == ("0", "0.00", "0.00%")


def test_rates_and_changes() -> None:
    # The bulletin of 2018: 125.76 of 205.9.
    assert percent(Decimal("0.610782")) == "61.08%"
    assert change(Decimal("0.0532")) == "+5.32%"
    assert change(Decimal("-0.0532")) == "−5.32%"
    assert change(Decimal("0.000001")) == "0.00%"
    assert points(Decimal("-1.2")) == "−1.20个百分点"
    assert growth(Decimal("0.0532")) == "增长5.3%"
    assert growth(Decimal("0.0002")) == "增长0.02%"
    assert growth(Decimal("-0.0532")) == "下降5.3%"
    assert growth(Decimal("-0.000001")) == "持平"
    assert growth_in_points(Decimal("1.2")) == "提高1.2个百分点"
    assert growth_in_points(Decimal("0.001")) == "持平"


def _aggregate(code: str, **data: Any) -> tuple[Row, Indicator]:
    data = {"growth_withheld_by": None, **data}
    row = Row("agg_national_indicator", ("2024", "ALL", code), data)
    return row, load_catalogue().indicators[code]


@pytest.mark.parametrize(
    ("total", "said"),
    [
        # More units reported than last year; the rule is one percentage point.
        ("0.223200", "，报送单位的变化使合计数多增14.3个百分点"),
        ("-0.029900", "，报送单位的变化使合计数少增11.0个百分点"),
        ("0.090100", ""),
    ],
)
def test_growth_is_that_of_the_same_units(total: str, said: str) -> None:
    row, indicator = _aggregate(
        "C_05",
        change_rate=Decimal(total),
        matched_change_rate=Decimal("0.080100"),
        matched_units=9432,
    )
    runs = (*growth_runs(row, indicator), *composition_runs(load_catalogue(), row, indicator))
    text = "".join(run if isinstance(run, str) else run.text for run in runs)
    assert text == f"（两年均报送的9,432家单位同口径增长8.0%）{said}"


@pytest.mark.parametrize(
    ("code", "withheld", "said"),
    [
        ("T06_14", "incomparable", "不列增减：最大并发数取最大值"),
        ("C_05", "least_matched_units", "不足3个"),
        ("C_05", "no_matched_value", ""),
    ],
)
def test_withheld_growth_is_not_said_and_its_reason_is(code: str, withheld: str, said: str) -> None:
    row, indicator = _aggregate(code, growth_withheld_by=withheld)
    assert growth_runs(row, indicator) == ()
    assert composition_runs(load_catalogue(), row, indicator) == ()
    assert change_figure(row, indicator) == MISSING
    compared = growth_note(load_catalogue(), ())
    note = growth_note(load_catalogue(), [(indicator, row), (indicator, row)])
    assert note.startswith(compared)
    assert note.count("不列增减") == bool(said)
    assert said in note


def test_dates_and_ordinals() -> None:
    assert chinese_date(date(2026, 1, 5)) == "2026年1月5日"
    assert moment(datetime(2024, 12, 14, 16, 0, tzinfo=UTC)) == "2024年12月15日0:00"
    assert [chinese_number(n) for n in (1, 10, 11, 20, 32)] == [
        "一", "十", "十一", "二十", "三十二",
    ]  # fmt: skip


def test_names_are_cleaned_and_omitted_names_are_counted() -> None:
    assert clean("学\u202e校\u200b\n 名\0") == "学校 名"
    assert clean("长" * 50, 10) == "长" * 9 + "…"
    assert listed(["甲", "乙"]) == "甲、乙"
    assert listed([str(n) for n in range(12)], 2) == "0、1等12个"


def _document() -> Document:
    figure = Figure("2024/agg_province_task/110000/T05/on_time_rate", "97.35%")
    blocks = (
        heading("（一）情况"),
        paragraph("按时报送率", figure, "。"),
        Table("表", (Column("省份", 3, "left"), Column("率", 3)), (("北京", figure),), "注释"),
        TileMap(
            "图",
            (Tile("110000", "北京", 0, 0, figure, 5), Tile("120000", "天津", 0, 1, MISSING, 0)),
            ((0, "无数据"), (5, "97.35%")),
        ),
        Bars("条", (Bar("<任务>&", figure, 500), Bar("减", figure, -200)), diverging=True),
    )
    return Document(
        path="national/bulletin",
        year=2024,
        title_lines=("教育部职业教育与成人教育司", "关于某事的通报"),
        short_title="关于某事的通报",
        organ="教育部职业教育与成人教育司",
        number="教职成司函〔2024〕　　号",
        recipients="各省",
        signed_by="教育部职业教育与成人教育司",
        dated="2024年12月15日",
        publication_date=date(2024, 12, 15),
        opening=paragraph("现通报如下。"),
        sections=(Section("一、某节", blocks),),
        attachments=(Section("名单", (paragraph("甲。"),)),),
        is_synthetic=True,
    )


def test_a_chart_is_well_formed_and_carries_its_figures() -> None:
    blocks = _document().sections[0].blocks
    for block in blocks[3:]:
        assert isinstance(block, TileMap | Bars)
        root = ElementTree.fromstring(svg_of(asdict(block), "Noto Sans SC"))  # noqa: S314
        marked = [node.get("data-figure") for node in root.iter() if node.get("data-figure")]
        assert marked
        assert "None" not in "".join(root.itertext())


def test_labels_of_a_chart_that_differ_at_their_end_look_different() -> None:
    name = "具有国际影响的职业教育标准、资源和装备"
    figure = Figure("2024/agg_national_target/T10/national/standard/progress_rate", "97.35%")
    labels = (f"{name}（国家级·标准）", f"{name}（国家级·资源）", "职业" * 40, "短")
    block = Bars("条", tuple(Bar(label, figure, 500) for label in labels))
    root = ElementTree.fromstring(svg_of(asdict(block), "Noto Sans SC"))  # noqa: S314
    texts = [node for node in root.iter() if node.tag.endswith("}text")]
    lines = ["".join(node.itertext()) for node in texts]
    assert lines[:2] == [name, "（国家级·标准）"]
    assert "（国家级·资源）" in lines
    assert all(len(line) <= 20 for line in lines)
    assert f"{'职业' * 9}职…" in lines
    places = [(node.get("x"), node.get("y")) for node in texts]
    assert len(set(places)) == len(places)


def test_every_region_has_its_own_tile() -> None:
    regions = load_catalogue().regions.values()
    assert len({(r.tile_row, r.tile_column) for r in regions}) == len(regions) == 32


def test_markup_in_a_name_stays_text() -> None:
    document = replace(_document(), opening=paragraph("<script>alert(1)</script>", "#evil[typst]"))
    page = render_html(document).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    pdf = PdfRenderer(load_fonts(None)).render(document)
    assert pdf.startswith(b"%PDF")


def test_equal_documents_give_equal_bytes() -> None:
    renderer = PdfRenderer(load_fonts(None))
    first = renderer.render(_document())
    renderer.render(replace(_document(), dated="2024年12月16日"))
    assert renderer.render(_document()) == first
    assert render_html(_document()) == render_html(_document())


def test_a_character_without_a_glyph_is_replaced_and_reported() -> None:
    fonts = load_fonts(None)
    renderer = PdfRenderer(fonts)
    renderer.render(replace(_document(), opening=paragraph("学校\U0001f3eb名")))
    assert renderer.missing == {"\U0001f3eb"}
    assert fonts.drawable("学校\U0001f3eb") == "学校〓"


def test_a_missing_font_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TONGBAO_FONT_DIR"):
        load_fonts(tmp_path / "nowhere")


def _write_font(path: Path, family: str, postscript_name: str, characters: str) -> None:
    """Write the bundled serif font with other names and these characters only."""
    [source] = [path for path in font_files(None) if path.stem == "NotoSerifSC-Regular"]
    font = TTFont(source)
    subsetter = Subsetter()
    subsetter.populate(text=characters)
    subsetter.subset(font)
    # Of the names 1 and 16 are the family, 4 the full name, 6 the name in PostScript and PDF.
    names = {1: family, 16: family, 4: family, 6: postscript_name}
    for record in font["name"].names:
        if record.nameID in names:
            record.string = names[record.nameID]
    font["CFF "].cff.fontNames = [postscript_name]
    font.save(path)


def _embedded_fonts(body: bytes) -> set[str]:
    """Return the names of a PDF's fonts without the prefix of a subset."""
    found = set()
    for page in PdfReader(io.BytesIO(body)).pages:
        for font in page["/Resources"]["/Font"].values():
            found.add(str(font.get_object()["/BaseFont"]).rpartition("+")[2])
    return found


def test_a_family_of_the_standard_takes_its_role(tmp_path: Path) -> None:
    _write_font(tmp_path / "fs.otf", "FangSong_GB2312", "StandIn", "现通报如下。")
    fonts = load_fonts(tmp_path)
    assert fonts.roles == {**load_fonts(None).roles, "body": "FangSong_GB2312"}
    document = replace(_document(), opening=paragraph("现通报如下。"))
    assert any("StandIn" in name for name in _embedded_fonts(PdfRenderer(fonts).render(document)))


def test_figures_are_listed_in_order() -> None:
    assert [f.text for f in figures(_document())] == ["97.35%"] * 5


def test_pages_refer_to_the_web_font() -> None:
    files = with_font({"a.html": "<html><head></head>职</html>".encode(), "b.pdf": b"%PDF"})
    assert b"@font-face" in files["a.html"]
    assert files["b.pdf"] == b"%PDF"
    assert files == with_font({"a.html": "<html><head></head>职</html>".encode(), "b.pdf": b"%PDF"})


def test_templates_compute_nothing() -> None:
    folder = PROJECT_ROOT / "orchestration/bulletin/render"
    page = (folder / "bulletin.html.j2").read_text(encoding="utf-8")
    expressions = re.findall(r"\{[{%](.*?)[%}]\}", page, re.DOTALL)
    assert [e for e in expressions if re.search(r"[*/]|\bround\b|\bsum\b|\+ ", e)] == []


def test_every_kind_of_bulletin_has_its_sections_in_order() -> None:
    for kind in ("national", "task", "province"):
        modules = sections_of(kind)  # type: ignore[arg-type]
        orders = [module.ORDER for module in modules]
        assert orders == sorted(orders)
        opens = "总体情况" if kind == "national" else "绩效数据采集情况"
        closes = "下一步工作要求" if kind == "national" else "数据质量和计算说明"
        assert (opens, closes) == (modules[0].TITLE, modules[-1].TITLE)


def test_a_paragraph_holds_text_and_figures() -> None:
    figure = Figure("x", "1")
    assert paragraph("a", figure) == Paragraph(("a", figure))
