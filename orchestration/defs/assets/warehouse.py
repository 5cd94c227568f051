"""The dbt project as assets, its tests as asset checks (raw → staging → intermediate → marts).

The assets are made from dbt's manifest. ``dagster-dbt`` would import dbt, which takes some 5
seconds of CPU in each process that loads the code location, and so in each run of an intake, which
doesn't need it.
"""

import json
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from orchestration import stages
from orchestration.core.settings import Settings
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, run_stage
from orchestration.lakehouse.dbt import dbt_manifest

__all__ = ["marts_keys", "products", "warehouse"]

_MANIFEST: Mapping[str, Any] = json.loads(
    dbt_manifest(Settings.from_env()).read_text(encoding="utf-8")
)


def _parents(node: Mapping[str, Any]) -> list[str]:
    """The dbt ids of the tables that a node reads."""
    return list(node["depends_on"].get("nodes", ()))


def _tables() -> dict[str, Any]:
    """The seeds and models by dbt id, each after its parents."""
    nodes = {
        unique_id: node
        for unique_id, node in _MANIFEST["nodes"].items()
        if node["resource_type"] in {"model", "seed"}
    }
    parents = {unique_id: _parents(node) for unique_id, node in nodes.items()}
    order = TopologicalSorter(parents).static_order()  # includes sources
    return {unique_id: nodes[unique_id] for unique_id in order if unique_id in nodes}


_TABLES = _tables()


def _asset_key(unique_id: str) -> dg.AssetKey:
    """``schema/model``; sources other than the raw tables are ``build_<source>/<table>``."""
    if unique_id in _TABLES:
        return dg.AssetKey([_TABLES[unique_id]["schema"], _TABLES[unique_id]["name"]])
    source = _MANIFEST["sources"][unique_id]
    layer = source["source_name"]
    return dg.AssetKey([layer if layer == "raw" else f"build_{layer}", source["name"]])


def marts_keys() -> list[dg.AssetKey]:
    """The asset keys of the tables that the gate reads."""
    return [
        _asset_key(unique_id)
        for unique_id, node in _TABLES.items()
        if node["resource_type"] == "model" and node["schema"] in {"marts", "quality"}
    ]


def products() -> Iterator[dg.AssetSpec]:
    """Yield what is made from the marts: the exposures of the dbt project.

    Dagster doesn't make them one by one: an edition holds all of them.
    """
    for exposure in _MANIFEST["exposures"].values():
        yield dg.AssetSpec(
            dg.AssetKey(["publication", exposure["name"]]),
            deps=[_asset_key(parent) for parent in _parents(exposure)],
            group_name="publication",
            description=exposure["description"],
        )


def _specs() -> Iterator[dg.AssetSpec]:
    """Yield the asset of each seed and model."""
    for unique_id, node in _TABLES.items():
        yield dg.AssetSpec(
            _asset_key(unique_id),
            deps=[_asset_key(parent) for parent in _parents(node)],
            group_name=node["schema"],
            kinds={"dbt", "duckdb"},
            description=node["description"],
            owners=[node["config"]["meta"]["owner"]] if "owner" in node["config"]["meta"] else None,
            metadata=_column_schema(node),
            partitions_def=REPORTING_YEAR,
        )


def _column_schema(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns with types and descriptions, as Dagster shows them; for models alone."""
    columns = [
        dg.TableColumn(column["name"], column["data_type"] or "?", column["description"])
        for column in node["columns"].values()
    ]
    if not columns or node["resource_type"] != "model":
        return {}
    return {"dagster/column_schema": dg.TableSchema(columns)}


#: The asset check and the dbt id of each data test of a table.
_TESTS: list[tuple[dg.AssetCheckSpec, str]] = [
    (
        dg.AssetCheckSpec(
            node["name"],
            asset=_asset_key(node["attached_node"]),
            description=node["description"],
            partitions_def=REPORTING_YEAR,
        ),
        unique_id,
    )
    for unique_id, node in _MANIFEST["nodes"].items()
    if node["resource_type"] == "test" and node.get("attached_node") in _TABLES
]


@dg.multi_asset(
    name="transform",
    specs=list(_specs()),
    check_specs=[check for check, _ in _TESTS],
    required_resource_keys={WORKSPACE_KEY},
)
def warehouse(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Build the year's marts in a local file, test them and commit them as one snapshot."""
    done = run_stage(context, stages.transform)[-1]
    nodes = {node.unique_id: node for node in done.nodes}
    for unique_id, table in _TABLES.items():
        name, node = f"{table['schema']}.{table['name']}", nodes.get(unique_id)
        yield dg.MaterializeResult(
            asset_key=_asset_key(unique_id),
            metadata={
                "snapshot_id": done.snapshot_id or 0,
                **({"dagster/row_count": done.rows[name]} if name in done.rows else {}),
                "rows_written": done.rows_written.get(name, 0),
                "rows_replaced": done.rows_deleted.get(name, 0),
                "seconds": round(node.seconds, 3) if node else 0.0,
                "unchanged": not done.built,
            },
        )
    for check, unique_id in _TESTS:
        node = nodes.get(unique_id)
        # A test that was not run (nothing changed) passed when the snapshot was made.
        yield dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=node is None or node.status in {"pass", "warn"},
            severity=(
                dg.AssetCheckSeverity.WARN
                if node and node.status == "warn"
                else dg.AssetCheckSeverity.ERROR
            ),
            metadata={"failing_rows": (node.failures or 0) if node else 0},
        )
