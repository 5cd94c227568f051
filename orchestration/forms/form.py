"""Makes the reporting form of a task as a workbook.

Each row of the form is an indicator; each unit is a block of rows. The headers are the Chinese
labels of ``table_columns.csv``, which intake reads the form by. A unit's code is needed only in the
first row of its block.

Belongs here: the form's sheets, columns, drop-downs, bounds and locks. Doesn't belong here: the
units and their figures (``units``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import SHANGHAI, ReportingPeriod, period_of
from orchestration.workbook import (
    FORM_AUTHOR,
    FORM_INSTRUCTIONS,
    FORM_MARK,
    FORM_SHEET,
    put_text,
    workbook_bytes,
)

__all__ = ["FormUnit", "make_form"]


@dataclass(frozen=True)
class FormUnit:
    """A unit whose block of the form is pre-filled.

    Attributes:
        previous: indicator code → counted value of the year before.
        targets: indicator code → this year's target of the unit's plan.
    """

    code: str
    name: str
    previous: dict[str, Decimal] = field(default_factory=dict)
    targets: dict[str, Decimal] = field(default_factory=dict)


#: Columns of the form → width in characters.
_COLUMNS = {
    "unit_code": 18,
    "unit_name": 24,
    "year": 7,
    "indicator_code": 10,
    "indicator_name": 34,
    "unit_of_measure": 9,
    "is_required": 6,
    "lower_bound": 10,
    "upper_bound": 12,
    "previous_value": 14,
    "target_value": 12,
    "value": 16,
    "definition": 44,
    "report_object_key": 30,
    "report_sha256": 20,
    "highlight": 30,
}
#: Columns that a unit fills in once, in the first row of its block.
_UNIT_COLUMNS = ("report_object_key", "report_sha256", "highlight")
_TITLE_ROW, _NOTE_ROW, _HEADER_ROW = 1, 2, 3

_THIN = Side(style="thin", color="BFBFBF")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_HEAD = PatternFill("solid", fgColor="E7E6E6")
_INPUT = PatternFill("solid", fgColor="FFF9DB")
_LOCKED, _OPEN = Protection(locked=True), Protection(locked=False)
_WRAP = Alignment(wrap_text=True, vertical="center")
#: Number formats. A percentage is shown as the number that was typed.
_NUMBER, _WHOLE, _TEXT = "0.######", "0", "@"


def make_form(task_code: str, year: int, units: Sequence[FormUnit] = ()) -> bytes:
    """Make the form of a task and year.

    Args:
        units: each gets a pre-filled block; without any, the form has one empty block.

    Returns:
        the bytes of the XLSX file.

    Raises:
        UsageError: no such task, or no such year in the calendar.
    """
    catalogue = load_catalogue()
    if task_code not in catalogue.tasks:
        raise UsageError(f"there is no task {task_code} ({', '.join(catalogue.tasks)})")
    period = period_of(year)
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "填报"
    _write_form_sheet(sheet, task_code, year, units)
    _write_instructions(workbook.create_sheet(FORM_INSTRUCTIONS), task_code, period)
    mark = workbook.create_sheet(FORM_SHEET)
    mark.sheet_state = "hidden"
    mark.append([FORM_MARK, task_code, year])
    return workbook_bytes(workbook)


def _column_labels() -> dict[str, str]:
    return {
        column.column_name: column.label_zh
        for column in load_catalogue().table_columns
        if column.belongs_to("performance")
    }


def _indicators(task_code: str) -> list[Indicator]:
    return [
        indicator
        for indicator in load_catalogue().indicators.values()
        if indicator.task_code in (None, task_code)
    ]


def _write_form_sheet(
    sheet: Worksheet, task_code: str, year: int, units: Sequence[FormUnit]
) -> None:
    task, labels = load_catalogue().tasks[task_code], _column_labels()
    last = get_column_letter(len(_COLUMNS))
    put_text(sheet.cell(_TITLE_ROW, 1), f"{task.code} {task.name} {year}年度绩效数据填报表")
    sheet.cell(_TITLE_ROW, 1).font = Font(size=16, bold=True)
    sheet.merge_cells(f"A{_TITLE_ROW}:{last}{_TITLE_ROW}")
    put_text(
        sheet.cell(_NOTE_ROW, 1),
        "只填黄色单元格，只填数字，不带单位、百分号和文字；没有数据的留空，不要填0。"
        "填完可先用“tongbao check 文件名”自查。详见“填报说明”。",
    )
    sheet.merge_cells(f"A{_NOTE_ROW}:{last}{_NOTE_ROW}")
    for position, (name, width) in enumerate(_COLUMNS.items(), start=1):
        cell = sheet.cell(_HEADER_ROW, position)
        put_text(cell, labels[name])
        cell.font, cell.fill, cell.border = Font(bold=True), _HEAD, _BORDER
        cell.alignment = Alignment(wrap_text=True, horizontal="center", vertical="center")
        sheet.column_dimensions[get_column_letter(position)].width = width
    row = _HEADER_ROW + 1
    validations = _Validations(sheet)
    blocks: Sequence[FormUnit | None] = units or [None]
    for unit in blocks:
        row = _write_unit_block(sheet, row, task_code, year, unit, validations)
    validations.attach()
    first_scrolling = get_column_letter(list(_COLUMNS).index("unit_of_measure") + 1)
    sheet.freeze_panes = f"{first_scrolling}{_HEADER_ROW + 1}"
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    sheet.protection.formatRows = False
    sheet.protection.autoFilter = False
    sheet.auto_filter.ref = f"A{_HEADER_ROW}:{last}{row - 1}"
    sheet.print_title_rows = f"{_HEADER_ROW}:{_HEADER_ROW}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4 (ECMA-376 part 1, 18.3.1.63)
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


class _Validations:
    """Collects the sheet's data validations: cells with equal bounds share one rule."""

    def __init__(self, sheet: Worksheet) -> None:
        self.sheet = sheet
        self._rules: dict[tuple[str, str, str], DataValidation] = {}

    def add(self, cell: Any, indicator: Indicator) -> None:
        """Add the rule of an indicator to a cell. Code lists get none: intake checks them."""
        if indicator.value_type == "code_list":
            return
        if indicator.value_type == "yesno":
            key = ("list", "是,否", "")
        else:
            kind = "whole" if indicator.is_whole else "decimal"
            key = (kind, _number_text(indicator.hard_min), _number_text(indicator.hard_max))
        rule = self._rules.get(key)
        if rule is None:
            rule = self._rules[key] = self._rule(*key)
        rule.add(cell)

    def _rule(self, kind: str, low: str, high: str) -> DataValidation:
        if kind == "list":
            return DataValidation(
                type="list",
                formula1=f'"{low}"',
                allow_blank=True,
                showErrorMessage=True,
                errorTitle="请从列表中选择",
                error="请填“是”或“否”",
            )
        is_whole = kind == "whole"
        what = "整数" if is_whole else "数字"
        # The default bounds are what the warehouse can hold.
        return DataValidation(
            type="whole" if is_whole else "decimal",
            operator="between",
            formula1=low or "-1000000000000",
            formula2=high or "1000000000000",
            allow_blank=True,
            showErrorMessage=True,
            errorTitle="请核对",
            error=f"请填{low or '—'}至{high or '—'}之间的{what}，不带单位和百分号",
        )

    def attach(self) -> None:
        """Add the collected rules to the sheet, in the order in which they were created."""
        for rule in self._rules.values():
            self.sheet.add_data_validation(rule)


def _number_text(number: Decimal | None) -> str:
    return "" if number is None else f"{number.normalize():f}"


def _write_unit_block(
    sheet: Worksheet,
    row: int,
    task_code: str,
    year: int,
    unit: FormUnit | None,
    validations: _Validations,
) -> int:
    """Write a unit's rows from ``row`` on; return the number of the row after them."""
    positions = {name: at for at, name in enumerate(_COLUMNS, start=1)}
    for index, indicator in enumerate(_indicators(task_code)):
        texts: dict[str, str | None] = {
            "unit_code": unit.code if unit else None,
            "unit_name": unit.name if unit else None,
            "indicator_code": indicator.code,
            "indicator_name": indicator.name_zh,
            "unit_of_measure": indicator.unit,
            "is_required": "是" if indicator.is_required and indicator.is_submitted else "",
            "definition": _entry_instruction(indicator),
        }
        numbers: dict[str, Decimal | int | None] = {
            "year": year,
            "lower_bound": indicator.hard_min if indicator.is_submitted else None,
            "upper_bound": indicator.hard_max if indicator.is_submitted else None,
            "previous_value": unit.previous.get(indicator.code) if unit else None,
            "target_value": unit.targets.get(indicator.code) if unit else None,
        }
        for name, at in positions.items():
            cell = sheet.cell(row, at)
            cell.border, cell.protection, cell.alignment = _BORDER, _LOCKED, _WRAP
            if name in texts:
                put_text(cell, texts[name])
            elif name in numbers:
                cell.value = numbers[name]
                cell.number_format = _WHOLE if name == "year" else _NUMBER
        entered = [positions["value"]] if indicator.is_submitted else []
        if index == 0:
            entered += [positions[name] for name in _UNIT_COLUMNS]
            entered += [positions["unit_code"]] if unit is None else []
        for at in entered:
            cell = sheet.cell(row, at)
            cell.fill, cell.protection = _INPUT, _OPEN
            if at != positions["value"] or indicator.value_type == "code_list":
                cell.number_format = _TEXT
            elif indicator.value_type != "yesno":
                cell.number_format = _WHOLE if indicator.is_whole else _NUMBER
        if indicator.is_submitted:
            validations.add(sheet.cell(row, positions["value"]), indicator)
        if index == 0 and unit is None:
            sheet.cell(row, positions["unit_code"]).comment = Comment(
                f"填本单位代码，如{task_code}-440000-0007；只在本行填一次", FORM_AUTHOR
            )
        row += 1
    return row


_ENTRY_HINTS = {
    "count": "填整数",
    "person_times": "填整数（人次）",
    "person_days": "填整数（人日）",
    "year": "填年份",
    "amount": "填数字，可有小数",
    "percent": "填0至100的数，如85.5，不带百分号",
    "yesno": "选“是”或“否”",
}


def _entry_instruction(indicator: Indicator) -> str:
    """Return the Chinese instruction on how to fill in an indicator."""
    if not indicator.is_submitted:
        names = load_catalogue().indicators
        parts = [names[c].name_zh for c in (indicator.numerator, indicator.denominator) if c]
        return f"由系统计算，无需填报：{'÷'.join(parts)}"
    period_hint = {"stock": "年末数", "flow": "全年累计数"}.get(indicator.stock_flow, "")
    if indicator.value_type == "code_list":
        province = load_catalogue().code_systems.get(indicator.code) == "province"
        how = "填省份6位代码" if province else "填国家（地区）ISO 3166-1三位字母代码"
        how += "，用分号隔开，如" + ("110000;440000" if province else "LAO;KHM")
    else:
        how = _ENTRY_HINTS.get(indicator.value_type, "填数字")
    if indicator.value_type == "amount":
        how += f"，单位为{indicator.unit}，不是元"
    return "；".join(part for part in (period_hint, how) if part)


def _write_instructions(sheet: Worksheet, task_code: str, period: ReportingPeriod) -> None:
    cutoff = period.cutoff_at.astimezone(SHANGHAI)
    day = f"{cutoff.year}年{cutoff.month}月{cutoff.day}日{cutoff:%H:%M}"
    lines = [
        "填报说明",
        f"一、截止时间：{day}（北京时间）前上传有效，以平台收到的时间为准；截止前可多次上传，"
        "以最后一次为准。",
        "二、只填黄色单元格。灰色表头和白色单元格已锁定，供参考；请不要增删列、改表头。",
        f"三、单位代码形如{task_code}-440000-0007。空白表只需在本单位第一行填一次；按省生成的表已填好，"
        "每个单位一段。",
        "四、没有数据的指标请留空。留空是“未填报”，0是“数值为零”，两者含义不同。",
        "五、只填数字。“约300”“12万”“85%”都无法识别，会作为错误退回；"
        f"金额一律以{load_catalogue().money_unit}为单位。",
        "六、带“由系统计算”的指标无需填报，根据分子、分母自动得出。",
        "七、年度工作报告上传到附件区后，在“工作报告路径”填写路径"
        f"（attachments/year={period.year}/province=省份代码/单位代码/文件名）；sha256可不填，"
        "填了就必须与文件一致。",
        "八、“典型经验”不超过500字，可不填。",
        "九、上传前可在本机运行“tongbao check 文件名”，得到与上传后相同的检查结果，无需联网。",
        "十、上传后，回执逐条说明问题所在的单元格和更正办法；更正后重新上传整张表即可。"
        "提示（非错误）可由单位提交情况说明。",
    ]
    sheet.column_dimensions["A"].width = 100
    for number, text in enumerate(lines, start=1):
        cell = sheet.cell(number, 1)
        put_text(cell, text)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.cell(1, 1).font = Font(size=16, bold=True)
    sheet.protection.sheet = True
