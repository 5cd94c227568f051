"""When a document came: Python (first receipt) and SQL (warehouse) give one result."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from orchestration.core.reporting_calendar import period_of
from orchestration.lakehouse.received import received_documents

YEAR = 2026
CUTOFF = period_of(YEAR).cutoff_at
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)

#: Submitted, received (relative to the cut-off), in time, wrong clock.
CASES = {
    "in time": (-HOUR, -SECOND, True, False),
    "arrives at the cut-off": (-SECOND, timedelta(0), True, False),
    "arrives in the last second": (-SECOND, 24 * HOUR - SECOND, True, False),
    "arrives too late": (-HOUR, 24 * HOUR, False, False),
    "submitted at the cut-off": (timedelta(0), timedelta(0), False, False),
    "clock an hour ahead": (-SECOND, -HOUR - SECOND, True, False),
    "clock further ahead": (-SECOND, -HOUR - 2 * SECOND, True, True),
    "a wrong clock says late": (48 * HOUR, -SECOND, True, True),
    "a wrong clock, and late": (48 * HOUR, 2 * HOUR, False, True),
}


@pytest.mark.parametrize("name", CASES)
def test_a_document_is_in_time_by_both_clocks(name: str) -> None:
    submitted, received, in_time, wrong = CASES[name]
    arrival = period_of(YEAR).arrival(CUTOFF + submitted, CUTOFF + received, is_synthetic=False)
    assert (arrival.judged_at < CUTOFF, arrival.has_wrong_clock) == (in_time, wrong)
    assert arrival.sent_at == CUTOFF + (received if wrong else submitted)


def test_synthetic_documents_and_years_without_transfer_hours_believe_the_sender() -> None:
    late = period_of(2025).cutoff_at + timedelta(days=99)
    before = period_of(2025).cutoff_at - SECOND
    assert period_of(2025).arrival(before, late, is_synthetic=False).judged_at == before
    assert period_of(YEAR).arrival(before, late, is_synthetic=True).judged_at == before


def test_the_warehouse_judges_as_the_first_receipt_does() -> None:
    cases = [
        (f"{year}-{name}-{synthetic}", year, *moments, synthetic)
        for year in (2025, YEAR)
        for name, moments in CASES.items()
        for synthetic in (False, True, None)
    ]
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as lake; create schema lake.raw")
        con.execute(
            "create table lake.raw.objects (object_key varchar, etag varchar, "
            "last_modified timestamp)"
        )
        con.execute(
            "create table lake.raw.plans (document_id varchar, year integer, "
            "province_code varchar, unit_code varchar, submitted_at varchar, object_key varchar, "
            "etag varchar, sha256 varchar, synthetic boolean)"
        )
        wanted = {}
        for name, year, submitted, received, _, _, synthetic in cases:
            period = period_of(year)
            sent, came = period.cutoff_at + submitted, period.cutoff_at + received
            con.execute(
                "insert into lake.raw.objects values (?, 'e', ?)", [name, came.replace(tzinfo=None)]
            )
            con.execute(
                "insert into lake.raw.plans values (?, ?, '110000', 'T05-110000-0001', ?, ?, 'e', "
                "null, ?)",
                [name, year, sent.isoformat(), name, synthetic],
            )
            arrival = period.arrival(sent, came, is_synthetic=bool(synthetic))
            wanted[name] = (
                arrival.sent_at.replace(tzinfo=None),
                arrival.judged_at.replace(tzinfo=None),
                arrival.has_wrong_clock,
            )
        rows = con.execute(
            "select document_id, sent_at, judged_at, has_wrong_clock "
            f"from ({received_documents(['plan'])})",
            {"year": YEAR},
        ).fetchall()
    assert {name: tuple(rest) for name, *rest in rows} == wanted
