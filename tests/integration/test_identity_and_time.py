"""Who sent a document and when it came decide whether it counts, not what its sender says alone."""

from __future__ import annotations

from datetime import timedelta

from orchestration import lakehouse, stages
from orchestration.core.reporting_calendar import period_of
from orchestration.lakehouse.tables import utc_naive
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

YEAR = 2026
CUTOFF = period_of(YEAR).cutoff_at
OWN, OTHER, LATE, EMPTY = (
    "T05-110000-0001",
    "T05-440000-0001",
    "T05-110000-0002",
    "T05-110000-0003",
)


def test_an_id_a_clock_or_an_empty_report_takes_nothing_from_anybody(ws: stages.Workspace) -> None:
    landing = Landing(ws.store, year=YEAR)
    for unit in (OWN, OTHER, LATE, EMPTY):
        landing.unit(unit)
    before = (CUTOFF - timedelta(minutes=1)).isoformat()
    # The same id under two prefixes, with other content, and for two types under one prefix.
    own = landing.performance(OWN, {"C_04": 10}, document_id="same", name="same.json")
    other = landing.performance(OTHER, {"C_04": 200}, document_id="same", name="same.json")
    landing.plan(OWN, {"2026": {"C_04": 20}}, document_id="same")
    arrived = landing.performance(LATE, {"C_04": 3000}, submitted_at=before)
    late = landing.performance(LATE, {"C_04": 4000}, submitted_at=before)
    ahead = landing.performance(LATE, {"C_04": 5000}, submitted_at="2026-12-31T00:00:00+08:00")
    counted = landing.performance(EMPTY, {"C_04": 60000}, submitted_at="2026-11-01T00:00:00+08:00")
    empty = landing.performance(EMPTY, {"C_04": "约"}, submitted_at="2026-11-02T00:00:00+08:00")
    stages.intake(ws, YEAR, run_id="test", progress=no_progress)
    came = {
        arrived: CUTOFF + timedelta(hours=23),
        late: CUTOFF + timedelta(hours=24),
        ahead: CUTOFF - timedelta(days=9),
    }
    with lakehouse.writer(ws.settings, ws.store) as con:
        con.execute(
            "update lake.raw.objects set last_modified = ?", [utc_naive(CUTOFF - timedelta(days=9))]
        )
        for key, moment in came.items():
            con.execute(
                "update lake.raw.objects set last_modified = ? where object_key = ?",
                [utc_naive(moment), key],
            )
    stages.transform(ws, YEAR, run_id="test", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        values = con.execute(
            "select unit_code, cast(value as integer), cast(target as integer), document_id "
            "from lake.marts.fct_unit_indicator where indicator_code = 'C_04' order by 1"
        ).fetchall()
        codes = con.execute(
            "select object_key, list(code order by code) from lake.quality.submission_errors "
            "where code in ('W301', 'W302', 'W303', 'W307', 'E062', 'E108') group by 1"
        ).fetchall()
    assert [row[:3] for row in values] == [
        (OWN, 10, 20),
        (LATE, 3000, None),
        (EMPTY, 60000, None),
        (OTHER, 200, None),
    ]
    assert dict(codes) == {
        own: ["W307"],
        other: ["W307"],
        arrived: ["W302"],
        late: ["W301"],
        ahead: ["W303"],
        empty: ["E062"],
    }
    assert counted not in dict(codes)
