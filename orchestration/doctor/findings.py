"""What a check finds, what it is given, and the page with all findings.

Belongs here: the types that the checks share. Doesn't belong here: checks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestration.core.settings import Settings
from orchestration.storage import Store

__all__ = ["Check", "Finding", "Report", "State", "Subject", "fault", "ok", "warning"]


class State(StrEnum):
    """The state of what was checked."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        state: a fault stops a run or makes its result wrong; a warning does neither yet.
        seen: what was seen, without secrets.
        advice: what to do, with the setting's name; empty if there is nothing to do.
        exit_code: exit code of the command (contract §3) if this is its first fault.
        name: name of the check.
    """

    state: State
    seen: str
    advice: str = ""
    exit_code: int = 1
    name: str = ""


def ok(seen: str) -> Finding:
    """There is nothing to do."""
    return Finding(State.OK, seen)


def warning(seen: str, advice: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(State.WARNING, seen, advice)


def fault(seen: str, advice: str, *, exit_code: int = 1) -> Finding:
    """It doesn't work."""
    return Finding(State.FAULT, seen, advice, exit_code)


@dataclass
class Subject:
    """What the checks look at. A check sets what those after it need.

    Attributes:
        opened: closed after the last check.
        settings: set by the check ``settings``.
        store: set by the check ``store``; it may not be reachable.
        response: headers of the store's response, set by the check ``reach``; lower case.
    """

    opened: contextlib.ExitStack
    settings: Settings = field(init=False)
    store: Store = field(init=False)
    response: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: as printed.
        run: the check; an exception that it raises is a fault.
        needs: names of checks before it; after a fault of one of them it is skipped.
    """

    name: str
    run: Callable[[Subject], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The findings of all checks, in order."""

    findings: tuple[Finding, ...] = field(default_factory=tuple)

    def count(self, state: State) -> int:
        """Number of findings in a state."""
        return sum(finding.state is state for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 if there is no fault, otherwise the exit code of the first one."""
        faults = (each for each in self.findings if each.state is State.FAULT)
        return next((each.exit_code for each in faults), 0)

    @property
    def lines(self) -> list[str]:
        """The page for the terminal."""
        width = max(len(each.name) for each in self.findings)
        lines = []
        for each in self.findings:
            lines.append(f"{each.state:<8} {each.name:<{width}}  {each.seen}")
            if each.advice:
                lines.append(f"{'':<8} {'':<{width}}  → {each.advice}")
        faults, warnings = self.count(State.FAULT), self.count(State.WARNING)
        lines.append(
            f"{len(self.findings)} checks: {faults} fault{'s' * (faults != 1)}, "
            f"{warnings} warning{'s' * (warnings != 1)}, {self.count(State.SKIPPED)} skipped"
        )
        return lines

    def as_json(self) -> dict[str, object]:
        """The page for machines."""
        return {
            "exit_code": self.exit_code,
            "checks": [
                {
                    "name": each.name,
                    "state": str(each.state),
                    "seen": each.seen,
                    "advice": each.advice,
                }
                for each in self.findings
            ],
        }
