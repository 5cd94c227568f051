"""Receipt pages, reminders and letters as assets (marts → receipts → letters)."""

import dataclasses

import dagster as dg

from orchestration import alarms, stages
from orchestration.core.settings import Settings
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, run_stage
from orchestration.defs.assets.warehouse import marts_keys

__all__ = ["LETTERS", "RECEIPTS", "REMINDERS", "letters", "receipts", "reminders"]

RECEIPTS = dg.AssetKey(["publication", "receipts"])
REMINDERS = dg.AssetKey(["publication", "reminders"])
LETTERS = dg.AssetKey(["publication", "letters"])


@dg.asset(
    key=RECEIPTS,
    deps=marts_keys(),
    group_name="publication",
    kinds={"html"},
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
    description="Receipt pages in Chinese for each object, each unit and each province and day.",
)
def receipts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Write the pages whose content has changed."""
    done = run_stage(context, stages.receipts)
    return dg.MaterializeResult(
        metadata={
            "object_pages": done.objects,
            "unit_pages": done.units,
            "province_pages": done.provinces,
        }
    )


@dg.asset(
    key=REMINDERS,
    deps=marts_keys(),
    group_name="publication",
    kinds={"html"},
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
    description="Each province's open tasks before the cut-off, in Chinese.",
)
def reminders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Write today's reminder for every province and send a notice with the number of them."""
    done = run_stage(context, stages.reminders)
    due = [each.province_code for each in done.reminders if any(each.outstanding.values())]
    settings = Settings.from_env()
    alarms.send_notice(
        settings,
        alarms.notice(
            year=done.year,
            zh=f"距截止还有 {done.days_left} 天：各省催报单已生成，"
            f"{len(due)} 个省级单位仍有未完成事项",
            en=f"{done.days_left} days to the cut-off: the provinces' reminders are written, "
            f"{len(due)} provinces have open tasks",
            affected=alarms.Affected(dict.fromkeys(due, 0)),
            now=settings.now(),
        ),
    )
    return dg.MaterializeResult(
        metadata={
            "days_left": done.days_left,
            "provinces": dg.MetadataValue.json(
                [dataclasses.asdict(reminder) for reminder in done.reminders]
            ),
        }
    )


@dg.asset(
    key=LETTERS,
    deps=[RECEIPTS],
    group_name="publication",
    kinds={"email"},
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
    description="The day's letters to the contacts of units and to provinces.",
)
def letters(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Send the letters; only their numbers are shown."""
    done = run_stage(context, stages.tell)
    return dg.MaterializeResult(
        metadata={
            "letters": len(done.letters),
            "sent": done.outcomes.get("sent", 0),
            "refused": done.outcomes.get("refused", 0),
            "unaddressed": len(done.unaddressed),
        }
    )
