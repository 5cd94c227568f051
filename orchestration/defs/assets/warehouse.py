"""raw → staging → intermediate → marts: the dbt project as assets, its tests as checks."""

import json
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration import stages
from orchestration.core.settings import Settings
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, run_stage
from orchestration.lakehouse.dbt import dbt_manifest

__all__ = ["marts_keys", "warehouse"]


class _Translator(DagsterDbtTranslator):
    """Asset keys are ``schema/model``, groups the layers; checks have their assets' partitions."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        kind = dbt_resource_props["resource_type"]
        if kind == "source":
            layer = dbt_resource_props["source_name"]
            if layer != "raw":
                layer = f"build_{layer}"
            return dg.AssetKey([layer, dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "source":
            return dbt_resource_props["source_name"]
        return dbt_resource_props["schema"]

    def get_asset_check_spec(self, *args: Any, **kwargs: Any) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(*args, **kwargs)
        return spec._replace(partitions_def=REPORTING_YEAR) if spec else None


MANIFEST: Path = dbt_manifest(Settings.from_env())
_TRANSLATOR = _Translator(DagsterDbtTranslatorSettings(enable_asset_checks=True))
_PARSED: Mapping[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))


def marts_keys() -> list[dg.AssetKey]:
    """The tables that the gate reads."""
    return [
        _TRANSLATOR.get_asset_key(node)
        for node in _PARSED["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in {"marts", "quality"}
    ]


def _in_order() -> Iterator[str]:
    """Seeds and models, each after what it is made from."""
    parents = {
        unique_id: node["depends_on"]["nodes"]
        for unique_id, node in _PARSED["nodes"].items()
        if node["resource_type"] in {"model", "seed"} and "nodes" in node["depends_on"]
    }
    for unique_id in TopologicalSorter(parents).static_order():
        if unique_id in _PARSED["nodes"]:
            yield unique_id


@dbt_assets(
    manifest=_PARSED,
    name="transform",
    dagster_dbt_translator=_TRANSLATOR,
    partitions_def=REPORTING_YEAR,
    exclude="resource_type:unit_test",
    required_resource_keys={WORKSPACE_KEY},
)
def warehouse(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Build the year's marts in a plain file, test them, commit them as one snapshot."""
    summaries = run_stage(context, stages.transform)
    done = summaries[-1]
    nodes = {node.unique_id: node for node in done.nodes}
    for unique_id in _in_order():
        props = _PARSED["nodes"][unique_id]
        table = f"{props['schema']}.{props['name']}"
        node = nodes.get(unique_id)
        yield dg.Output(
            None,
            output_name="__".join(_TRANSLATOR.get_asset_key(props).path),
            metadata={
                "snapshot_id": done.snapshot_id or 0,
                "rows_written": done.rows_written.get(table, 0),
                "rows_replaced": done.rows_deleted.get(table, 0),
                "seconds": round(node.seconds, 3) if node else 0.0,
                "unchanged": not done.built,
            },
        )
    for check_key in context.selected_asset_check_keys:
        test_id = _CHECKS.get(check_key)
        node = nodes.get(test_id) if test_id else None
        # A test that was not run again (nothing changed) passed when the snapshot was made.
        yield dg.AssetCheckResult(
            asset_key=check_key.asset_key,
            check_name=check_key.name,
            passed=node is None or node.status in {"pass", "warn"},
            severity=(
                dg.AssetCheckSeverity.WARN
                if node and node.status == "warn"
                else dg.AssetCheckSeverity.ERROR
            ),
            metadata={"failing_rows": (node.failures or 0) if node else 0},
        )


def _check_ids() -> dict[dg.AssetCheckKey, str]:
    """Asset check → dbt test, by the name that dagster-dbt gives it."""
    by_name = {
        node["name"]: unique_id
        for unique_id, node in _PARSED["nodes"].items()
        if node["resource_type"] == "test"
    }
    return {key: by_name[key.name] for key in warehouse.check_keys if key.name in by_name}


_CHECKS = _check_ids()
