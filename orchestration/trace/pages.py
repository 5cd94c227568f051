"""Makes the trace pages of an edition: every figure of its bulletins and what it was made from.

There is one page for each task and indicator, one for each task's reporting, one for each task's
units in a province, and one for the scorecards. A few bulk queries read the data of all pages. A
unit's name, documents and objects are printed only on the page of its task and province, which the
indicators' pages link to: this keeps the pages small.

Belongs here: the content of these pages and the anchors that ``bulletin.links.trace_target``
names. Doesn't belong here: the trace of one figure (``tracing``), arithmetic
(``figures.recompute``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from markupsafe import Markup

from orchestration.bulletin.links import NATION, target_anchor, unit_anchor, unit_target
from orchestration.bulletin.policy import is_shown, kept, shown_positions
from orchestration.bulletin.wording import moment
from orchestration.core.catalogue import Catalogue, Indicator, load_catalogue
from orchestration.core.errors import TongbaoError
from orchestration.core.page_style import PAGE_STYLE
from orchestration.figures.numbers import exact, plain
from orchestration.figures.printing import column_label, exact_text
from orchestration.figures.recompute import (
    RATES,
    Computed,
    UnitValue,
    indicator_columns,
    unit_columns,
)
from orchestration.figures.wording import UNIT_NAME, category_name, clean, code_names, level_names
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.trace import evidence
from orchestration.trace.evidence import Scope
from orchestration.trace.model import Document
from orchestration.trace.series import two_years
from orchestration.trace.wording import (
    COUNTED_DOCUMENTS,
    DOCUMENTS,
    STAGES,
    beijing,
    value_reason,
)

__all__ = ["trace_pages"]

#: Column of an indicator's aggregate → its header.
_INDICATOR_HEADS = {
    "value": "值",
    "previous_value": "上年",
    "matched_units": "同口径单位",
    "matched_value": "同口径值",
    "matched_previous_value": "同口径上年",
    "matched_change_rate": "同口径增减",
    "target": "目标",
    "value_with_target": "有目标单位的值",
    "units_with_target": "有目标单位",
    "attainment": "完成度",
    "units_expected": "应报",
    "units_counted": "计入",
    "previous_units_counted": "上年计入",
    "units_excluded": "剔除",
}
#: Columns of an indicator's aggregate that are recomputed.
_RECOMPUTED_COLUMNS = (
    "value",
    "target",
    "value_with_target",
    "units_with_target",
    "attainment",
    "units_counted",
    "units_excluded",
    "units_expected",
)
_INDICATOR_TABLES = ("agg_national_indicator", "agg_province_indicator")
#: Column of a task's aggregate → its header.
_TASK_HEADS = {
    "units_expected": "应报",
    "units_national": "国家级",
    "units_provincial": "省级",
    "units_municipal": "市级",
    "units_school": "校级",
    "units_reported": "已报",
    "reporting_rate": "报送率",
    "units_on_time": "按时",
    "on_time_rate": "按时报送率",
    "report_file_rate": "报告上传率",
    "assessed_rate": "考核率",
    "mean_assessment_score": "考核平均分",
    "targets_set": "设定目标",
    "targets_met": "完成目标",
    "targets_not_met": "未完成",
    "targets_without_value": "无采用值",
    "target_met_rate": "目标完成率",
}
#: Column of a national target → its header.
_TARGET_HEADS = {
    "achieved_count": "已达数量",
    "achieved_with_higher": "含以上级别",
    "newly_achieved": "本年新达",
    "target_count": "目标数量",
    "progress_rate": "完成进度",
    "time_elapsed_rate": "序时进度",
    "target_year": "目标年度",
}
_SHORT_DIGEST = 12
_YES_NO = {True: "是", False: "否", None: "—"}

#: What a page shows of a unit: header, column of the lake.
_UNIT_FIELDS = (
    ("单位", "dim_unit.unit_name"),
    ("级别", "fct_unit_year.level"),
    ("报送", "fct_unit_year.has_reported"),
    ("工作报告", "fct_unit_year.has_report_file"),
    ("考核", "fct_unit_year.assessment_grade"),
    ("目标（完成/设定）", "fct_unit_year.targets_met"),
    ("填报值（剔除/填报）", "fct_unit_year.indicators_excluded"),
)
#: What a page shows of a unit's value.
_VALUE_FIELDS = (
    ("值", "fct_unit_indicator.value"),
    ("目标", "fct_unit_indicator.target"),
)
_RATIO_FIELDS = (("分子", "fct_unit_indicator.value"), ("分母", "fct_unit_indicator.value"))

MartRow = Mapping[str, Any]


@dataclass(frozen=True)
class _Place:
    """A table row about the nation, a province, a task or a target."""

    anchor: str
    name: str
    cells: tuple[str, ...]
    href: str = ""


@dataclass(frozen=True)
class _PrintedDocument:
    """A document as a page prints it; ``number`` refers to its object in the page's list."""

    kind: str
    document_id: str
    late: str
    at: str
    short: str
    number: int


@dataclass(frozen=True)
class _PrintedObject:
    """An object as a page prints it, numbered within the page."""

    number: int
    object_key: str
    sha256: str


class _PageDocuments:
    """The documents of a page. Their objects are numbered and listed once at its end."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], _PrintedObject] = {}

    def add(self, document: Document) -> _PrintedDocument:
        """Return the document as printed; list its object if it is new to the page."""
        key = (document.object_key, document.sha256)
        if key not in self.objects:
            shown = clean(document.object_key, 1100)
            self.objects[key] = _PrintedObject(len(self.objects) + 1, shown, document.sha256)
        stage = f"·{STAGES.get(document.stage, document.stage)}" if document.stage else ""
        return _PrintedDocument(
            DOCUMENTS[document.kind] + stage,
            clean(document.document_id, 64),
            "（逾期）" if document.is_late else "",
            beijing(document.submitted_at),
            document.sha256[:_SHORT_DIGEST],
            self.objects[key].number,
        )


@dataclass
class _YearData:
    """The data of a year's trace pages.

    Attributes:
        marts: mart → rows of the year.
        units: expected units, as ``evidence.unit_years`` returns them.
        values: units' values for the pages to be made.
        documents: documents for the pages to be made, by unit or ``task-province``.
        calendar: the row of ``dim_reporting_year``.
        wanted: (task, name) of each page to be made; the name is an indicator, ``reporting``, or
            the province whose units the page lists.
    """

    year: int
    catalogue: Catalogue
    marts: Mapping[str, list[MartRow]]
    units: list[dict[str, Any]]
    values: list[UnitValue]
    documents: Mapping[str, list[Document]]
    calendar: MartRow
    wanted: Collection[tuple[str, str]]

    def __post_init__(self) -> None:
        order = sorted(self.catalogue.regions.values(), key=lambda region: region.display_order)
        self.order = {region.code: place for place, region in enumerate(order)}
        self.common = {
            "is_synthetic": bool(self.calendar["is_synthetic"]),
            "cutoff": moment(self.calendar["cutoff_at"].replace(tzinfo=UTC)),
        }
        self.units.sort(key=lambda u: (u["task_code"], *self.place_of(u["unit_code"])))
        self.by_code = {unit["unit_code"]: unit for unit in self.units}

    def place_of(self, unit_code: str) -> tuple[int, str]:
        """Sort key of a unit: position of its province, then its code."""
        return self.order.get(unit_code.split("-")[1], 0), unit_code

    def region(self, code: str) -> str:
        """The Chinese name of a province."""
        return self.catalogue.regions[code].name

    def task(self, code: str) -> str:
        """The code and Chinese name of a task; ``ALL`` is all tasks."""
        return "全部任务" if code == "ALL" else f"{code} {self.catalogue.tasks[code].name}"


def trace_pages(
    con: duckdb.DuckDBPyConnection, year: int, unchanged: Collection[str] = ()
) -> dict[str, bytes]:
    """Make the trace pages of a year.

    Args:
        con: a reader pinned at the snapshot that the edition is made from.
        unchanged: paths of pages that are carried over and not made again.

    Returns:
        path below the edition → bytes.

    Raises:
        TongbaoError: there are no marts of the year.
    """
    data = _read_year(con, year, unchanged)
    pages: dict[str, bytes] = {}
    for path, content in _indicator_pages(data):
        pages[path] = _render_page("indicator", data.common | content)
    for path, content in _reporting_pages(data):
        pages[path] = _render_page("reporting", data.common | content)
    for path, content in _unit_pages(data):
        pages[path] = _render_page("units", data.common | content)
    pages["trace/scorecard.html"] = _render_page(
        "scorecard", data.common | _scorecard_page(con, data)
    )
    return dict(sorted(pages.items()))


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["page_style"] = Markup(PAGE_STYLE)  # noqa: S704
    return made


def _render_page(name: str, content: Mapping[str, Any]) -> bytes:
    return _environment().get_template(f"{name}.html.j2").render(content).encode()


def _mart_rows(con: duckdb.DuckDBPyConnection, table: str, year: int) -> list[MartRow]:
    query = f"select * from lake.marts.{table} where year = $year"
    return [*rows_as_dicts(con.execute(query, {"year": year}))]


def _pages_to_make(
    marts: Mapping[str, list[MartRow]],
    units: Iterable[Mapping[str, Any]],
    unchanged: Collection[str],
) -> set[tuple[str, str]]:
    """Return (task, name) of each page to be made, as ``_YearData.wanted`` holds them."""
    pages = {(row["task_code"], row["indicator_code"]) for row in marts["agg_national_indicator"]}
    pages |= {(row["task_code"], "reporting") for row in marts["agg_national_task"]}
    pages |= {(unit["task_code"], unit["province_code"]) for unit in units}
    return {page for page in pages if _page_path(*page) not in unchanged}


def _page_path(task: str, name: str) -> str:
    return f"trace/{task}/{name}.html"


def _read_year(con: duckdb.DuckDBPyConnection, year: int, unchanged: Collection[str]) -> _YearData:
    marts = {
        table: _mart_rows(con, table, year)
        for table in (
            "agg_national_indicator", "agg_province_indicator", "agg_national_task",
            "agg_province_task", "agg_national_target", "province_scorecard",
            "national_scorecard", "dim_reporting_year",
        )
    }  # fmt: skip
    if not marts["dim_reporting_year"]:
        raise TongbaoError(f"there are no marts of {year} in this snapshot")
    units = evidence.unit_years(con, Scope(year))
    wanted = _pages_to_make(marts, units, unchanged)
    catalogue = load_catalogue()
    documented = {"reporting", *catalogue.regions}
    reporting = Scope(year, tasks=frozenset(task for task, name in wanted if name in documented))
    everywhere = {name for task, name in wanted if task == "ALL"}
    return _YearData(
        year=year,
        catalogue=catalogue,
        marts=marts,
        units=units,
        values=evidence.values(con, Scope(year), everywhere, wanted),
        documents=evidence.documents(con, reporting, COUNTED_DOCUMENTS),
        calendar=marts["dim_reporting_year"][0],
        wanted=wanted,
    )


def _shown_heads(heads: Mapping[str, str], *tables: str) -> dict[str, str]:
    """Column → header of the columns that may be shown of every one of the tables."""
    return {
        column: head
        for column, head in heads.items()
        if all(is_shown(f"{table}.{column}") for table in tables)
    }


def _cell_texts(row: MartRow, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(exact_text(column, row[column]) for column in columns)


def _verdict(row: MartRow, computed: Mapping[str, Computed], columns: Iterable[str]) -> str:
    """Return 一致, or 不一致 with the columns whose recomputed value differs from the row."""
    wrong = [c for c in columns if c in computed and row[c] != computed[c].value]
    return f"不一致：{'、'.join(wrong)}" if wrong else "一致"


# -- indicators -----------------------------------------------------------------------------


def _indicator_pages(data: _YearData) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of each indicator page to be made."""
    by_page: dict[tuple[str, str], list[UnitValue]] = {}
    for value in data.values:
        by_page.setdefault((value.task_code, value.indicator_code), []).append(value)
        if data.catalogue.indicators[value.indicator_code].task_code is None:
            by_page.setdefault(("ALL", value.indicator_code), []).append(value)
    heads = _shown_heads(_INDICATOR_HEADS, *_INDICATOR_TABLES)
    expected = Counter((unit["province_code"], unit["task_code"]) for unit in data.units)
    provinces: dict[tuple[str, str], list[MartRow]] = {}
    for row in data.marts["agg_province_indicator"]:
        provinces.setdefault((row["task_code"], row["indicator_code"]), []).append(row)
    for rows in provinces.values():
        rows.sort(key=lambda row: data.order[row["province_code"]])
    verdicts: dict[tuple[str, str, str], str] = {}
    nations = sorted(
        data.marts["agg_national_indicator"],
        # ALL comes last: its pages repeat the verdicts of the tasks' pages.
        key=lambda row: (row["task_code"] == "ALL", row["task_code"], row["indicator_code"]),
    )
    for nation in nations:
        task, code = nation["task_code"], nation["indicator_code"]
        if (task, code) not in data.wanted and ("ALL", code) not in data.wanted:
            continue
        indicator = data.catalogue.indicators[code]
        values = by_page.get((task, code), [])
        of_province: dict[str, list[UnitValue]] = {}
        for value in values:
            of_province.setdefault(value.province_code, []).append(value)

        def units_of(province: str | None, task: str = task) -> int:
            return sum(
                number
                for (p, t), number in expected.items()
                if province in (None, p) and task in ("ALL", t)
            )

        def place(
            row: MartRow,
            province: str | None,
            of: Sequence[UnitValue],
            href: str,
            indicator: Indicator = indicator,
            count: Any = units_of,
        ) -> _Place:
            computed = indicator_columns(indicator, of)
            computed["units_expected"] = Computed(count(province), "")
            verdict = _verdict(row, computed, _RECOMPUTED_COLUMNS)
            name = "全国" if province is None else data.region(province)
            cells = (*_cell_texts(row, heads), verdict)
            return _Place(province or NATION, name, cells, href)

        places = [place(nation, None, values, "")]
        for row in provinces.get((task, code), ()):
            province = row["province_code"]
            href = f"#u{province}" if task != "ALL" and province in of_province else ""
            places.append(place(row, province, of_province.get(province, []), href))
            verdicts[province, task, code] = places[-1].cells[-1]
        if (task, code) not in data.wanted:
            continue
        content: dict[str, Any] = {
            "title": f"{data.year}年度数据溯源：{data.task(task)}·{indicator.name_zh}（{code}）",
            "definition": _definition_text(data.catalogue, indicator),
            "series": (
                two_years(nation, indicator, data.catalogue)
                if len(heads) == len(_INDICATOR_HEADS)
                else None
            ),
            "series_columns": (
                f"{data.year - 1}年",
                "计入单位",
                f"{data.year}年",
                "计入单位",
                "增减",
            ),
            "columns": (*heads.values(), "复算"),
            "places": places,
            "links": _links(task, above="../../"),
            "unit_columns": (),
            "units": [],
            "tasks": [],
        }
        if task == "ALL":
            content["tasks"] = _rows_by_task(data, code, provinces, verdicts)
        else:
            shown = [head for head, source in _all_value_fields(indicator) if is_shown(source)]
            content["unit_columns"] = (*shown, "是否计入")
            content["units"] = _value_groups(data, indicator, values)
        yield _page_path(task, code), content


def _definition_text(catalogue: Catalogue, indicator: Indicator) -> str:
    text = f"单位：{indicator.unit}。汇总方式：{code_names('aggregation')[indicator.aggregation]}"
    if indicator.numerator and indicator.denominator:
        top = catalogue.indicators[indicator.numerator]
        bottom = catalogue.indicators[indicator.denominator]
        text += f"（{top.code} {top.name_zh} ÷ {bottom.code} {bottom.name_zh}）"
    return text + ("，由系统计算，不填报。" if not indicator.is_submitted else "，由单位填报。")


def _links(task: str, above: str) -> tuple[tuple[str, str], ...]:
    if task == "ALL":
        return (
            ("全国通报", f"{above}national/bulletin.html"),
            ("考核激励参考", "../scorecard.html"),
        )
    return (
        ("全国通报", f"{above}national/bulletin.html"),
        ("本任务通报", f"{above}tasks/{task}/bulletin.html"),
        ("本任务报送情况", "reporting.html"),
    )


def _all_value_fields(indicator: Indicator) -> tuple[tuple[str, str], ...]:
    return (*(_RATIO_FIELDS if indicator.aggregation == "ratio" else ()), *_VALUE_FIELDS)


def _value_groups(
    data: _YearData, indicator: Indicator, values: Sequence[UnitValue]
) -> list[dict[str, Any]]:
    """Return the units' values of an indicator, grouped by province."""
    is_ratio = indicator.aggregation == "ratio"
    positions = shown_positions(source for _, source in _all_value_fields(indicator))
    placed = sorted(values, key=lambda value: data.place_of(value.unit_code))
    groups = []
    for province, found in groupby(placed, key=lambda value: value.province_code):
        rows = []
        for each in found:
            ratio = (each.numerator, each.denominator) if is_ratio else ()
            numbers = kept((*ratio, each.value, each.target), positions)
            rows.append(
                (
                    each.unit_code,
                    unit_target(each.unit_code).removeprefix(f"trace/{each.task_code}/"),
                    [*map(exact, numbers)],
                    _value_state(data, indicator, each),
                )
            )
        groups.append({"province_code": province, "name": data.region(province), "rows": rows})
    return groups


def _value_state(data: _YearData, indicator: Indicator, value: UnitValue) -> str:
    """Return whether a value counts, and otherwise why not."""
    if value.counts(indicator):
        return "计入"
    unit = data.by_code[value.unit_code]
    if not unit["is_on_time"]:
        return "逾期，未计入" if unit["has_reported"] else "未报送"
    code, reason = value_reason(data.catalogue, indicator, value)
    if value.exclusion_code:
        typed = value.submitted_value if is_shown("fct_unit_indicator.submitted_value") else None
        submitted = f"；填报值：{clean(typed, 60)}" if typed else ""
        return f"剔除：{reason}（{code}）{submitted}"
    return f"未计入：{reason}"


def _rows_by_task(
    data: _YearData,
    code: str,
    provinces: Mapping[tuple[str, str], list[MartRow]],
    verdicts: Mapping[tuple[str, str, str], str],
) -> list[dict[str, Any]]:
    """Return the rows of a common indicator, grouped by province, one row per task."""
    heads = _shown_heads(_INDICATOR_HEADS, *_INDICATOR_TABLES)
    rows = [row for (task, each), found in provinces.items() if each == code and task != "ALL"
            for row in found]  # fmt: skip
    rows.sort(key=lambda row: (data.order[row["province_code"]], row["task_code"]))
    groups = []
    for province, found in groupby(rows, key=lambda row: row["province_code"]):
        listed = [
            _Place(
                "",
                data.task(row["task_code"]),
                (*_cell_texts(row, heads), verdicts[province, row["task_code"], code]),
                f"../{row['task_code']}/{code}.html#{province}",
            )
            for row in found
        ]
        groups.append({"name": data.region(province), "rows": listed})
    return groups


# -- reporting ------------------------------------------------------------------------------


def _reporting_pages(data: _YearData) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of each reporting page to be made."""
    heads = _shown_heads(_TASK_HEADS, "agg_national_task", "agg_province_task")
    target_heads = _shown_heads(_TARGET_HEADS, "agg_national_target")
    units: dict[str, list[dict[str, Any]]] = {}
    for unit in data.units:
        units.setdefault(unit["task_code"], []).append(unit)
    provinces: dict[str, list[MartRow]] = {}
    for row in data.marts["agg_province_task"]:
        provinces.setdefault(row["task_code"], []).append(row)
    targets: dict[str, list[MartRow]] = {}
    for row in data.marts["agg_national_target"]:
        targets.setdefault(row["task_code"], []).append(row)
    for nation in sorted(data.marts["agg_national_task"], key=lambda row: row["task_code"]):
        task = nation["task_code"]
        if (task, "reporting") not in data.wanted:
            continue
        own = units.get(task, [])
        of_province = {
            province: list(found)
            for province, found in groupby(own, key=lambda unit: unit["province_code"])
        }
        rows = sorted(provinces[task], key=lambda row: data.order[row["province_code"]])
        sent = {
            row["province_code"]: document
            for row in rows
            for document in data.documents.get(f"{task}-{row['province_code']}", ())
        }
        page_documents = _PageDocuments()
        computed = unit_columns(own)
        computed["provincial_summaries"] = Computed(len(sent), "")
        verdict = _verdict(nation, computed, (*_TASK_HEADS, "provincial_summaries"))
        summaries = exact(nation["provincial_summaries"])
        places = [_Place(NATION, "全国", (*_cell_texts(nation, heads), summaries, verdict))]
        for row in rows:
            province = row["province_code"]
            computed = unit_columns(of_province.get(province, []))
            computed["has_provincial_summary"] = Computed(province in sent, "")
            verdict = _verdict(row, computed, (*_TASK_HEADS, "has_provincial_summary"))
            cells = (
                *_cell_texts(row, heads),
                _YES_NO[row["has_provincial_summary"]],
                verdict,
            )
            href = f"{province}.html" if province in of_province else ""
            places.append(_Place(province, data.region(province), cells, href))
        yield (
            _page_path(task, "reporting"),
            {
                "title": f"{data.year}年度数据溯源：{data.task(task)}·报送情况",
                "links": _links(task, above="../../")[:2],
                "columns": (*heads.values(), "省级总结", "复算"),
                "places": places,
                "target_columns": (*target_heads.values(), "复算"),
                "targets": [
                    _target_row(row, own, target_heads)
                    for row in _in_level_order(targets.get(task, ()))
                ],
                "summaries": [
                    (data.region(p), page_documents.add(document)) for p, document in sent.items()
                ],
                "objects": page_documents.objects.values(),
            },
        )  # fmt: skip


def _in_level_order(rows: Iterable[MartRow]) -> list[MartRow]:
    order = list(level_names())
    return sorted(rows, key=lambda row: (order.index(row["level"]), row["category"] or ""))


def _target_row(row: MartRow, units: Sequence[MartRow], columns: Iterable[str]) -> _Place:
    """Return the table row of a national target, recomputed from the units."""
    kind = row["category"]
    achieved = sum(
        unit["level"] == row["level"] and kind in (None, unit["category"]) for unit in units
    )
    verdict = _verdict(row, {"achieved_count": Computed(achieved, "")}, ("achieved_count",))
    name = level_names()[row["level"]] + (
        f"·{category_name(row['task_code'], kind)}" if kind else ""
    )
    anchor = target_anchor(row["level"], kind or "-")
    return _Place(anchor, name, (*_cell_texts(row, columns), verdict))


def _unit_row(
    data: _YearData, unit: MartRow, page_documents: _PageDocuments, positions: Sequence[int]
) -> dict[str, Any]:
    """Return a unit as its page shows it: the fields at these positions, and its documents."""
    reported = "按时" if unit["is_on_time"] else "逾期" if unit["has_reported"] else "未报送"
    grade = code_names("assessment_grade").get(
        unit["assessment_grade"] or "", unit["assessment_grade"] or ""
    )
    score = "" if unit["assessment_score"] is None else plain(unit["assessment_score"])
    kind = unit["category"]
    cells = (
        clean(unit["unit_name"], UNIT_NAME),
        level_names()[unit["level"]]
        + (f"·{category_name(unit['task_code'], kind)}" if kind else ""),
        reported,
        "有" if unit["has_report_file"] else "无",
        " ".join(part for part in (grade, score) if part) or "—",
        f"{unit['targets_met']}/{unit['targets_set']}",
        f"{unit['indicators_excluded']}/{unit['indicators_reported']}",
    )
    return {
        "anchor": unit_anchor(unit["unit_code"]),
        "code": unit["unit_code"],
        "cells": kept(cells, positions),
        "documents": [
            page_documents.add(each) for each in data.documents.get(unit["unit_code"], ())
        ],
    }


def _unit_pages(data: _YearData) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of each page to be made of a task's units in a province."""
    positions = shown_positions(source for _, source in _UNIT_FIELDS)
    for (task, province), found in groupby(
        data.units, key=lambda unit: (unit["task_code"], unit["province_code"])
    ):
        if (task, province) not in data.wanted:
            continue
        page_documents = _PageDocuments()
        units = [_unit_row(data, unit, page_documents, positions) for unit in found]
        place = f"{data.region(province)}·{data.task(task)}"
        yield (
            _page_path(task, province),
            {
                "title": f"{data.year}年度数据溯源：{place}·应报单位",
                "links": (
                    ("本省份通报", f"../../provinces/{province}/bulletin.html"),
                    *_links(task, above="../../")[1:],
                ),
                "caption": f"应报单位和所报文档（{len(units)}家）",
                "unit_columns": (
                    *kept([head for head, _ in _UNIT_FIELDS], positions),
                    "文档、提交时间、对象",
                ),
                "units": units,
                "objects": page_documents.objects.values(),
            },
        )  # fmt: skip


# -- scorecards -----------------------------------------------------------------------------


def _scorecard_page(con: duckdb.DuckDBPyConnection, data: _YearData) -> dict[str, Any]:
    """Return the content of the page about the scorecards."""
    nation = data.marts["national_scorecard"][0]
    rows = sorted(
        data.marts["province_scorecard"], key=lambda row: data.order[row["province_code"]]
    )
    every = [name for name in rows[0] if name not in {"year", "province_code"}]
    columns = [name for name in every if is_shown(f"province_scorecard.{name}")]
    measures = [name for name in every if name in RATES or name.startswith("units_")]
    of_province: dict[str, list[dict[str, Any]]] = {}
    for unit in data.units:
        of_province.setdefault(unit["province_code"], []).append(unit)
    again = [name for name in measures if name in nation]
    verdict = _verdict(nation, unit_columns(data.units), again)
    cells = [exact_text(name, nation[name]) if name in nation else "—" for name in columns]
    places = [_Place(NATION, "全国", (*cells, verdict))]
    for row in rows:
        computed = unit_columns(of_province.get(row["province_code"], []))
        verdict = _verdict(row, computed, [n for n in measures if not n.endswith("_rank")])
        name = data.region(row["province_code"])
        places.append(_Place(row["province_code"], name, (*_cell_texts(row, columns), verdict)))
    heads = _shown_heads(_TASK_HEADS, "agg_province_task")
    tasks: dict[str, list[_Place]] = {province: [] for province in data.order}
    for row in sorted(data.marts["agg_province_task"], key=lambda row: row["task_code"]):
        if row["units_expected"]:
            province, task = row["province_code"], row["task_code"]
            href = f"{task}/reporting.html#{province}"
            tasks[province].append(_Place("", data.task(task), _cell_texts(row, heads), href))
    received = evidence.received_by_kind(con, data.year)
    watched = Counter(unit["province_code"] for unit in data.units if unit["is_watched"])
    return {
        "title": f"{data.year}年度数据溯源：考核激励参考指标",
        "links": (("全国通报", "../national/bulletin.html"),),
        "columns": (*(column_label("province_scorecard", name) for name in columns), "复算"),
        "places": places,
        "task_columns": heads.values(),
        "tasks": [
            {"name": data.region(province), "rows": found}
            for province, found in tasks.items()
            if found
        ],
        "watched": [
            (f"../uses/watchlist/{province}.html", data.region(province), exact(watched[province]))
            for province in data.order
            if watched[province]
        ],
        "documents": [
            *((DOCUMENTS[kind], *map(exact, received.get(kind, (0, 0)))) for kind in DOCUMENTS),
            (
                "合计",
                exact(data.calendar["documents_received"]),
                exact(data.calendar["documents_late"]),
            ),
        ],
    }
