"""The circumstances of a judgement, and judging a snapshot under given circumstances.

Belongs here: the inputs of a decision other than the snapshot: the time, the last intake and the
waivers. An edition's manifest records them, so that its quality report can be made again years
later. Doesn't belong here: making the decision (``judging``, ``decision``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from orchestration import lakehouse
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.gate.decision import GateDecision
from orchestration.gate.judging import judge
from orchestration.gate.waivers import Waiver, read_waivers
from orchestration.storage import Store

__all__ = ["Circumstances", "circumstances_of", "judge_snapshot"]


@dataclass(frozen=True)
class Circumstances:
    """The inputs of a decision other than the snapshot.

    Attributes:
        now: the time of the judgement (aware).
        last_intake_at: when the last intake began to list objects (aware), or None.
        is_stale: whether something was taken in after the marts were built.
        waivers: all waivers of the year, valid at that time or not.
    """

    now: datetime
    last_intake_at: datetime | None
    is_stale: bool
    waivers: tuple[Waiver, ...]

    def as_data(self) -> dict[str, Any]:
        """The form for a manifest, as JSON types."""
        return {
            "judged_at": self.now.isoformat(),
            "last_intake_at": self.last_intake_at.isoformat() if self.last_intake_at else None,
            "waivers": [
                waiver.as_data() | {"suite": waiver.suite, "expectation": waiver.expectation}
                for waiver in self.waivers
            ],
        }

    @classmethod
    def from_data(cls, year: int, data: Mapping[str, Any]) -> Circumstances:
        """Restore the circumstances of a published edition, whose marts were not stale.

        Args:
            year: the reporting year.
            data: from :meth:`as_data`.
        """
        last = data["last_intake_at"]
        return cls(
            now=datetime.fromisoformat(data["judged_at"]),
            last_intake_at=datetime.fromisoformat(last) if last else None,
            is_stale=False,
            waivers=tuple(
                Waiver(
                    year=year,
                    **waiver
                    | {
                        "signed_on": date.fromisoformat(waiver["signed_on"]),
                        "valid_until": date.fromisoformat(waiver["valid_until"]),
                    },
                )
                for waiver in data["waivers"]
            ),
        )


def circumstances_of(settings: Settings, store: Store, year: int) -> Circumstances:
    """The current circumstances.

    Raises:
        UsageError: the waivers can't be read.
    """
    waivers, now = read_waivers(year), settings.now()
    with lakehouse.reader(settings, store) as con:
        return Circumstances(
            now,
            lakehouse.last_intake_at(con, year, now),
            lakehouse.marts_are_stale(con, year),
            waivers,
        )


def judge_snapshot(
    settings: Settings,
    store: Store,
    year: int,
    snapshot_id: int,
    *,
    run_id: str,
    circumstances: Circumstances | None = None,
) -> GateDecision:
    """Judge one snapshot, under the current or the given circumstances; writes nothing.

    Raises:
        GateBroken: a check could not be carried out.
        UsageError: the waivers can't be read or name unknown checks.
    """
    under = circumstances or circumstances_of(settings, store, year)
    with lakehouse.reader(settings, store, snapshot_id) as con:
        decision = judge(
            con,
            year=year,
            snapshot_id=snapshot_id,
            run_id=run_id,
            now=under.now,
            last_intake_at=under.last_intake_at,
            period=period_of(year),
            marts_stale=under.is_stale,
            waivers=under.waivers,
        )
    return replace(decision, circumstances=under.as_data())
