"""The frames (the tables that the gate judges) and the queries that name the causes of failures.

Belongs here: SQL over ``marts``, ``quality`` and ``raw`` of one year. There is a file for each
frame, and in ``culprits/`` one for each query that names the causes of failures. SQL that several
files share is a query in ``parts/`` (included) or, with arguments, a macro in ``macros.j2``. All
arithmetic on published figures is exact (DECIMAL, HUGEINT; rounded half up, once).

A frame has few rows and a unique key. Values that must be equal to the last digit are texts. NULL
in a judged column means that there is nothing to judge. The queries in ``culprits/`` return some
columns of the frame's key and ``label``, a Chinese name, most important first; the gate matches
them to the failing rows.

Doesn't belong here: thresholds (``expectations``) and wording (``decision``).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES

__all__ = ["CULPRITS", "FRESHNESS", "KEYS", "culprits_sql", "frame_sql"]

_FOLDER = Path(__file__).parent

#: The only frame without a query; its row is made from the arguments of ``judging.judge``.
FRESHNESS = "freshness"

#: Frame → its key columns; none if the frame has a single row for the nation.
KEYS: dict[str, tuple[str, ...]] = {
    "facts": ("province_code", "task_code"),
    "nation_values": (),
    "cell_values": ("province_code", "task_code"),
    "indicator_values": ("indicator_code",),
    "nation_units": (),
    "nation_reports": (),
    "rules": ("rule_id",),
    "nation_documents": (),
    "nation_senders": (),
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
    "contradictions": ("contradiction",),
}

#: The names of the queries in ``culprits/``.
CULPRITS = frozenset(path.stem for path in (_FOLDER / "culprits").glob("*.sql"))


def frame_sql(frame: str, year: int) -> str:
    """The SQL of a frame (a key of ``KEYS`` except ``FRESHNESS``) for one year."""
    return _environment(year).get_template(f"{frame}.sql").render()


def culprits_sql(culprits: str, year: int) -> str:
    """The SQL of a query of ``CULPRITS`` for one year."""
    return _environment(year).get_template(f"culprits/{culprits}.sql").render()


@cache
def _environment(year: int) -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - SQL, not HTML
        loader=jinja2.FileSystemLoader(_FOLDER), undefined=jinja2.StrictUndefined
    )
    environment.globals["year"] = year  # Macros see only globals.
    environment.globals["document_tables"] = {
        each.raw_table: "<=" if each.lasts else "=" for each in DOCUMENT_TYPES.values()
    }
    catalogue = load_catalogue()
    environment.globals["contradictions"] = tuple(catalogue.contradictions)
    for rule in ("least_matched_units", "least_matched_share"):
        environment.globals[rule] = catalogue.comparison_rules[rule].threshold
    broken = (code for code, broken_in in catalogue.breaks if broken_in == year)
    environment.globals["incomparable"] = (*catalogue.incomparable, *broken)
    scenarios = catalogue.scenarios.values()
    environment.globals["scenarios_zh"] = {each.scenario: each.name_zh for each in scenarios}
    environment.globals["scenarios_en"] = {each.scenario: each.name_en for each in scenarios}
    return environment
