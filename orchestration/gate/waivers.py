"""Waivers: findings of the gate that somebody has taken upon themselves, for a time.

Belongs here: reading ``expectations/waivers.csv`` (a row a waiver: who, of which office, why,
since when, until when) and saying which failing rows one covers. An entry that lacks one of these,
or that names a check that doesn't exist, stops the gate: a waiver is a signature, not a hint.
Doesn't belong here: deciding (``decision``).
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from orchestration.errors import UsageError
from orchestration.reporting_calendar import SHANGHAI
from orchestration.settings import PROJECT_ROOT, WAIVERS_FILE

__all__ = ["Waiver", "read_waivers"]

_FILE = PROJECT_ROOT / "expectations" / WAIVERS_FILE
_EVERYTHING = "*"


@dataclass(frozen=True)
class Waiver:
    """One signed-off exception.

    Attributes:
        scope: the key columns of a failing row that it covers, e.g. ``{"province_code":
            "440000"}``; empty covers every row of the check.
        valid_until: the last day on which it counts, in Beijing.
    """

    year: int
    suite: str
    expectation: str
    scope: Mapping[str, str]
    signed_off_by: str
    office: str
    reason: str
    signed_on: date
    valid_until: date

    def is_valid(self, now: datetime) -> bool:
        """Whether it counts at ``now`` (aware): from the day it was signed to its last day."""
        return self.signed_on <= now.astimezone(SHANGHAI).date() <= self.valid_until

    def covers(self, key: Mapping[str, str]) -> bool:
        """Whether a failing row with this key is meant."""
        return all(key.get(column) == value for column, value in self.scope.items())

    @property
    def text_zh(self) -> str:
        """Who, why, until when."""
        return (
            f"{self.office}{self.signed_off_by}{self.signed_on}签批，"
            f"有效期至{self.valid_until}：{self.reason}"
        )

    @property
    def text_en(self) -> str:
        """Who, why, until when (names and reasons stay as they were written)."""
        return (
            f"waived by {self.signed_off_by} ({self.office}) on {self.signed_on} "
            f"until {self.valid_until}: {self.reason}"
        )


def read_waivers(
    year: int, checks: Collection[tuple[str, str]], path: Path = _FILE
) -> tuple[Waiver, ...]:
    """The waivers of a year, valid or not, in the file's order.

    Args:
        checks: suite and name of every check.

    Raises:
        UsageError: an entry is incomplete or names what doesn't exist; says which line.
    """
    found = []
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for number, row in enumerate(csv.DictReader(handle), start=2):
            where = f"{path.name}, line {number}"
            blank = [name for name, cell in row.items() if not (cell or "").strip()]
            if blank:
                raise UsageError(f"{where}: {', '.join(blank)} is missing")
            if (row["suite"], row["expectation"]) not in checks:
                raise UsageError(f"{where}: there is no check {row['suite']}.{row['expectation']}")
            try:
                waiver = Waiver(
                    year=int(row["year"]),
                    suite=row["suite"],
                    expectation=row["expectation"],
                    scope=_scope(row["scope"]),
                    signed_off_by=row["signed_off_by"].strip(),
                    office=row["office"].strip(),
                    reason=row["reason"].strip(),
                    signed_on=date.fromisoformat(row["signed_on"]),
                    valid_until=date.fromisoformat(row["valid_until"]),
                )
            except ValueError as error:
                raise UsageError(f"{where}: {error}") from None
            if waiver.year == year:
                found.append(waiver)
    return tuple(found)


def _scope(text: str) -> dict[str, str]:
    """``*``, or ``column=code;column=code``."""
    if text.strip() == _EVERYTHING:
        return {}
    scope = {}
    for part in text.split(";"):
        column, equals, code = part.partition("=")
        if not equals or not column.strip() or not code.strip():
            raise ValueError(f"scope must be * or column=code;column=code, not {text!r}")
        scope[column.strip()] = code.strip()
    return scope
