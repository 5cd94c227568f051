"""Commands on published editions: correcting, verifying, replaying years with other rules.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from orchestration.cli.output import JSON, YEAR, new_run_id, print_json, print_lines, progress_lines
from orchestration.core.errors import TongbaoError

__all__ = ["correct", "database", "replay", "verify"]


@click.command()
@YEAR
@click.option(
    "--reason", required=True, help="The reason in one sentence; it is printed in the notice."
)
@JSON
def correct(year: int, reason: str, as_json: bool) -> None:
    """Publish the next edition of YEAR, with its changes, their reason and their documents.

    Documents before the calendar's correction_cutoff count, and the gate judges again.
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
@click.option("--edition", type=click.IntRange(1), help="Its number; by default the newest.")
@JSON
def verify(year: int, edition: int | None, as_json: bool) -> None:
    """Rebuild an edition of YEAR from its snapshot and compare every file's sha256."""
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
@YEAR
@click.option("--edition", type=click.IntRange(1), help="Its number; by default the newest.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; by default out/tongbao-YEAR.duckdb in the home.",
)
def database(year: int, edition: int | None, output: Path | None) -> None:
    """Write the open data of an edition of YEAR as one DuckDB file, with views and comments."""
    from orchestration import stages
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        path = output or ws.settings.make_home() / "out" / f"tongbao-{year}.duckdb"
        stages.database(ws, year, edition, path)
    click.echo(path)


@click.command()
@click.option(
    "--rules", type=click.Path(path_type=Path), help="a file to use instead of seeds/rules.csv"
)
@click.option(
    "--indicators",
    type=click.Path(path_type=Path),
    help="a file to use instead of seeds/indicators.csv",
)
@click.option("--years", "span", help="2023-2025, or one year; by default all with marts")
@JSON
def replay(rules: Path | None, indicators: Path | None, span: str | None, as_json: bool) -> None:
    """Report how past years would differ with other rules or indicators.

    Builds the years again in a local file. Marts, gate results, editions and buckets are unchanged.
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
