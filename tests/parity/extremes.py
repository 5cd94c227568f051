"""Documents with the values at which engines differ, in addition to the demo's.

Belongs here: bounds of decimals, ties, NULLs in lists and texts, marks that SQL escapes, and the
kinds of findings that the demo doesn't have. Doesn't belong here: the comparison.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.fixtures.landing import Landing
from tests.fixtures.suspicious import write_suspicious

__all__ = ["MAX_REPORT", "write_extremes"]

#: Bytes of the largest report file that intake reads: larger than the demo's.
MAX_REPORT = 100_000

#: The largest value that counts, and the smallest above zero, as text (contract, "Values").
_LARGEST, _SMALLEST = "999999999999.999999", "0.000001"
#: Marks that Spark, DuckDB, Jinja or a CSV file read in their own way.
_MARKS = "a'b''c\\d\\ne\"f{{g}}%h_i\n|;，𠮷"
_TASK = "T05"
_PROVINCE, _OTHER = "540000", "660000"

#: Values of a performance document by serial number of its unit.
_VALUES: dict[int, dict[str, Any]] = {
    # Sums near the bounds, in two provinces.
    9001: {"C_04": _LARGEST, "C_05": _LARGEST, "C_06": _LARGEST, "T05_01": 999999999},
    9002: {"C_04": _LARGEST, "C_05": _SMALLEST, "C_06": "0.0000005", "T05_01": 0},
    # Ties at every rank: three equal units.
    9003: {"C_04": 300, "C_05": 100, "C_09": 33, "T05_01": 7, "T05_02": 7},
    9004: {"C_04": 300, "C_05": 100, "C_09": 33, "T05_01": 7, "T05_02": 7},
    9005: {"C_04": 300, "C_05": 100, "C_09": 33, "T05_01": 7, "T05_02": 7},
    # Nothing but NULL, and nothing.
    9006: {"C_04": None, "C_05": None, "T05_01": None},
    9007: {},
    # Values that are out of bounds, no numbers, not whole, unknown, or computed.
    9008: {"C_04": -1, "C_05": _MARKS, "T05_01": "1.5", "T99_01": 1, "C_10": 50, "T05_02": "1e400"},
    # A denominator of zero, and half a millionth on both sides of zero.
    9009: {"C_04": 0, "C_05": 0, "C_09": 0, "T05_01": "0.5"},
    # Last year in 万元, this year in 元; a percentage as a fraction.
    9010: {"C_04": 3000000, "C_05": 3000000, "T05_07": "0.95", "T05_01": 10},
}


def write_extremes(landing: Landing) -> dict[str, timedelta]:
    """Write documents of the landing zone's year and of the year before.

    Returns:
        key of an object → when it arrived, relative to the cut-off. All others arrived early.
    """
    year = landing.year
    for province in (_PROVINCE, _OTHER):
        for serial, values in _VALUES.items():
            code = f"{_TASK}-{province}-{serial}"
            for at in (year - 1, year):
                landing.unit(code, year=at, level="school" if serial % 2 else "municipal")
            landing.plan(
                code, {str(year): {"C_04": 300, "C_05": _SMALLEST, "T05_01": 7, "T05_02": None}}
            )
            landing.performance(
                code, {"C_04": 300, "C_05": 300, "T05_01": 7}, year=year - 1, report=None
            )
            landing.performance(code, values, report=None, highlight=_MARKS)
    _write_decisions(landing)
    _write_reports(landing)
    write_suspicious(landing)
    _write_confirmation(landing)
    _write_verifications(landing)
    return _write_odd_arrivals(landing) | _write_returns(landing)


def _write_decisions(landing: Landing) -> None:
    """A failed assessment without a score, a warned unit, explanations, a correction."""
    failed, warned = (f"{_TASK}-{_PROVINCE}-{serial}" for serial in (9003, 9004))
    landing.assessment(failed, None, grade="fail")
    landing.assessment(warned, "59.999999", grade="fail")
    landing.review(warned, "warning")
    for unit, rule in ((failed, "RC_16"), (warned, "RC_20")):
        landing.document(
            "explanation",
            province=_PROVINCE,
            unit_code=unit,
            rule_id=rule,
            text=_MARKS,
        )
    # After the cut-off: counts in the corrected edition.
    landing.performance(
        f"{_TASK}-{_PROVINCE}-9005",
        {"C_04": 301, "T05_01": 8},
        report=None,
        submitted_at=f"{landing.year + 1}-01-10T09:00:00+08:00",
    )


def _write_reports(landing: Landing) -> None:
    """A document for each thing that can be wrong with its report file."""
    place = f"attachments/year={landing.year}/province={_PROVINCE}"
    named = {
        9011: f"{place}/{_TASK}-{_PROVINCE}-9011/missing.pdf",
        9012: "attachments/elsewhere.pdf",
    }
    large = b"%PDF-1.7\n".ljust(MAX_REPORT + 1)
    stored = {9013: b"", 9014: b"no pdf", 9015: b"%PDF-1.7\n", 9016: large}
    for serial in (*named, *stored):
        code = f"{_TASK}-{_PROVINCE}-{serial}"
        landing.unit(code)
        if serial in named:
            report = {"object_key": named[serial], "sha256": "0" * 64, "pages": 1}
        else:
            report = landing.report(f"province={_PROVINCE}/{code}", body=stored[serial])
        if serial == 9015:
            report["sha256"] = "f" * 64
        landing.performance(code, {"T05_01": 1}, report=report)


def _write_returns(landing: Landing) -> dict[str, timedelta]:
    """Returns in force, repeated, late, and of documents or returns that are not there."""
    unit, other = (f"{_TASK}-{_PROVINCE}-{serial}" for serial in (9031, 9032))
    ids = {}
    for code in (unit, other):
        landing.unit(code)
        ids[code] = _id(landing.performance(code, {"C_04": 1}, report=None))

    def write(code: str, **fields: Any) -> str:
        return landing.document(
            "return", province=_PROVINCE, unit_code=code, reason=_MARKS, **fields
        )

    returned = write(unit, returns_document_id=ids[unit], due_on=f"{landing.year}-12-10")
    for returns in (ids[unit], ids[other], "nowhere"):
        write(unit, returns_document_id=returns)
    write(other, withdraws_document_id=_id(returned))
    write(other, withdraws_document_id="nowhere")
    # After the correction's cut-off, too.
    late = f"{landing.year + 1}-03-01T09:00:00+08:00"
    return {
        write(other, returns_document_id=ids[other], submitted_at=late): timedelta(days=90),
    }


def _write_confirmation(landing: Landing) -> None:
    """A confirmation of a digest that no province was given."""
    landing.document(
        "confirmation",
        province=_PROVINCE,
        statistician="甲",
        reviewer="乙",
        responsible="丙",
        signed_on=f"{landing.year}-12-01",
        document_digest="0" * 64,
    )


def _write_verifications(landing: Landing) -> None:
    """Verifications of each result, and rectifications in each state."""
    year = landing.year
    asked = {"findings": _MARKS, "requirement": _MARKS}
    fields: list[dict[str, Any]] = [
        {"result": "sound"},
        {"result": "minor", **asked, "due_on": f"{year}-12-31"},
        {"result": "unsound", **asked, "due_on": f"{year}-12-01"},
        {"result": "unsound", **asked, "closed_on": f"{year}-12-10"},
        {"result": "unsound", **asked},
    ]
    for serial, more in enumerate(fields, 9003):
        landing.document(
            "verification",
            province=_PROVINCE,
            unit_code=f"{_TASK}-{_PROVINCE}-{serial}",
            verified_on=f"{year}-10-20",
            **more,
        )


def _id(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _write_odd_arrivals(landing: Landing) -> dict[str, timedelta]:
    """Documents that came late, are dated after they came, or share an id; an unexpected unit."""
    outsider, late, ahead, twin, other = (
        f"{_TASK}-{province}-{serial}"
        for province, serial in (
            (_PROVINCE, 9021),
            (_PROVINCE, 9022),
            (_PROVINCE, 9023),
            (_PROVINCE, 9024),
            (_OTHER, 9024),
        )
    )
    for unit in (outsider, late, ahead, twin, other):
        landing.unit(unit, recommended=unit != outsider)
    landing.performance(outsider, {"C_04": 1}, report=None)
    for unit in (twin, other):
        landing.performance(unit, {"C_04": 1}, report=None, document_id="the-same", name="s.json")
    return {
        landing.performance(
            late, {"C_04": 1}, report=None, submitted_at=f"{landing.year}-12-14T23:00:00+08:00"
        ): timedelta(hours=23),
        landing.performance(
            ahead, {"C_04": 1}, report=None, submitted_at=f"{landing.year}-12-31T00:00:00+08:00"
        ): timedelta(days=-9),
    }
