"""Sentences of the national bulletin from facts: the rows of ``texts/`` filled with figures.

A text contains placeholders in square brackets:

- ``[T01_05]``: the task's total of an indicator; ``[T01_05:share]``: the units that say yes, as a
  share of those that count; ``[T01_05:growth]``: growth over the units of both years, or nothing
  where growth may not be said;
- ``[units_expected]``: a column of ``agg_national_task``;
- ``[achieved_count:national]``, ``[progress_rate:national:standard]``: a column of
  ``agg_national_target`` by level and category; ``[pace:national]``: that the progress keeps up
  with the time elapsed, or nothing;
- ``[kinds]``, ``[units_of_kind:school]``, ``[units_with_status:warned]``: numbers of units.

A group in braces, ``{，其中校外[T07_07]人次}``, is left out where one of its figures is missing or
0. With ``{…|…}`` the second text is said where it is 0, and ``[none]`` in it stands for that
figure as ``尚无``. Outside groups such a figure leaves out the whole text. A share of few units is
missing.

Belongs here: reading ``texts/`` and filling its placeholders. Doesn't belong here: which texts a
section prints (``sections``) and how a number is written (``figures``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Literal

from orchestration.bulletin.content import Claim, Run
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import growth_runs
from orchestration.core.seeds import Name, Number, SeedReader, TaskCode, Text, Whole
from orchestration.core.seeds import Row as SeedRow
from orchestration.figures.claims import counts, texts
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import NOT_YET, whole_percent

__all__ = [
    "CLAIMS",
    "Problem",
    "Requirement",
    "Statement",
    "Texts",
    "load_texts",
    "runs_of",
    "statements",
]

_PLACEHOLDER = re.compile(r"\[([^\]]+)\]")
#: A group, and what is said instead of it where one of its figures is 0.
_GROUP = re.compile(r"\{([^{}|]*)\|?([^{}|]*)\}")
_INDICATOR = re.compile(r"[A-Z][A-Z0-9]*_[0-9]+")


#: The text for a task that ``statements.csv`` has no row of.
_OF_ANY_TASK = "应报送绩效的建设单位[units_expected]家{，报送率[reporting_rate]}"


#: Scopes are ``task/indicator``, ``task/level/category``, ``task``, ``task/kind``, ``task/status``.
CLAIMS = {
    # The units that say yes in whole per cents; a part is neither 0 % nor 100 %.
    "share_of_counted": texts(
        "with n as (select task_code || '/' || indicator_code as part, "
        "cast(value as hugeint) as yes, cast(units_counted as hugeint) as units "
        "from lake.marts.agg_national_indicator "
        "where year = $year and value >= 0 and value <= units_counted and units_counted > 0), "
        "p as (select *, (200 * yes + units) // (2 * units) as ones, "
        "(2000 * yes + units) // (2 * units) as tenths, "
        "(20000 * yes + units) // (2 * units) as hundredths from n) "
        "select part, case when yes in (0, units) or ones not in (0, 100) then format('{}%', ones) "
        "when tenths not in (0, 1000) then format('{}.{}%', tenths // 10, tenths % 10) "
        "else format('{}.{:02}%', hundredths // 100, hundredths % 100) end from p"
    ),
    "pace": texts(
        "select concat_ws('/', task_code, level, coalesce(category, '-')), '不低于序时进度' "
        "from lake.marts.agg_national_target "
        "where year = $year and progress_rate >= time_elapsed_rate"
    ),
    "kinds": counts(
        "select task_code, count(distinct category) from lake.marts.fct_unit_year "
        "where year = $year group by 1"
    ),
    "units_of_kind": counts(
        "select task_code || '/' || category, count(*) from lake.marts.fct_unit_year "
        "where year = $year and category is not null group by 1"
    ),
    "units_with_status": counts(
        "select task_code || '/' || status, count(*) from lake.marts.dim_unit "
        "where year = $year group by 1"
    ),
}


class Statement(SeedRow):
    """A part of a task's paragraph, on what the notice asks of the task."""

    seed = "statements"
    keys = (("task_code", "display_order"),)

    task_code: TaskCode
    display_order: Whole
    text_zh: Text
    source: Text


class Problem(SeedRow):
    """A measure of the scorecard by whose threshold provinces are named."""

    seed = "problems"
    keys = (("problem",), ("display_order",))

    problem: Name
    display_order: Whole
    title_zh: Text
    measure: Name
    comparison: Literal["above", "below"]
    threshold: Number
    reason_zh: Text
    reason_en: Text


class Requirement(SeedRow):
    """What is asked of provinces and units, if the bulletin finds the problem.

    ``{deadline}``, ``{next_year}`` and ``{next_cutoff}`` stand for the calendar's dates, ``{you}``
    for the address of a province.
    """

    seed = "requirements"
    keys = (("requirement",), ("display_order",))

    requirement: Name
    display_order: Whole
    problem: Name | None = None
    text_zh: Text
    province_zh: Text

    def fill(self, dates: Mapping[str, str], you: str | None) -> str | None:
        """Return the text, or None if the calendar lacks one of its dates.

        Args:
            dates: name → date as printed.
            you: how the province is addressed (``你省``); None for the text to the nation.
        """
        text = self.text_zh if you is None else self.province_zh
        names = {name for _, name, _, _ in Formatter().parse(text) if name}
        known = {**dates, "you": you or ""}
        return text.format(**known) if names <= known.keys() else None


@dataclass(frozen=True)
class Texts:
    """The rows of ``texts/``, in display order."""

    statements: Mapping[str, tuple[Statement, ...]]
    problems: tuple[Problem, ...]
    requirements: tuple[Requirement, ...]


@cache
def load_texts() -> Texts:
    """Return the texts, read and checked once in each process.

    Raises:
        UsageError: a file is missing or invalid; the message names file, line and column.
    """
    reader = SeedReader(Path(__file__).with_name("texts"), {})
    rows = sorted(reader.rows(Statement), key=lambda row: row.display_order)
    problems = sorted(reader.rows(Problem), key=lambda row: row.display_order)
    requirements = sorted(reader.rows(Requirement), key=lambda row: row.display_order)
    reader.raise_faults()
    return Texts(
        {
            task: tuple(row for row in rows if row.task_code == task)
            for task in {row.task_code for row in rows}
        },
        tuple(problems),
        tuple(requirements),
    )


def statements(marts: Marts, task_code: str) -> list[Run]:
    """Return the paragraph on a task's results; empty if nothing can be said."""
    found: list[Run] = []
    rows = load_texts().statements.get(task_code, ())
    for text in [row.text_zh for row in rows] or [_OF_ANY_TASK]:
        filled = runs_of(marts, task_code, text)
        if filled is not None:
            found += ["；" if found else "", *filled]
    return [*found, "。"] if found else []


@dataclass(frozen=True)
class _Zero:
    """A figure that is 0: what a text says of it is left out."""

    said: Run


def runs_of(marts: Marts, task_code: str, text: str) -> list[Run] | None:
    """Fill a text's groups and placeholders; None if nothing can be said."""
    found: list[Run] = []
    # The parts are a text, a group, what is said instead of it, a text, …
    parts = _GROUP.split(text)
    for index in range(0, len(parts), 3):
        outside = _fill(marts, task_code, parts[index])
        if not isinstance(outside, list):
            return None
        found += outside
        if index + 1 < len(parts):
            found += _of_group(marts, task_code, *parts[index + 1 : index + 3])
    return _joined(found) or None


def _of_group(marts: Marts, task_code: str, text: str, otherwise: str) -> list[Run]:
    """Return the runs of a group; those of the other text if one of its figures is 0."""
    filled = _fill(marts, task_code, text)
    if isinstance(filled, _Zero) and otherwise:
        filled = _fill(marts, task_code, otherwise, none=filled.said)
    return filled if isinstance(filled, list) else []


def _fill(
    marts: Marts, task_code: str, text: str, none: Run | None = None
) -> list[Run] | _Zero | None:
    """Fill a text's placeholders; None if a figure is missing, a ``_Zero`` if one is 0.

    Args:
        none: what ``[none]`` stands for.
    """
    found: list[Run] = []
    # The parts are a text, a placeholder, a text, …
    for index, part in enumerate(_PLACEHOLDER.split(text)):
        if index % 2 == 0:
            found += [part] if part else []
        elif part == "none" and none is not None:
            found.append(none)
        else:
            filled = _filled(marts, task_code, part)
            if not isinstance(filled, list):
                return filled
            found += filled
    return found


def _joined(runs: Sequence[Run]) -> list[Run]:
    """Join neighbouring texts; what is left of the first groups begins without its comma."""
    found: list[Run] = []
    for run in runs:
        if isinstance(run, str):
            if found and isinstance(found[-1], str):
                found[-1] += run
            elif text := run if found else run.lstrip("，；"):
                found.append(text)
        else:
            found.append(run)
    return found


def _filled(marts: Marts, task_code: str, placeholder: str) -> list[Run] | _Zero | None:
    """Return the runs that a placeholder stands for; None if there is no such figure.

    Raises:
        KeyError: the placeholder names no column, indicator or target.
    """
    name, *scope = placeholder.split(":")
    if _INDICATOR.fullmatch(name):
        row = marts.find("agg_national_indicator", task_code, name)
        return None if row is None else _of_indicator(marts, row, *scope)
    if name in ("kinds", "units_of_kind", "units_with_status"):
        number = _number_of_units(marts, task_code, name, *scope)
        claim = "/".join((name, task_code, *scope))
        return [Claim(claim, f"{number:,}")] if number else _Zero(Claim(claim, NOT_YET))
    if not scope:
        return _of_column(marts.row("agg_national_task", task_code), name)
    level, category = scope[0], scope[1] if len(scope) > 1 else "-"
    row = marts.find("agg_national_target", task_code, level, category)
    if row is None:
        return None
    if name == "target_year":
        return [str(row["target_year"])]
    return _pace(row) if name == "pace" else _of_column(row, name)


def _of_column(row: Row, column: str) -> list[Run] | _Zero | None:
    """Return a column of a row."""
    if row[column] is None:
        return None
    return [row.in_prose(column)] if row[column] else _Zero(row.figure_with_text(column, NOT_YET))


def _of_indicator(marts: Marts, row: Row, what: str = "value") -> list[Run] | _Zero | None:
    """Return an indicator's total, its share of units or its growth.

    One unit more or less moves a share of few units by tens of per cents: it isn't said.
    """
    task_code, code = row["task_code"], row["indicator_code"]
    if what == "growth":
        return list(growth_runs(row, marts.catalogue.indicators[code]))
    if row["value"] is None:
        return None
    if what == "share":
        if row["units_counted"] < project_var("scorecard_least_units"):
            return None
        part = row["value"] / row["units_counted"]
        claim = Claim(f"share_of_counted/{task_code}/{code}", whole_percent(part))
        return [claim] if part else _Zero(claim)
    return _of_column(row, "value")


def _pace(row: Row) -> list[Run]:
    """Return that the progress to a target keeps up with the time; nothing where it doesn't.

    Targets that are behind are named among the problems.
    """
    if row["progress_rate"] < row["time_elapsed_rate"]:
        return []
    claim = Claim("/".join(("pace", *row.key[1:])), "不低于序时进度")
    return ["，", claim, "（", row.in_prose("time_elapsed_rate"), "）"]


def _number_of_units(marts: Marts, task_code: str, name: str, value: str = "") -> int:
    """Return the number of a task's kinds, or of its units of a kind or with a status."""
    units = [unit for unit in marts.units if unit["task_code"] == task_code]
    if name == "units_with_status":
        return sum(unit["status"] == value for unit in units)
    kinds = Counter(unit["category"] for unit in units if unit["category"] is not None)
    return len(kinds) if name == "kinds" else kinds[value]
