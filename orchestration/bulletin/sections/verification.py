"""Section on verifications (抽查核查): their results, and what units still have to put right.

In the national bulletin it is an attachment. A rectification stays on the list from bulletin to
bulletin until it is closed; the bulletin after that says so a last time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestration.bulletin.content import Block, Claim, Column, Paragraph, Run, Table
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import chinese_date
from orchestration.figures.claims import PLACES, counts
from orchestration.figures.numbers import MISSING, NONE, count
from orchestration.figures.wording import clean, code_names

IN = ("national", "province")
ATTACHED_TO = ("national",)
ORDER = 52
TITLE = "抽查核查和整改情况"

#: Maximum of characters printed of findings and of what is asked: four lines of their column.
_CUT = 60

#: Verifications and rectifications by kind and scope: the nation (``-``) or a province. The kinds
#: are ``new``, the results of new ones, the states of rectifications, and ``left``: not yet closed.
_COUNTED = (
    "with v as (select unnest(list_concat("
    "case when is_new then ['new', verification_result] else [] end, "
    "case rectification_state when 'none' then [] when 'closed' then ['closed'] "
    "when 'overdue' then ['left', 'overdue'] else ['left'] end)) as kind, province_code "
    "from lake.marts.fct_verification where year = $year), "
    "s as (select kind, unnest(['-', province_code]) as scope from v) "
    "select kind || '/' || scope as part, count(*) from s group by 1"
)
CLAIMS = {
    "verification": counts(
        _COUNTED,
        "select kind || '/' || scope from (select unnest("
        "['new', 'sound', 'minor', 'unsound', 'closed', 'left', 'overdue']) as kind), "
        f"({PLACES})",
    ),
}


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the numbers, then the list of rectifications; nothing if nothing was verified."""
    own = [row for row in marts.verifications if place.code in ("", row["province_code"])]
    if not own:
        return []
    asked = [row for row in own if row["rectification_state"] != "none"]
    found: list[Block] = [_numbers(own, place.code or "-")]
    if asked:
        found.append(_rectifications(marts, asked, is_national=place.kind == "national"))
    return found


def _numbers(rows: Iterable[Mapping[str, Any]], scope: str) -> Paragraph:
    """Return the sentences with the numbers of verifications and rectifications."""
    found: Counter[str] = Counter()
    for row in rows:
        state = row["rectification_state"]
        found.update(["new", row["verification_result"]] if row["is_new"] else [])
        found.update({"open": ["left"], "overdue": ["left", "overdue"]}.get(state, [state]))

    def number(kind: str) -> Claim:
        return Claim(f"verification/{kind}/{scope}", count(found[kind]))

    if found["new"]:
        runs: list[Run] = ["上次通报以来，对建设单位填报的数据抽查核查", number("new"), "家次"]
    else:
        none = Claim(f"verification/new/{scope}", NONE)
        runs = ["上次通报以来，", none, "对建设单位填报的数据新的抽查核查"]
    names = code_names("verification_result")
    results = [(kind, name) for kind, name in names.items() if found[kind]]
    for position, (kind, name) in enumerate(results):
        runs += ["，其中" if position == 0 else "、", name, number(kind), "家次"]
    runs.append("。")
    if found["left"] or found["closed"]:
        runs.append("要求整改的事项")
        if found["closed"]:
            runs += ["已完成", number("closed"), "项", "，" if found["left"] else ""]
        if found["left"]:
            runs += ["尚未完成", number("left"), "项"]
        if found["overdue"]:
            runs += ["，其中逾期", number("overdue"), "项"]
        runs.append("；" if found["left"] else "。")
        if found["left"]:
            runs.append("尚未完成的继续列入以后年度的通报，直至完成。")
    return Paragraph(tuple(runs))


def _rectifications(marts: Marts, rows: Sequence[Mapping[str, Any]], *, is_national: bool) -> Table:
    """Return the list of rectifications: the open ones, then those closed since."""
    order = {region.code: region.display_order for region in marts.regions}
    names = {region.code: region.short_name for region in marts.regions}
    in_order = sorted(
        rows,
        key=lambda row: (
            row["rectification_state"] == "closed",
            order[row["province_code"]],
            row["unit_code"],
            row["verified_year"],
            row["verified_by"],
        ),
    )
    columns = (
        *((Column("省份", 2, "left"),) if is_national else ()),
        Column("单位（代码）", 5, "left"),
        Column("核查情况", 5, "left"),
        Column("整改要求", 5, "left"),
        Column("期限", 3, "left"),
        Column("进展", 4, "left"),
    )
    return Table(
        "整改清单",
        columns,
        tuple(
            (
                *((names[row["province_code"]],) if is_national else ()),
                f"{row['unit_name']}（{row['unit_code']}）",
                clean(row["findings"], _CUT) or MISSING,
                clean(row["requirement"], _CUT),
                MISSING if row["due_on"] is None else chinese_date(row["due_on"]),
                _progress(row),
            )
            for row in in_order
        ),
    )


def _progress(row: Mapping[str, Any]) -> str:
    """Return how far a rectification has come, and since which year it is on the list."""
    if row["rectification_state"] == "closed":
        return f"{chinese_date(row['closed_on'])}完成"
    state = code_names("rectification_state")[row["rectification_state"]]
    return f"{state}（{row['verified_year']}年度数据，{chinese_date(row['verified_on'])}核查）"
