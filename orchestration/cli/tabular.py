"""Printing of tabular answers: the choice of a format, standard output or a file.

Belongs here: options and output of commands that print an answer. Doesn't belong here: the formats
(``query.formats``).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from orchestration.query import BINARY_FORMATS, FORMATS

if TYPE_CHECKING:
    from orchestration.query.session import Answer

__all__ = ["format_options", "output_format", "print_answer"]

_OPTIONS = (
    click.option(
        "--format",
        "name",
        type=click.Choice(FORMATS),
        help="By default the ending of --output; else table on a terminal and csv elsewhere.",
    ),
    click.option("--json", "name", flag_value="json", help="The same as --format json."),
    click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write to a file, which is replaced when the answer is complete.",
    ),
)


def format_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the format: the arguments ``name`` and ``output`` of a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def output_format(name: str | None, output: Path | None) -> str:
    """The format of an answer.

    Args:
        name: the format that was asked for, or None.
        output: the file that was asked for, or None for standard output.

    Raises:
        UsageError: the ending of the file names no format, or the format is not for terminals.
    """
    from orchestration.core.errors import UsageError

    if name is None and output is not None:
        name = output.suffix.lower().lstrip(".")
        if name not in FORMATS:
            raise UsageError(f"--output {output}: add --format ({', '.join(FORMATS)})")
    if name in BINARY_FORMATS and output is None and sys.stdout.isatty():
        raise UsageError(f"--format {name} is not for a terminal: add --output FILE")
    return name or ("table" if sys.stdout.isatty() else "csv")


def print_answer(answer: Answer, name: str, output: Path | None) -> None:
    """Write an answer to a file or to standard output.

    The number of rows goes to standard error, if a person sees it: with a file or on a terminal.

    Raises:
        UsageError: the query has an error, or the format can't hold the answer.
    """
    from orchestration.query.formats import write_answer

    if output is None:
        rows = write_answer(answer, name, sys.stdout.buffer, is_file=False)
    else:
        with _replaced(output) as target:
            rows = write_answer(answer, name, target, is_file=True)
    if output or sys.stdout.isatty():
        where = f" in {output}" if output else ""
        click.echo(f"{rows:,} row{'' if rows == 1 else 's'}{where}", err=True)


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file for writing that takes the place of ``path`` when it is complete."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
