"""The static API of an edition: the figures of the bulletin and the lake, as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import pytest

from orchestration import bulletin, lakehouse, stages
from orchestration.bulletin.open_data import public_tables
from orchestration.core.errors import TongbaoError, UsageError
from orchestration.figures.dictionary import mart_descriptions
from orchestration.trace import trace_lines
from tests.fixtures.homes import YEAR, PreparedYear, Shared

EDITION = f"editions/{YEAR}/edition-1/"
_ATOM = {"a": "http://www.w3.org/2005/Atom"}


@dataclass
class Published:
    """An edition's files of the API and its national bulletin, and the lake they come from."""

    con: duckdb.DuckDBPyConnection
    files: dict[str, bytes]
    page: str
    ws: stages.Workspace

    def json(self, path: str) -> Any:
        return json.loads(self.files[f"api/{path}.json"])


@pytest.fixture(scope="module")
def published(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    settings = shared.copy(prepared.published, tmp_path_factory.mktemp("api") / "home")
    with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
        listed = ws.store.list("publication", EDITION + "api/")
        files = {
            item.info.key.removeprefix(EDITION): item.body
            for item in ws.store.get_many("publication", listed)
        }
        page = ws.store.get("publication", EDITION + "national/bulletin.html").decode()
        yield Published(con, files, page, ws)


def test_every_figure_of_the_national_bulletin_has_a_file(published: Published) -> None:
    printed = set(re.findall(r'data-figure="([^"]+)"', published.page))
    files = {
        path.removeprefix("api/figures/").removesuffix(".json")
        for path in published.files
        if path.startswith("api/figures/")
    }
    assert files == printed
    assert len(files) > 1000


def test_a_figure_says_what_it_is(published: Published) -> None:
    figure = f"{YEAR}/agg_national_indicator/T05/T05_01/value"
    found = published.json(f"figures/{figure}")
    row = published.con.execute(
        "select value, units_expected, units_counted, observation_status "
        "from lake.marts.agg_national_indicator "
        "where year = ? and task_code = 'T05' and indicator_code = 'T05_01'",
        [YEAR],
    ).fetchone()
    assert row is not None
    assert (found["id"], found["is_synthetic"]) == (figure, True)
    assert found["value"] == f"{row[0]:f}"
    assert found["printed"] in published.page
    assert (found["coverage"]["units_expected"], found["coverage"]["units_counted"]) == row[1:3]
    assert found["status"] == row[3]
    assert found["indicator"]["name_zh"] == "全日制在校生数"
    assert [each["name"] for each in found["definition"]] == ["value"]
    assert found["revisions"] == []


def test_a_figure_names_the_objects_behind_it(published: Published) -> None:
    """Those of its trace, and a digest of their hashes."""
    figure = f"{YEAR}/agg_province_task/440000/T05/units_reported"
    traced = stages.trace(published.ws, figure, None)
    assert trace_lines(traced, 0)
    hashes = published.json("sources/T05")["sha256"]["440000"]
    assert hashes
    assert set(hashes) <= {each["sha256"] for each in traced.objects}
    found = published.json(f"figures/{YEAR}/agg_national_task/T05/units_expected")["sources"]
    every = sorted({h for each in published.json("sources/T05")["sha256"].values() for h in each})
    assert found["lists"] == ["api/sources/T05.json"]
    assert found["objects"] == len(every)
    assert found["sha256_of_hashes"] == hashlib.sha256("\n".join(every).encode()).hexdigest()


def test_tables_have_the_rows_of_the_lake(published: Published) -> None:
    listed = [each["name"] for each in published.json("tables/index")["tables"]]
    long = {"unit_code", "group_code"}
    assert listed == [t for t in public_tables() if not long & set(mart_descriptions()[t].columns)]
    for name in listed:
        table = published.json(f"tables/{name}")
        columns = [each["name"] for each in table["columns"]]
        where = f"where year = {YEAR}" if "year" in columns else ""
        expected = published.con.execute(
            f"select {', '.join(columns)} from lake.marts.{name} {where} "
            f"order by {', '.join(table['key'])}"
        ).fetchall()
        # Nobody has filled in the denominators of rates.
        assert (len(table["rows"]) > 0) == (name != "agg_province_rate")
        assert len(table["rows"]) == len(expected)
        for row, values in zip(table["rows"], expected, strict=True):
            for text, value in zip(row.values(), values, strict=True):
                if isinstance(value, Decimal):
                    assert Decimal(text) == value
                    assert text.count(".") == 1
                elif isinstance(value, datetime):
                    assert datetime.fromisoformat(text) == value.replace(tzinfo=UTC)
                elif value is None or isinstance(value, int | str):
                    assert text == value
                else:
                    assert text == value.isoformat()


def test_a_feed_names_the_editions(published: Published) -> None:
    feed = ET.fromstring(published.ws.store.get("publication", f"editions/{YEAR}/feed.xml"))  # noqa: S314
    [entry] = feed.findall("a:entry", _ATOM)
    for parent in (feed, entry):  # What RFC 4287 requires.
        for name in ("id", "title", "updated"):
            assert parent.findtext(f"a:{name}", namespaces=_ATOM)
    assert "合成数据" in str(entry.findtext("a:title", namespaces=_ATOM))


def test_a_correction_comes_first_in_the_feed() -> None:
    editions = [
        {"edition": 1, "published_at": datetime(2024, 12, 15, tzinfo=UTC), "reason": ""},
        {"edition": 2, "published_at": datetime(2024, 12, 20, 1), "reason": "某省<经费>有误"},
    ]
    body = bulletin.year_feed(YEAR, editions, is_synthetic=False)
    assert body == bulletin.year_feed(YEAR, editions, is_synthetic=False)
    feed = ET.fromstring(body)  # noqa: S314
    newest, first = feed.findall("a:entry", _ATOM)
    assert feed.findtext("a:updated", namespaces=_ATOM) == "2024-12-20T01:00:00Z"
    assert newest.findtext("a:summary", namespaces=_ATOM) == "更正事由：某省<经费>有误"
    links = [each.find("a:link", _ATOM) for each in (newest, first)]
    assert [link.get("href") for link in links if link is not None] == [
        "edition-2/changes.html",
        "edition-1/index.html",
    ]


def test_the_manual_of_the_present_marts_is_that_of_the_newest_year(published: Published) -> None:
    page = bulletin.reference_page(published.con, YEAR)["docs/index.html"]
    assert stages.manual(published.ws, None) == stages.manual(published.ws, YEAR) == page
    with pytest.raises(TongbaoError, match="there are no marts of 2025 yet"):
        stages.manual(published.ws, 2025)


def test_one_file_has_the_open_data_with_comments_and_views(
    published: Published, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "tongbao.duckdb"
    assert stages.database(published.ws, YEAR, None, path) == 1
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    expected = dict.fromkeys((*public_tables(), "series"), "table") | {
        "v_national_indicator": "view",
        "v_province_indicator": "view",
    }
    with duckdb.connect(str(path), read_only=True) as con:
        comments = con.execute(
            "select table_name, 'table', comment from duckdb_tables() union all "
            "select view_name, 'view', comment from duckdb_views() where not internal"
        ).fetchall()
        assert {name: kind for name, kind, _ in comments} == expected
        assert all(comment for _, _, comment in comments)
        query = "select count(*), count(value) from {} where task_code <> 'ALL'"
        assert (
            con.execute(query.format("v_national_indicator")).fetchone()
            == published.con.execute(
                query.format("lake.marts.agg_national_indicator") + f" and year = {YEAR}"
            ).fetchone()
        )
        assert con.execute(
            "select count(*) from v_national_indicator where task_code = 'ALL'"
        ).fetchone() == (0,)
        [(comment,)] = con.execute(
            "select comment from duckdb_columns() "
            "where table_name = 'agg_national_indicator' and column_name = 'is_total'"
        ).fetchall()
        assert comment.startswith("是否为全部任务合计行")
    with pytest.raises(UsageError, match="2024 has no edition 2: it has 1 to 1"):
        stages.database(published.ws, YEAR, 2, path)
    with pytest.raises(UsageError, match="2023 has no edition 1: nothing is published"):
        stages.database(published.ws, 2023, None, path)
