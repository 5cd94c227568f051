"""Bulletins of edge years: one unit a province, no year before, two units of five missing.

One home holds both years. The earlier one is the first year; of the later one a part of the
reports is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from orchestration import bulletin, lakehouse, stages
from orchestration.bulletin import content
from orchestration.bulletin.documents import documents
from orchestration.core.settings import Settings
from orchestration.demo import generate
from orchestration.publication.checking import check_documents
from tests.fixtures.homes import Shared
from tests.fixtures.progress import no_progress

pytestmark = pytest.mark.slow

YEAR = 2024
#: A number that is 0 before its measure word.
_ZERO = re.compile(r"(?<![\d.,:])0(项|家|个|所|门|种|人|份|单|册|条)")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Settings:
    """A home with the marts of both years."""
    settings = shared.settings(tmp_path_factory.mktemp("edge") / "home")
    with stages.open_workspace(settings) as ws:
        generate(
            ws.store,
            settings,
            year=YEAR,
            scale=0.001,
            seed=7,
            faults="default",
            progress=no_progress,
        )
        reports = sorted(
            entry.key for entry in ws.store.list("landing", f"performance/year={YEAR}/")
        )
        ws.store.delete("landing", [key for n, key in enumerate(reports) if n % 5 < 2])
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        stages.transform(ws, YEAR, run_id="r", progress=no_progress)
    return settings


@pytest.fixture(scope="module", params=[YEAR - 1, YEAR])
def made(request: pytest.FixtureRequest, home: Settings) -> tuple[int, list[bulletin.Document]]:
    """A year and its bulletins; every figure and claim of them agrees with the marts."""
    year = request.param
    with (
        stages.open_workspace(home) as ws,
        lakehouse.reader(ws.settings, ws.store) as con,
    ):
        marts = bulletin.read_marts(con, year, bulletin.GateNotes(0, {}))
        found = list(documents(marts))
        assert check_documents(con, year, found, {}, ()) > 1000
    return year, found


def _paragraphs(found: list[bulletin.Document]) -> Iterator[str]:
    for document in found:
        for block in content.blocks(document):
            if isinstance(block, content.Paragraph | content.Heading):
                yield "".join(r if isinstance(r, str) else r.text for r in content.runs(block))


def test_sentences_are_sound(made: tuple[int, list[bulletin.Document]]) -> None:
    _, found = made
    texts = list(_paragraphs(found))
    assert [text for text in texts if _ZERO.search(text) and "质量检查" not in text] == []
    assert [
        text for text in texts if re.search("，，|；；|。。|，。|；。|—", text.replace("“—”", ""))
    ] == []
    assert not any("居前的省份是" in text or "最低的是云南" in text for text in texts)


def test_no_table_is_empty_and_no_heading_stands_alone(
    made: tuple[int, list[bulletin.Document]],
) -> None:
    _, found = made
    for document in found:
        for section in (*document.sections, *document.attachments):
            blocks = section.blocks
            assert blocks, (document.path, section.title)
            assert not isinstance(blocks[-1], content.Heading), (document.path, section.title)
            for block, following in pairwise(blocks):
                pair = isinstance(block, content.Heading), isinstance(following, content.Heading)
                assert pair != (True, True), (document.path, block)
            assert all(block.rows for block in blocks if isinstance(block, content.Table))


def test_nothing_is_compared_with_a_year_that_is_not_there(
    made: tuple[int, list[bulletin.Document]],
) -> None:
    year, found = made
    heads = {
        column.head
        for document in found
        for block in content.blocks(document)
        if isinstance(block, content.Table)
        for column in block.columns
    }
    assert (f"{year - 1}年" in heads) is ("同口径增减" in heads) is (year == YEAR)


def test_totals_of_an_incomplete_year_say_so(made: tuple[int, list[bulletin.Document]]) -> None:
    year, found = made
    said = any("不代表全部建设单位" in text for text in _paragraphs(found[:1]))
    assert said or year != YEAR
