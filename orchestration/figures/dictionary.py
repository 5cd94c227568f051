"""Reads the descriptions of the marts from the dbt project: columns, grain, project variables.

Belongs here: parsing the files of ``dbt_project``, so that open data, workbooks and figure ids
describe a table as its model does. Doesn't belong here: rows (``bulletin``, ``trace``) and seeds
(``core.catalogue``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.core.settings import PROJECT_ROOT

__all__ = [
    "ColumnDescription",
    "TableDescription",
    "figure_grains",
    "mart_descriptions",
    "project_var",
]

_PROJECT = PROJECT_ROOT / "dbt_project"


@dataclass(frozen=True)
class ColumnDescription:
    """A column's name, SQL type and description in Chinese and English."""

    name: str
    data_type: str
    description_zh: str
    description_en: str


@dataclass(frozen=True)
class TableDescription:
    """A mart's description in Chinese and English, and its columns.

    Attributes:
        grain: columns that identify a row (``meta.grain`` of the model).
        has_figures: whether editions print its numbers with ids (``meta.has_figures``).
        columns: name → description, in the order of the model.
    """

    name: str
    description_zh: str
    description_en: str
    grain: tuple[str, ...]
    has_figures: bool
    columns: Mapping[str, ColumnDescription]


def _split_languages(description: str) -> tuple[str, str]:
    """Split ``English / 中文`` into (中文, English); the English part may contain `` / ``."""
    english, _, chinese = description.rpartition(" / ")
    return chinese, english


def _read_yaml(path: Path) -> dict[str, Any]:
    # The C loader reads the descriptions in a tenth of the time.
    found: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return found


@cache
def mart_descriptions() -> Mapping[str, TableDescription]:
    """Return mart name → description."""
    folder = _PROJECT / "models" / "marts"
    models = [
        model
        for path in sorted(folder.glob("_*.yml"))
        for model in _read_yaml(path).get("models", [])
    ]
    found = {}
    for model in models:
        name = model["name"]
        meta = model["config"]["meta"]
        found[name] = TableDescription(
            name,
            *_split_languages(model["description"]),
            tuple(meta["grain"]),
            meta.get("has_figures", False),
            {
                column["name"]: ColumnDescription(
                    column["name"], column["data_type"], *_split_languages(column["description"])
                )
                for column in model["columns"]
            },
        )
    return found


@cache
def figure_grains() -> Mapping[str, tuple[str, ...]]:
    """Return the marts whose numbers are figures → their grain without the year, by name."""
    return {
        name: table.grain[1:]
        for name, table in sorted(mart_descriptions().items())
        if table.has_figures
    }


@cache
def project_var(name: str) -> Any:
    """Return a variable of ``dbt_project.yml``, for texts that state a model's threshold."""
    return _read_yaml(_PROJECT / "dbt_project.yml")["vars"][name]
