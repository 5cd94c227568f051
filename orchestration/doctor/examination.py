"""Runs the checks in order; whatever goes wrong in one of them is its finding.

Belongs here: the list of checks and their dependencies. Doesn't belong here: the checks.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Settings
from orchestration.doctor import lake, machine, network, outside
from orchestration.doctor.findings import Check, Finding, Report, State, Subject, fault, ok, warning
from orchestration.observing import add_secrets, redact

__all__ = ["CHECKS", "examine"]

_log = logging.getLogger(__name__)


def _settings(subject: Subject) -> Finding:
    subject.settings = Settings.from_env()
    add_secrets(*subject.settings.secrets)
    if subject.settings.fixed_now:
        return warning(
            f"TONGBAO_NOW stops the clock at {subject.settings.fixed_now:%Y-%m-%d %H:%M} UTC",
            "unset TONGBAO_NOW, except for tests and rebuilds",
        )
    return ok(f"home {subject.settings.home}")


_SETTINGS = ("settings",)
_STORE = ("settings", "store")
_REACHED = (*_STORE, "proxy", "reach")
_BUCKETS = (*_REACHED, "region", "buckets")
#: The checks, in the order of the page.
CHECKS = (
    Check("python", machine.python),
    Check("versions", machine.versions),
    Check("settings", _settings),
    Check("disk", machine.disk, _SETTINGS),
    Check("memory", machine.memory, _SETTINGS),
    Check("open files", machine.open_files),
    Check("fonts", machine.fonts, _SETTINGS),
    Check("store", network.store, _SETTINGS),
    Check("proxy", network.proxy, _STORE),
    Check("reach", network.reach, (*_STORE, "proxy")),
    Check("tls", network.tls, _REACHED),
    Check("clock", network.clock, _REACHED),
    Check("region", network.region, _REACHED),
    Check("buckets", network.buckets, _REACHED),
    Check("catalogue", lake.catalogue, _SETTINGS),
    Check("connections", lake.connections, (*_SETTINGS, "catalogue")),
    Check("lake files", lake.files, (*_BUCKETS, "catalogue")),
    Check("alarms", outside.alarm_channels, _SETTINGS),
)


def examine(more: Sequence[Check] = ()) -> Report:
    """Run all checks.

    Args:
        more: checks of layers above this one, run after the others.
    """
    found: list[Finding] = []
    with contextlib.ExitStack() as opened:
        subject = Subject(opened)
        for check in (*CHECKS, *more):
            wrong = [each.name for each in found if each.state in (State.FAULT, State.SKIPPED)]
            blocking = [name for name in check.needs if name in wrong]
            if blocking:
                result = Finding(State.SKIPPED, f"not checked: {blocking[0]} comes first")
            else:
                result = _run(check, subject)
            found.append(
                replace(
                    result,
                    name=check.name,
                    seen=redact(result.seen),
                    advice=redact(result.advice),
                )
            )
    return Report(tuple(found))


def _run(check: Check, subject: Subject) -> Finding:
    try:
        return check.run(subject)
    except TongbaoError as error:
        return fault(str(error), "", exit_code=error.exit_code)
    except Exception as error:
        _log.debug("the check %s failed", check.name, exc_info=True)
        return fault(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", "")
