"""Dagster's code location.

Belongs here: the list of all definitions. Doesn't belong here: the definitions themselves
(``defs``) and logic.
"""

from __future__ import annotations

import dagster as dg

from orchestration.defs.assets import (
    bulletins,
    landing,
    quality,
    receipts,
    rehearsal,
    upkeep,
    warehouse,
    watching,
)
from orchestration.defs.assets.common import WORKSPACE_KEY, workspace
from orchestration.defs.jobs import ALL_JOBS
from orchestration.defs.schedules import ALL_SCHEDULES
from orchestration.defs.sensors import new_submissions, watch

__all__ = ["defs"]

defs = dg.Definitions(
    assets=[
        landing.landing,
        landing.raw,
        warehouse.warehouse,
        receipts.receipts,
        receipts.reminders,
        receipts.letters,
        rehearsal.rehearsal,
        quality.gate,
        bulletins.edition,
        *warehouse.products(),
        upkeep.upkeep,
    ],
    asset_checks=watching.ALL_CHECKS,
    jobs=ALL_JOBS,
    schedules=ALL_SCHEDULES,
    sensors=[new_submissions, watch],
    resources={WORKSPACE_KEY: workspace},
    # The target machine has two cores: there are few coarse steps, which use threads, and no
    # process for each step.
    executor=dg.in_process_executor,
)
