"""Common options of the commands, and printing of outcomes and progress.

Belongs here: options used by several commands, printing. Doesn't belong here: the text of an
outcome (its ``lines``).
"""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click

__all__ = ["JSON", "YEAR", "cell", "new_run_id", "print_json", "print_lines", "progress_lines"]

YEAR = click.option(
    "--year", type=click.IntRange(2000, 2100), required=True, help="The reporting year."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")


def jsonable(value: Any) -> Any:
    """Convert a value that ``json`` can't encode."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def print_json(content: Any) -> None:
    """Print one JSON value on one line."""
    click.echo(json.dumps(content, ensure_ascii=False, default=jsonable))


def print_lines(outcomes: Iterable[Any]) -> None:
    """Print the ``lines`` of each outcome."""
    for outcome in outcomes:
        for line in outcome.lines:
            click.echo(line)


def progress_lines() -> Callable[[str], None]:
    """A callback that prints lines of progress to standard error.

    With a JSON log it prints nothing, because the log holds the same lines.
    """
    from orchestration.core.settings import Settings

    if Settings.from_env().log_format == "json":
        return lambda _: None
    started = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"[{time.monotonic() - started:6.1f}s] {line}", err=True)

    return say


def new_run_id() -> str:
    """An id for a run that is not started by a Dagster job."""
    return str(uuid.uuid4())


def cell(value: Any) -> str:
    """A value as one line of text without tabs, for tab-separated output."""
    text = value if isinstance(value, str) else str(jsonable(value))
    return text.replace("\t", " ").replace("\n", " ")
