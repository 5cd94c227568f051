"""What tests start that no wheel brings: one row a program, how it is found, how it is installed.

Belongs here: looking for these programs and saying what is missing. Doesn't belong here: which test
needs which (each says so itself).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CHROMIUM", "NEEDS", "NGINX", "SYSTEMD", "Need", "missing"]


@dataclass(frozen=True)
class Need:
    """A program of the system.

    Attributes:
        name: what people call it.
        package: Debian's package of it.
        found: its path, or None.
    """

    name: str
    package: str
    found: Callable[[], str | None]

    @property
    def advice(self) -> str:
        """What is missing and how to get it, in one line."""
        return f"{self.name} is not installed: apt-get install {self.package}"


def _chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


CHROMIUM = Need("Chromium", "chromium", _chromium)
SYSTEMD = Need("systemd-analyze", "systemd", lambda: shutil.which("systemd-analyze"))
#: Often on the path of the superuser only.
NGINX = Need(
    "nginx", "nginx-light", lambda: shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
)
NEEDS = (CHROMIUM, SYSTEMD, NGINX)


def missing() -> list[str]:
    """The advice for each program that is not there."""
    return [need.advice for need in NEEDS if need.found() is None]
