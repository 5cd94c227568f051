"""Dagster's view of the project: the graph, its schedules and sensor, and the web page."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.core.settings import Settings
from orchestration.definitions import defs
from orchestration.lakehouse.dbt import dbt_manifest
from tests.conftest import clean_environment


def test_the_code_location_loads() -> None:
    repository = defs.get_repository_def()
    repository.load_all_definitions()
    jobs = {job.name for job in repository.get_all_jobs()}
    assert jobs >= {
        "intake_year", "transform_year", "gate_year", "publish_year", "collect", "national_year",
    }  # fmt: skip


def test_loading_imports_neither_dbt_nor_great_expectations(settings: Settings) -> None:
    """Each run's process loads the code location, and an intake needs neither of them."""
    dbt_manifest(settings)
    code = (
        "import sys, orchestration.definitions\n"
        "print(sorted({'dagster', 'dbt', 'great_expectations'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(settings.home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['dagster']"


def test_the_graph_leads_from_the_landing_bucket_to_the_edition() -> None:
    graph = defs.resolve_asset_graph()
    edition = dg.AssetKey(["publication", "edition"])
    upstream = dg.AssetSelection.assets(edition).upstream().resolve(graph)
    groups = {graph.get(key).group_name for key in upstream}
    assert {"raw", "staging", "intermediate", "marts", "gate", "publication"} <= groups
    landing_key = dg.AssetKey(["landing", "submissions"])
    assert graph.get(dg.AssetKey(["raw", "performances"])).parent_keys == {landing_key}
    assert graph.get(landing_key).group_name == "landing"
    for key in (edition, dg.AssetKey(["marts", "agg_national_indicator"])):
        partitions = graph.get(key).partitions_def
        assert partitions is not None
        assert "2024" in partitions.get_partition_keys()


def test_the_graph_shows_which_marts_a_product_is_made_from() -> None:
    graph = defs.resolve_asset_graph()
    site = graph.get(dg.AssetKey(["publication", "site"]))
    assert dg.AssetKey(["marts", "unit_watchlist"]) in site.parent_keys
    assert not site.is_executable


def test_dbt_tests_and_expectations_are_asset_checks() -> None:
    names = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert any(name.startswith("national__on_time_rate") for name in names)
    assert any("unique_key" in name for name in names)


def test_asset_checks_have_the_partitions_of_their_assets() -> None:
    graph = defs.resolve_asset_graph()
    without = {key for key in graph.asset_check_keys if not graph.get(key).partitions_def}
    # Freshness is judged over all years in play (``watching.freshness``).
    assert {key.name for key in without} == {"fresh"}
    for key in graph.asset_check_keys - without:
        assert graph.get(key).partitions_def == graph.get(key.asset_key).partitions_def, key


_QUERY = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  assetNodes { id } jobs { name } schedules { name } sensors { name } } } } }"""


def _ask(port: int) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": _QUERY}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        content = json.loads(answer.read())
    return list(content["data"]["repositoriesOrError"]["nodes"])


@pytest.mark.slow
def test_up_shows_everything_and_leaves_nothing_behind(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "tongbao"), "up", "--port", str(port)],
        env=clean_environment(settings.home, {"TONGBAO_NOW": "2025-01-20T08:00:00+08:00"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        nodes: list[dict[str, Any]] = []
        deadline = time.monotonic() + 120
        while not nodes and time.monotonic() < deadline:
            time.sleep(1)
            try:
                nodes = _ask(port)
            except OSError:
                assert process.poll() is None
        assert nodes, (settings.home / "dagster-webserver.log").read_text()[-2000:]
        assert len(nodes[0]["assetNodes"]) > 40
        assert {"name": "national_year"} in nodes[0]["jobs"]
        repository = defs.get_repository_def()
        assert {each["name"] for each in nodes[0]["schedules"]} == {
            each.name for each in repository.schedule_defs
        }
        assert nodes[0]["sensors"] == [{"name": "new_submissions"}, {"name": "watch"}]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    left = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _belongs(entry, str(settings.home))
    ]
    assert left == []


def _belongs(process: Path, home: str) -> bool:
    try:
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"TONGBAO_HOME={home}".encode() in environment and int(process.name) != os.getpid()
