"""Section of provincial bulletins: the province's problems, and what is asked of it by when."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, Run, heading, paragraph
from orchestration.bulletin.contradictions import contradictions_by_kind
from orchestration.bulletin.grammar import Problem, load_texts
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import lacking_summaries
from orchestration.bulletin.problems import (
    beyond,
    beyond_last_year,
    limit_text,
    requirements,
    share_text,
)
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import address

IN = ("province",)
ORDER = 70
TITLE = "存在的主要问题和工作要求"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a paragraph about the problems, and one for each requirement."""
    if marts.find("province_scorecard", place.code) is None:
        return []
    you = address(place.name)
    found: list[Block] = [heading("存在的主要问题")]
    problems = [*_missing(marts, place), *_beyond(marts, place), *_contradictions(marts, place)]
    if not problems:
        problems = [[f"按照本通报采用的标准，未发现{you}存在突出问题。"]]
    found += [paragraph(*runs) for runs in problems]
    found.append(heading("工作要求"))
    asked = requirements(marts, place.code, you)
    return found + [paragraph(f"{n}.{text}") for n, text in enumerate(asked, 1)]


def _missing(marts: Marts, place: Place) -> list[list[Run]]:
    """Return the sentences about missing and late reports, and about missing summaries."""
    you = address(place.name)
    found: list[list[Run]] = []
    silent = sum(
        not unit["has_reported"] and unit["province_code"] == place.code for unit in marts.absent
    )
    if silent:
        number = Claim(f"units/silent/{place.code}", f"{silent:,}")
        found.append([f"{you}未报送年度绩效数据的建设单位有", number, "家。"])
    late = sum(
        unit["has_reported"] and unit["province_code"] == place.code for unit in marts.absent
    )
    if late:
        number = Claim(f"units/late/{place.code}", f"{late:,}")
        found.append([f"{you}逾期报送年度绩效数据的建设单位有", number, "家。"])
    tasks = lacking_summaries(marts, place.code)
    if tasks:
        listed = Claim(f"province_summaries_lacking/{place.code}", "、".join(tasks))
        found.append(["未按时上传省级总结的任务：", listed, "。"])
    return found


def _beyond(marts: Marts, place: Place) -> list[list[Run]]:
    """Return a sentence for each threshold that the province is beyond."""
    return [
        _sentence(marts, problem, row)
        for problem in load_texts().problems
        for row in beyond(marts, problem, place.code)
    ]


def _sentence(marts: Marts, problem: Problem, row: Row) -> list[Run]:
    measure = problem.measure
    again: list[Run] = []
    if beyond_last_year(marts, problem, [row]):
        again = ["，", Claim(f"again/{problem.problem}/{row['province_code']}", "上年度也在此列")]
    return [
        marts.catalogue.measures[measure].name,
        row.figure_with_text(measure, share_text(row[measure], problem)),
        "（全国",
        marts.nation.figure_with_text(measure, share_text(marts.nation[measure], problem)),
        f"），{'低于' if problem.comparison == 'below' else '高于'}{limit_text(problem)}",
        *again,
        "。",
    ]


def _contradictions(marts: Marts, place: Place) -> list[list[Run]]:
    """Return a sentence for each kind of contradiction; the units are listed under corrections."""
    you = address(place.name)
    found: list[list[Run]] = []
    for kind, rows in contradictions_by_kind(marts, place.code):
        title = rows[0]["title_zh"]
        if rows[0]["unit_code"] is None:
            evidence = Claim(f"{kind}/{place.code}", rows[0]["evidence"])
            found.append([f"{you}是{title}：", evidence, "。"])
        else:
            number = Claim(f"contradictions/{kind}/{place.code}", f"{len(rows):,}")
            found.append([f"{you}{title}有", number, "家，名单见“需核实整改的事项”。"])
    return found
