"""Assembles the bulletins of an edition: the nation, the tasks, the provinces, and corrections.

Belongs here: titles, issuing organ, recipients, the numbering of sections and captions. Doesn't
belong here: the content of a section (``sections``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import count
from typing import Any

from orchestration.bulletin.content import (
    Bars,
    Block,
    Document,
    Heading,
    Section,
    Table,
    TileMap,
    paragraph,
    runs,
)
from orchestration.bulletin.editorials import (
    EditorialFault,
    editorial_paragraphs,
    numbers_in_print,
)
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Kind, Place, sections_of
from orchestration.bulletin.wording import ORGAN, address, chinese_date, chinese_number, moment
from orchestration.figures.wording import clean

__all__ = [
    "correction_document",
    "documents",
    "editorial_faults",
    "editorial_notes",
    "numbered",
    "places",
    "title_lines",
]

_REFORM = "现代职业教育体系建设改革"
_TASKS = "重点任务"
_CLOSING = "特此通报。"
#: Maximum of characters of 2号 in a line of 156 mm. Digits are narrower.
_TITLE_LINE = 20
#: The recipients' line of 教职成厅函〔2023〕15号: provinces and the Corps.
_RECIPIENTS = "各省、自治区、直辖市教育厅（教委），新疆生产建设兵团教育局"


def places(marts: Marts) -> list[Place]:
    """Return what the bulletins are about: the nation, the tasks, the provinces."""
    return [
        Place("national", "", "全国"),
        *(Place("task", task.code, task.name) for task in marts.tasks),
        *(Place("province", region.code, region.name) for region in marts.regions),
    ]


def documents(marts: Marts) -> Iterator[Document]:
    """Yield the bulletins of an edition."""
    for place in places(marts):
        yield _bulletin(marts, place)


def numbered(blocks: list[Block]) -> tuple[Block, ...]:
    """Number the level 2 headings of a section: （一）, （二）…"""
    number = 0
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            number += 1
            block = replace(block, runs=(f"（{chinese_number(number)}）", *block.runs))
        found.append(block)
    return tuple(found)


def _numbered_captions(*parts: tuple[Section, ...]) -> list[tuple[Section, ...]]:
    """Number the captions of a document: 表1, 表2…; 图1, 图2…"""
    tables, charts = count(1), count(1)

    def with_number(block: Block) -> Block:
        if isinstance(block, Table) and block.caption:
            return replace(block, caption=f"表{next(tables)}　{block.caption}")
        if isinstance(block, TileMap | Bars):
            return replace(block, caption=f"图{next(charts)}　{block.caption}")
        return block

    return [
        tuple(replace(each, blocks=tuple(map(with_number, each.blocks))) for each in part)
        for part in parts
    ]


def _sections(
    marts: Marts,
    place: Place,
    texts: Mapping[str, Sequence[Block]],
    *,
    attachments: bool = False,
) -> tuple[Section, ...]:
    """Return the numbered sections (or the attachments) of a bulletin; empty ones are left out.

    Args:
        texts: title of a section → the editorial paragraphs that it begins with.
    """
    found: list[Section] = []
    for module in sections_of(place.kind, attachments=attachments):
        blocks = [*texts.get(module.TITLE, ()), *module.blocks(marts, place)]
        if blocks:
            number = len(found) + 1
            title = module.TITLE if attachments else f"{chinese_number(number)}、{module.TITLE}"
            found.append(Section(title, numbered(blocks)))
    return tuple(found)


def _parts(
    marts: Marts, place: Place, texts: Mapping[str, Sequence[Block]]
) -> list[tuple[Section, ...]]:
    """Return the sections and the attachments of a bulletin."""
    return [_sections(marts, place, texts, attachments=each) for each in (False, True)]


def _editorial_texts(
    marts: Marts, place: Place
) -> list[tuple[dict[str, Any], Sequence[Block] | EditorialFault]]:
    """Return each editorial text of a bulletin with its paragraphs, or with what is wrong."""
    own = [row for row in marts.editorials if row["bulletin"] == (place.code or "national")]
    if not own:
        return []
    parts = _parts(marts, place, {})
    numbers = numbers_in_print(
        run for part in parts for each in part for block in each.blocks for run in runs(block)
    )
    titles = [
        module.TITLE
        for attachments in (False, True)
        for module in sections_of(place.kind, attachments=attachments)
    ]
    found: list[tuple[dict[str, Any], Sequence[Block] | EditorialFault]] = []
    for row in own:
        try:
            if row["section"] not in titles:
                raise EditorialFault("E123", row["section"], "、".join(titles))
            found.append((row, editorial_paragraphs(row["text"], marts, numbers)))
        except EditorialFault as fault:
            found.append((row, fault))
    return found


def editorial_faults(marts: Marts) -> list[tuple[dict[str, Any], EditorialFault]]:
    """Return the editorial texts that can't be set, each with what is wrong."""
    return [
        (row, result)
        for place in places(marts)
        for row, result in _editorial_texts(marts, place)
        if isinstance(result, EditorialFault)
    ]


def editorial_notes(marts: Marts) -> list[dict[str, str]]:
    """Return who sent each editorial text that is set, and when: the manifest's entries."""
    return [
        {
            "bulletin": row["bulletin"],
            "section": row["section"],
            "document_id": row["document_id"],
            "office": row["province_code"],
            "submitted_at": row["submitted_at"].replace(tzinfo=UTC).isoformat(),
        }
        for place in places(marts)
        for row, result in _editorial_texts(marts, place)
        if not isinstance(result, EditorialFault)
    ]


def title_lines(year: int, place: Place) -> tuple[str, ...]:
    """Return the lines of a bulletin's title, without the issuing organ."""
    if place.kind == "national":
        return f"关于{year}年度{_REFORM}", f"{_TASKS}进展情况的通报"
    if place.kind == "task":
        begin, end = f"关于{year}年度", f"{_TASKS}进展情况的通报"
        if len(begin + place.name) <= _TITLE_LINE:
            return begin + place.name, end
        return begin, place.name, end
    return f"关于{place.name}{year}年度", f"{_REFORM}{_TASKS}", "进展情况的通报"


def _subject(place: Place) -> str:
    """Return what the opening says the bulletin is about."""
    if place.kind == "task":
        return place.name
    return address(place.name) if place.kind == "province" else ""


def _bulletin(marts: Marts, place: Place) -> Document:
    year = marts.year
    lines = title_lines(year, place)
    texts = {
        row["section"]: result
        for row, result in _editorial_texts(marts, place)
        if not isinstance(result, EditorialFault)
    }
    sections, attachments = _numbered_captions(*_parts(marts, place, texts))
    recipients = _RECIPIENTS
    if place.kind == "province":
        recipients = f"{place.name}{marts.catalogue.regions[place.code].education_organ}"
    return Document(
        path={
            "national": "national/bulletin",
            "task": f"tasks/{place.code}/bulletin",
            "province": f"provinces/{place.code}/bulletin",
        }[place.kind],
        year=year,
        title_lines=(ORGAN, *lines),
        short_title="".join(lines),
        organ=ORGAN,
        number=f"教职成司函〔{year}〕　　号",
        recipients=recipients,
        signed_by=ORGAN,
        dated=chinese_date(marts.period.publication_date),
        publication_date=marts.period.publication_date,
        opening=paragraph(
            "为贯彻落实《教育部办公厅关于加快推进现代职业教育体系建设改革重点任务的通知》"
            f"（教职成厅函〔2023〕20号），推动重点任务按期完成，按照每年通报工作进展的要求，现将"
            f"{_subject(place)}{year}年度{_TASKS}进展情况通报如下。"
            f"数据截止时间为{moment(marts.period.cutoff_at)}。"
        ),
        sections=sections,
        attachments=attachments,
        closing=_CLOSING,
        links=_links(marts, place.kind),
        is_synthetic=bool(marts.calendar["is_synthetic"]),
    )


def correction_document(
    marts: Marts,
    number: int,
    reason: str,
    *,
    path: str,
    sections: Sequence[tuple[str, list[Block]]],
) -> Document:
    """Make the notice of a correction (更正通报), or the page of all changes.

    Args:
        number: number of the corrected edition.
        reason: reason of the correction, in Chinese.
        path: path of the document; ``changes`` is the page of all changes.
        sections: (title, blocks) of each section.
    """
    year = marts.year
    up = "../" * path.count("/")
    is_letter = path != "changes"
    [numbered_sections] = _numbered_captions(
        tuple(
            Section(f"{chinese_number(n)}、{title}", numbered(blocks))
            for n, (title, blocks) in enumerate(sections, 1)
        )
    )
    lines = (f"关于更正{year}年度", _REFORM, f"{_TASKS}进展情况通报的通报")
    return Document(
        path=path,
        year=year,
        title_lines=(ORGAN, *lines),
        short_title="".join(lines),
        organ=ORGAN,
        number=f"教职成司函〔{year}〕　　号",
        recipients=_RECIPIENTS,
        signed_by=ORGAN,
        dated="　　　　年　　月　　日",
        publication_date=marts.period.publication_date,
        opening=paragraph(
            f"{year}年度通报第{number - 1}版经核对予以更正，现发布第{number}版，第{number - 1}版"
            f"同时停止使用。更正事由：{clean(reason, 500).rstrip('。')}。"
        ),
        sections=numbered_sections,
        closing=_CLOSING if is_letter else "",
        is_letter=is_letter,
        links=(
            ("更正后的全国通报", f"{up}national/bulletin.html"),
            ("更正通报", f"{up}national/correction.html"),
            ("更正对照表", f"{up}changes.html"),
            ("全部更正（CSV）", f"{up}changes.csv"),
            (f"第{number - 1}版", f"{up}../edition-{number - 1}/national/bulletin.html"),
        ),
        is_synthetic=bool(marts.calendar["is_synthetic"]),
    )


def _links(marts: Marts, kind: Kind) -> tuple[tuple[str, str], ...]:
    """Return (text, target) of the links on a bulletin's web page."""
    word_link = ("本通报Word版", "bulletin.docx")
    if kind != "national":
        others = (
            ("全国通报", "../../national/bulletin.html"),
            ("数据质量报告", "../../quality/index.html"),
        )
        if kind == "task":
            return others
        drafts = ((f"{t.name}总结草稿", f"summaries/{t.code}.docx") for t in marts.tasks)
        return (word_link, *others, *drafts)
    return (
        word_link,
        *((task.name, f"../tasks/{task.code}/bulletin.html") for task in marts.tasks),
        *((r.short_name, f"../provinces/{r.code}/bulletin.html") for r in marts.regions),
        *(
            (f"考核激励参考：{use.name}", f"../uses/{use.code}.html")
            for use in marts.catalogue.uses
        ),
        ("动态管理关注名单", "../uses/watchlist.html"),
        ("数据表（XLSX）", "tables.xlsx"),
        ("数据质量报告", "../quality/index.html"),
    )
