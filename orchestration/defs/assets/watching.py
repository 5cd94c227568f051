"""Row counts and freshness as asset checks, for Dagster's web page.

Belongs here: which asset has which check. Doesn't belong here: bounds and deadlines
(``orchestration.observing.row_counts``, ``orchestration.alarms.kinds``). Dagster's own freshness
policies don't know the reporting calendar: they would report late data every day from January to
June.
"""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from orchestration import alarms, lakehouse, observing
from orchestration.alarms.kinds import INTAKE_OVERDUE, SUBMISSIONS_WAITING, TRANSFORM_OVERDUE
from orchestration.core.errors import Unreachable
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY
from orchestration.defs.assets.landing import RAW
from orchestration.defs.assets.warehouse import marts_keys

__all__ = ["ALL_CHECKS", "freshness_events"]

_ROWS = "rows_hold"
_FRESH = "fresh"
#: The alarm conditions that make an asset late, by asset.
_FRESHNESS = {
    dg.AssetKey(["raw", "objects"]): (INTAKE_OVERDUE, SUBMISSIONS_WAITING),
    dg.AssetKey(["marts", "fct_unit_year"]): (TRANSFORM_OVERDUE,),
}


def _row_specs(keys: Iterable[dg.AssetKey], description: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(_ROWS, asset=key, description=description, partitions_def=REPORTING_YEAR)
        for key in keys
        if ".".join(key.path) not in observing.MAY_SHRINK
    ]


@dg.multi_asset_check(
    specs=_row_specs(RAW, "A year's rows are not fewer than on the last earlier day."),
    can_subset=True,
    required_resource_keys={WORKSPACE_KEY},
)
def raw_rows(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Check the row counts of ``raw``."""
    yield from _check_rows(context)


@dg.multi_asset_check(
    specs=_row_specs(
        [key for key in marts_keys() if key.path[0] == "marts"],
        "A year's rows are not much fewer than on the last earlier day and, once the collection "
        "has closed, than the year before.",
    ),
    can_subset=True,
    required_resource_keys={WORKSPACE_KEY},
)
def marts_rows(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Check the row counts of ``marts``."""
    yield from _check_rows(context)


def _check_rows(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Yield a check result for each selected table of the run's year."""
    keys = {".".join(key.asset_key.path): key for key in context.selected_asset_check_keys}
    year = int(context.partition_key)
    try:
        ws = getattr(context.resources, WORKSPACE_KEY).open()
        with lakehouse.reader(ws.settings, ws.store) as con:
            counts = observing.check_rows(con, ws.settings, sorted(keys), year)
    except Unreachable as error:
        yield from _unreadable_lake(context, error)
        return
    for count in counts:
        yield dg.AssetCheckResult(
            asset_key=keys[count.name].asset_key,
            check_name=_ROWS,
            passed=not count.fell,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "rows": count.rows,
                "rows_before": count.before,
                "rows_last_year": count.last_year,
                "too_few_against": count.fell,
            },
        )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            _FRESH,
            asset=key,
            description="None of these conditions is active: "
            + ", ".join(kind.title_en for kind in kinds),
            # Without partitions, over all years in play: Dagster stores one event without a run
            # for each asset, check and partition (unique index on asset_check_executions), and a
            # second one fails. Events without a partition are not limited. The sensor can't
            # start a run instead, because data may be late for the reason that no run starts.
        )
        for key, kinds in _FRESHNESS.items()
    ],
    can_subset=True,
    required_resource_keys={WORKSPACE_KEY},
)
def freshness(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Check whether intake and transform keep up; between runs the ``watch`` sensor does this."""
    try:
        ws = getattr(context.resources, WORKSPACE_KEY).open()
        active = alarms.lake_conditions(ws, ws.settings.now()).active
    except Unreachable as error:
        yield from _unreadable_lake(context, error)
        return
    for key in context.selected_asset_check_keys:
        late = _late(key.asset_key, active)
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=_FRESH,
            passed=not late,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"late": late},
        )


def _unreadable_lake(
    context: dg.AssetCheckExecutionContext, error: Unreachable
) -> Iterator[dg.AssetCheckResult]:
    """A warning for each check if the lake can't be read; the run doesn't fail."""
    for key in context.selected_asset_check_keys:
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"not_looked_at": str(error)},
        )


def _late(asset: dg.AssetKey, active: Sequence[alarms.Condition]) -> str:
    return "; ".join(each.en for each in active if each.kind in _FRESHNESS[asset])


def freshness_events(
    active: Sequence[alarms.Condition], former: str | None
) -> tuple[list[dg.AssetCheckEvaluation], str]:
    """The changes of the freshness checks since the last call.

    Args:
        active: the active alarm conditions.
        former: the second value that the last call returned, or None.

    Returns:
        the events, at most one for each asset, and the value for ``former`` in the next call.
    """
    events, states = [], []
    known = set((former or "").split())
    for asset, kinds in _FRESHNESS.items():
        late = sorted({str(each.year) for each in active if each.kind in kinds})
        state = f"{'/'.join(asset.path)}:{','.join(late) or 'fresh'}"
        states.append(state)
        if state not in known:
            events.append(
                dg.AssetCheckEvaluation(
                    asset_key=asset,
                    check_name=_FRESH,
                    passed=not late,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"late": _late(asset, active)},
                )
            )
    return events, " ".join(states)


ALL_CHECKS = [raw_rows, marts_rows, freshness]
