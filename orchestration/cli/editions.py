"""Editions that are published: correcting, verifying, and years made again with other rules.

Belongs here: arguments in, a stage called, its outcome printed. No logic.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from orchestration.cli.output import JSON, YEAR, new_run_id, print_json, print_lines, progress_lines
from orchestration.core.errors import TongbaoError

__all__ = ["correct", "replay", "verify"]


@click.command()
@YEAR
@click.option("--reason", required=True, help="Why, in a sentence; it stands in the notice.")
@JSON
def correct(year: int, reason: str, as_json: bool) -> None:
    """Publish the next edition of YEAR, with what changed, why and from which documents.

    Documents up to the calendar's correction_cutoff count, and the gate judges anew.
    """
    from orchestration import stages
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.correct(ws, year, reason, run_id=new_run_id(), progress=progress_lines())
    if as_json:
        print_json(done)
    else:
        print_lines([done])


@click.command()
@YEAR
@click.option("--edition", type=click.IntRange(1), help="The newest where none is given.")
@JSON
def verify(year: int, edition: int | None, as_json: bool) -> None:
    """Make an edition of YEAR again from its snapshot and compare every file's sha256."""
    from orchestration import stages
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.verify(ws, year, edition, run_id=new_run_id(), progress=progress_lines())
    if as_json:
        print_json(done)
    if not done.same:
        if not as_json:
            print_lines([done])
        raise TongbaoError(f"edition {done.edition} of {year} can't be confirmed")
    if not as_json:
        print_lines([done])


@click.command()
@click.option("--rules", type=click.Path(path_type=Path), help="instead of seeds/rules.csv")
@click.option(
    "--indicators", type=click.Path(path_type=Path), help="instead of seeds/indicators.csv"
)
@click.option("--years", "span", help="2023-2025, or one year; all that have marts if not given")
@JSON
def replay(rules: Path | None, indicators: Path | None, span: str | None, as_json: bool) -> None:
    """Report what past years would have been with other rules or indicators.

    Builds the years once more, beside the lake; marts, gate results, editions and buckets stay
    as they are.
    """
    from orchestration import stages
    from orchestration.core.errors import UsageError
    from orchestration.core.settings import Settings

    wanted: list[int] = []
    if span is not None:
        ends = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", span)
        wanted = list(range(int(ends[1]), int(ends[2] or ends[1]) + 1)) if ends else []
        if not wanted:
            raise UsageError(f"--years: {span!r} is neither a year nor a span such as 2023-2025")
    given = {"rules": rules, "indicators": indicators}
    seeds = {name: path for name, path in given.items() if path is not None}
    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.replay(ws, seeds, wanted, progress=progress_lines())
    if as_json:
        print_json(done.as_json())
    else:
        print_lines([done])
