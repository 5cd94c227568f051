"""What the dbt project says of its marts: their columns in both languages, their grain, its vars.

Belongs here: reading ``dbt_project`` as text, so that open data and workbooks describe a table in
the words of its model. Doesn't belong here: rows (``marts``, ``open_data``) and the seeds
(``catalogue``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from orchestration.core.settings import PROJECT_ROOT

__all__ = ["ColumnWords", "TableWords", "marts_in_words", "project_var"]

_PROJECT = PROJECT_ROOT / "dbt_project"
_GRAIN = re.compile(r"'grain': (\[.*?\])")


@dataclass(frozen=True)
class ColumnWords:
    """A column: its name and SQL type, and what it means."""

    name: str
    data_type: str
    description_zh: str
    description_en: str


@dataclass(frozen=True)
class TableWords:
    """A mart.

    Attributes:
        grain: the columns that identify a row (``meta.grain`` of the model).
    """

    name: str
    description_zh: str
    description_en: str
    grain: tuple[str, ...]
    columns: Mapping[str, ColumnWords]


def _both(description: str) -> tuple[str, str]:
    """``English / 中文`` as (中文, English); English may hold `` / `` itself."""
    english, _, chinese = description.rpartition(" / ")
    return chinese, english


@cache
def marts_in_words() -> Mapping[str, TableWords]:
    """The marts by name."""
    folder = _PROJECT / "models" / "marts"
    content = yaml.safe_load((folder / "_marts.yml").read_text(encoding="utf-8"))
    found = {}
    for model in content["models"]:
        name = model["name"]
        [grain] = _GRAIN.findall((folder / f"{name}.sql").read_text(encoding="utf-8"))
        found[name] = TableWords(
            name,
            *_both(model["description"]),
            tuple(yaml.safe_load(grain)),
            {
                column["name"]: ColumnWords(
                    column["name"], column["data_type"], *_both(column["description"])
                )
                for column in model["columns"]
            },
        )
    return found


@cache
def project_var(name: str) -> Any:
    """A var of ``dbt_project.yml``: a threshold that a text must name as the models use it."""
    return yaml.safe_load((_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"][name]
