"""Converts the checks to suites of Great Expectations.

Belongs here: the code that depends on Great Expectations. Its import takes 4 to 6 seconds of CPU,
so import this module only when there is something to judge. Doesn't belong here: the checks.
"""

from __future__ import annotations

from collections.abc import Iterable

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations.checks import Check

__all__ = ["suite_of"]


def suite_of(level: str, checks: Iterable[Check]) -> gx.ExpectationSuite:
    """The suite of a level, for a table with a column for each check, in the order of the checks.

    A column has the worst judged value of the check, or the number of rows that differ if the check
    compares two columns.
    """
    return gx.ExpectationSuite(name=level, expectations=[_expectation(check) for check in checks])


def _expectation(check: Check) -> gxe.Expectation:
    """Convert a check to an expectation; every call makes a new object."""
    return gxe.ExpectColumnMaxToBeBetween(
        column=check.name,
        min_value=check.at_least,
        max_value=check.at_most if check.equals is None else 0,
        severity=FailureSeverity(check.severity),
        meta={"name": check.name, "title": check.title_zh},
        notes=f"{check.title_zh}。{check.reason_zh} / {check.title_en}. {check.reason_en}",
    )
