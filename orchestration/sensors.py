"""The sensor for new objects while a collection is open. No parsing, no fetching."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import dagster as dg

from orchestration import stages
from orchestration.intake.listing import list_landing
from orchestration.jobs import collect
from orchestration.reporting_calendar import period_of, years
from orchestration.settings import Settings

__all__ = ["new_submissions"]


@dg.sensor(
    job=collect,
    # A minute: a unit hears of a mistake within minutes, and listing 24,000 keys takes a second.
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="New or changed objects in the landing bucket start an intake.",
)
def new_submissions(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Compare the listing's digest with the last one seen."""
    settings = Settings.from_env()
    open_years = [year for year in years() if period_of(year).is_open(settings.now())]
    if not open_years:
        yield dg.SkipReason("no collection is open")
        return
    year = max(open_years)
    with stages.open_workspace(settings) as ws:
        listing = list_landing(ws.store, settings.landing_bucket, year)
    digest = hashlib.sha256()
    for info in listing:
        digest.update(f"{info.key}\0{info.etag}\n".encode("utf-8", "surrogatepass"))
    seen = f"{year}:{digest.hexdigest()}"
    if not listing or seen == context.cursor:
        yield dg.SkipReason("nothing new in the landing bucket")
        return
    context.update_cursor(seen)
    yield dg.RunRequest(run_key=seen, partition_key=str(year))
