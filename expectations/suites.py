"""Converts the checks to suites of Great Expectations.

Belongs here: the code that depends on Great Expectations. Its import takes 4 to 6 seconds of CPU,
so import this module only when there is something to judge. Doesn't belong here: the checks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

from expectations.checks import Check

__all__ = ["suites_of"]


def suites_of(level: str, checks: Iterable[Check]) -> dict[str, gx.ExpectationSuite]:
    """Frame → a suite of its checks, named ``<level>.<frame>``, in the order of the checks."""
    by_frame: dict[str, list[gxe.Expectation]] = {}
    for check in checks:
        by_frame.setdefault(check.frame, []).append(_expectation(check))
    return {
        frame: gx.ExpectationSuite(name=f"{level}.{frame}", expectations=expectations)
        for frame, expectations in by_frame.items()
    }


def _expectation(check: Check) -> gxe.Expectation:
    """Convert a check to an expectation; every call makes a new object."""
    common: dict[str, Any] = {
        "severity": check.severity,
        "meta": {"name": check.name, "title": check.title_zh},
        "notes": f"{check.title_zh}。{check.reason_zh} / {check.title_en}. {check.reason_en}",
    }
    if check.only:
        condition: Any = None
        for column, operator, number in check.only:
            term = Column(column) >= number if operator == ">=" else Column(column) > number
            condition = term if condition is None else condition & term
        common["row_condition"] = condition
    if check.equals is not None:
        return gxe.ExpectColumnPairValuesToBeEqual(
            column_A=check.column,
            column_B=check.equals,
            ignore_row_if="both_values_are_missing",
            **common,
        )
    return gxe.ExpectColumnValuesToBeBetween(
        column=check.column, min_value=check.at_least, max_value=check.at_most, **common
    )
