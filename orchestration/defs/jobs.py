"""The jobs: one for each stage, and combinations of stages.

Belongs here: which assets belong to which job. Doesn't belong here: assets, schedules.
"""

from __future__ import annotations

import dagster as dg

from orchestration.defs.assets.bulletins import EDITION
from orchestration.defs.assets.common import REPORTING_YEAR
from orchestration.defs.assets.landing import RAW
from orchestration.defs.assets.quality import GATE
from orchestration.defs.assets.receipts import LETTERS, RECEIPTS, REMINDERS
from orchestration.defs.assets.rehearsal import REHEARSAL
from orchestration.defs.assets.upkeep import UPKEEP
from orchestration.defs.assets.warehouse import warehouse

__all__ = [
    "ALL_JOBS",
    "TAKE_IN",
    "UNTIL",
    "collect",
    "intake",
    "maintain",
    "national_year",
    "rehearse",
    "remind",
    "tell",
]

_RAW = dg.AssetSelection.assets(*RAW)
_WAREHOUSE = dg.AssetSelection.assets(warehouse)
_GATE = dg.AssetSelection.assets(GATE)
_RECEIPTS = dg.AssetSelection.assets(RECEIPTS)
_EDITION = dg.AssetSelection.assets(EDITION)
_LETTERS = dg.AssetSelection.assets(LETTERS)
_REMINDERS = dg.AssetSelection.assets(REMINDERS)
_REHEARSAL = dg.AssetSelection.assets(REHEARSAL)

#: The assets of ``tongbao run --until STAGE``.
UNTIL = {
    "intake": _RAW,
    "transform": _RAW | _WAREHOUSE,
    "gate": _RAW | _WAREHOUSE | _GATE,
    "publish": _RAW | _WAREHOUSE | _RECEIPTS | _GATE | _EDITION,
}


def _job(
    name: str, selection: dg.AssetSelection, description: str
) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name, selection, partitions_def=REPORTING_YEAR, description=description
    )


intake = _job("intake_year", _RAW, "Take in new and changed objects of the landing bucket.")
transform = _job("transform_year", _WAREHOUSE, "Rebuild the year's marts.")
gate = _job("gate_year", _GATE, "Judge the year's marts.")
publish = _job("publish_year", _EDITION, "Publish the snapshot that passed the gate.")
receipts = _job("receipts_year", _RECEIPTS, "Write the year's receipt pages.")
collect = _job(
    "collect",
    _RAW | _WAREHOUSE | _RECEIPTS,
    "Intake, transform and receipts, while the collection is open.",
)
rehearse = _job(
    "rehearse_year",
    _RAW | _WAREHOUSE | _REHEARSAL,
    "Intake, transform and the whole gate on the present marts, without publication.",
)
remind = _job(
    "remind_year",
    _RAW | _WAREHOUSE | _REMINDERS,
    "Intake, transform and each province's reminder of its open tasks.",
)
tell = _job(
    "tell_year",
    _RAW | _WAREHOUSE | _RECEIPTS | _LETTERS,
    "Intake, transform, receipts and the day's letters to those who submit.",
)
national_year = _job(
    "national_year",
    UNTIL["publish"],
    "Intake, transform, receipts, gate and publish, like 'tongbao run'.",
)
#: Not partitioned by year: it maintains the whole lake.
maintain = dg.define_asset_job(
    "maintain_lake",
    dg.AssetSelection.assets(UPKEEP),
    description="Expire old snapshots, merge small files, delete unused files.",
)

ALL_JOBS = [
    intake,
    transform,
    receipts,
    gate,
    publish,
    collect,
    rehearse,
    remind,
    tell,
    national_year,
    maintain,
]

#: The jobs that begin with an intake.
TAKE_IN = [job.name for job in (intake, collect, rehearse, remind, tell, national_year)]
