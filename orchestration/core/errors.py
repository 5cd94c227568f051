"""The errors that a user may see, each with its exit code from the contract.

Belongs here: exception classes and exit codes. Doesn't belong here: error codes of
submissions (those are rows of ``dbt_project/seeds/error_codes.csv``).
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "GateBlocked",
    "LakeDamaged",
    "PublicationRefused",
    "TongbaoError",
    "Unreachable",
    "UsageError",
    "error_with",
]


class TongbaoError(Exception):
    """An error that is reported as one line, without a traceback (exit code 1).

    Args:
        message: one line: what went wrong and where to look.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UsageError(TongbaoError):
    """A wrong argument or setting (exit code 2)."""

    exit_code = 2


class GateBlocked(TongbaoError):
    """The quality gate holds publication back (exit code 3).

    Args:
        message: one line.
        lines: for the terminal: the failed checks, the size of each deviation and its causes.
        notice: for alarms and logs: the same with the next steps, as one message.
    """

    exit_code = 3

    def __init__(self, message: str, lines: Sequence[str] = (), notice: str = "") -> None:
        super().__init__(message)
        self.lines = tuple(lines)
        self.notice = notice or message


class PublicationRefused(TongbaoError):
    """The marts are newer than the current edition, which is never changed (exit code 1)."""


class LakeDamaged(TongbaoError):
    """Data files of the lake are missing or altered (exit code 1)."""


class Unreachable(TongbaoError):
    """Object storage or the lakehouse catalogue can't be reached or is locked (exit code 4)."""

    exit_code = 4


def error_with(exit_code: int, message: str) -> TongbaoError:
    """The error of another process, by the exit code and the message that it has reported."""
    kinds = {kind.exit_code: kind for kind in (TongbaoError, UsageError, GateBlocked, Unreachable)}
    return kinds[exit_code](message)
