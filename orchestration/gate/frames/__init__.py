"""The tables that the gate judges, and the queries that name who causes a failure.

Belongs here: SQL over ``marts``, ``quality`` and ``raw`` of one year, with all arithmetic on
published figures exact (DECIMAL, HUGEINT; half up, once): a file for each frame, in ``culprits/``
one for each query that names who causes a failure. What several of them read is a query in
``parts/`` (included) or, with arguments, a macro in ``macros.j2``. A frame has few rows and a key
that is unique; what is compared to the last digit arrives as text. Culprits have some columns of
the frame's key (named as there) and ``label``, a Chinese name, the weightiest first; the gate
matches them to the failing rows. Doesn't belong here: thresholds (``expectations``) and wording
(``decision``).

Every query is about ``year``. NULL in a judged column means that there is nothing to judge.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from orchestration.core.catalogue import load_catalogue

__all__ = ["CULPRITS", "FRESHNESS", "KEYS", "culprits_sql", "frame_sql"]

_FOLDER = Path(__file__).parent

#: The frame that is no query: the gate is handed its row.
FRESHNESS = "freshness"

#: Frame → the columns that name a row (unique); none for the one row of the nation.
KEYS: dict[str, tuple[str, ...]] = {
    "facts": ("province_code", "task_code"),
    "nation_values": (),
    "cell_values": ("province_code", "task_code"),
    "indicator_values": ("indicator_code",),
    "nation_units": (),
    "nation_reports": (),
    "rules": ("rule_id",),
    "nation_documents": (),
    "province_documents": ("province_code",),
    "slips": ("indicator_code",),
    "cells": ("province_code", "task_code"),
    "provinces": ("province_code",),
    "province_totals": ("province_code", "task_code", "indicator_code"),
    "completeness": (),
    FRESHNESS: (),
    "nation": (),
    "tasks": ("task_code",),
    "totals": ("task_code", "indicator_code"),
    "targets": ("task_code", "level", "category"),
    "directions": ("task_code", "indicator_code"),
    "places": ("province_code",),
}

#: The queries that name who causes a failure.
CULPRITS = frozenset(path.stem for path in (_FOLDER / "culprits").glob("*.sql"))


def frame_sql(frame: str, year: int) -> str:
    """The query of a frame (a name of ``KEYS``, not ``FRESHNESS``) about one year."""
    return _environment(year).get_template(f"{frame}.sql").render()


def culprits_sql(culprits: str, year: int) -> str:
    """The query of a name of ``CULPRITS`` about one year."""
    return _environment(year).get_template(f"culprits/{culprits}.sql").render()


@cache
def _environment(year: int) -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - SQL, not HTML
        loader=jinja2.FileSystemLoader(_FOLDER), undefined=jinja2.StrictUndefined
    )
    environment.globals["year"] = year  # a global, so that macros see it
    scenarios = load_catalogue().scenarios.values()
    environment.globals["scenarios_zh"] = {each.scenario: each.name_zh for each in scenarios}
    environment.globals["scenarios_en"] = {each.scenario: each.name_en for each in scenarios}
    return environment
