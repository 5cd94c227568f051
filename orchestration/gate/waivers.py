"""Waivers: signed, temporary exceptions to the gate's checks.

Belongs here: reading ``expectations/waivers.csv`` (for each waiver: who signed, office, reason,
first and last day) and deciding which failing rows a waiver covers. An entry that lacks a value
or names an unknown check stops the gate, because a waiver is a signature. Doesn't belong here:
the decision (``decision``).

The file is in the folder of the thresholds and is not a dbt seed: no model reads it, and signing
a waiver must not make the marts stale on the night before publication.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import PROJECT_ROOT
from orchestration.core.versions import WAIVERS_FILE

__all__ = ["COLUMNS", "FILE", "Waiver", "check_waivers", "read_waivers"]

FILE = PROJECT_ROOT / "expectations" / WAIVERS_FILE

COLUMNS = (
    "year",
    "suite",
    "expectation",
    "scope",
    "signed_off_by",
    "office",
    "reason",
    "signed_on",
    "valid_until",
)
_EVERYTHING = "*"


@dataclass(frozen=True)
class Waiver:
    """One signed exception to a check.

    Attributes:
        year: the reporting year.
        suite, expectation: the check.
        scope: values of key columns; the waiver covers failing rows that have them, e.g.
            ``{"province_code": "440000"}``. Empty for all rows of the check.
        signed_off_by, office, reason: who signed, of which office, and why.
        signed_on, valid_until: the first and the last day on which it is valid, in Beijing.
        where: file and line, for messages.
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
    where: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether the waiver is valid at ``now`` (aware)."""
        return self.signed_on <= _day(now) and not self.has_expired(now)

    def has_expired(self, now: datetime) -> bool:
        """Whether the last day is over at ``now`` (aware)."""
        return _day(now) > self.valid_until

    def covers(self, key: Mapping[str, str]) -> bool:
        """Whether the waiver covers a failing row with this key."""
        return all(key.get(column) == value for column, value in self.scope.items())

    @property
    def signatory(self) -> str:
        """Office and name, in Chinese order."""
        return f"{self.office}{self.signed_off_by}"

    @property
    def text_zh(self) -> str:
        """Signatory, date, last day and reason in Chinese."""
        return f"{self.signatory}{self.signed_on}签批，有效期至{self.valid_until}：{self.reason}"

    @property
    def text_en(self) -> str:
        """Signatory, date, last day and reason in English; names and reasons as in the file."""
        return (
            f"waived by {self.signed_off_by} ({self.office}) on {self.signed_on} "
            f"until {self.valid_until}: {self.reason}"
        )

    def as_data(self) -> dict[str, Any]:
        """The form for the record of a decision, as JSON types."""
        return {
            "scope": dict(self.scope),
            "signed_off_by": self.signed_off_by,
            "office": self.office,
            "reason": self.reason,
            "signed_on": self.signed_on.isoformat(),
            "valid_until": self.valid_until.isoformat(),
        }


def _day(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()


def read_waivers(year: int, path: Path | None = None) -> tuple[Waiver, ...]:
    """Read the waivers of a year, valid or not, in the file's order.

    Args:
        year: the reporting year.
        path: the file, or None for the project's.

    Raises:
        UsageError: the file can't be read or an entry (of any year) is incomplete; the message
            names the line.
    """
    path = path or FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} can't be read as UTF-8 text: {error}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    found = []
    try:
        if list(reader.fieldnames or []) != list(COLUMNS):
            raise UsageError(f"{path.name}: its first line must be {','.join(COLUMNS)}")
        for row in reader:
            waiver = _waiver(row, f"{path.name}, line {reader.line_num}")
            if waiver.year == year:
                found.append(waiver)
    except csv.Error as error:
        raise UsageError(f"{path.name}, line {reader.line_num}: {error}") from None
    return tuple(found)


def _waiver(row: dict[str, Any], where: str) -> Waiver:
    if "" in row:
        raise UsageError(f"{where}: more cells than the {len(COLUMNS)} columns")
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    blank = [name for name, cell in cells.items() if not cell]
    if blank:
        raise UsageError(f"{where}: {', '.join(blank)} is missing")
    try:
        waiver = Waiver(
            year=int(cells["year"]),
            suite=cells["suite"],
            expectation=cells["expectation"],
            scope=_scope(cells["scope"]),
            signed_off_by=cells["signed_off_by"],
            office=cells["office"],
            reason=cells["reason"],
            signed_on=_date("signed_on", cells["signed_on"]),
            valid_until=_date("valid_until", cells["valid_until"]),
            where=where,
        )
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
    if waiver.valid_until < waiver.signed_on:
        raise UsageError(f"{where}: valid_until lies before signed_on")
    return waiver


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} must be a date like 2024-12-16, not {text!r}") from None


def _scope(text: str) -> dict[str, str]:
    """Parse ``*`` or ``column=code;column=code``."""
    if text == _EVERYTHING:
        return {}
    scope = {}
    for part in text.split(";"):
        column, equals, code = part.partition("=")
        if not equals or not column.strip() or not code.strip():
            raise ValueError(f"scope must be * or column=code;column=code, not {text!r}")
        scope[column.strip()] = code.strip()
    return scope


def check_waivers(
    waivers: Iterable[Waiver], keys: Mapping[tuple[str, str], Collection[str]]
) -> None:
    """Check that every waiver refers to an existing check and to its key columns.

    Args:
        waivers: the waivers to check.
        keys: (suite, check) → the key columns of the rows that it judges.

    Raises:
        UsageError: there is no such check, or its rows have no such column; the message names the
            line.
    """
    for waiver in waivers:
        name = f"{waiver.suite}.{waiver.expectation}"
        key = keys.get((waiver.suite, waiver.expectation))
        if key is None:
            raise UsageError(f"{waiver.where}: there is no check {name}")
        unknown = sorted(set(waiver.scope) - set(key))
        if unknown:
            judged = f"by {', '.join(key)}" if key else "for the whole nation: its scope is *"
            raise UsageError(f"{waiver.where}: {name} has no {unknown[0]}, it is judged {judged}")
