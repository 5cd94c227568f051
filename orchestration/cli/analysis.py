"""Commands that read the lakehouse: queries, and tracing a figure to its submissions.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import dataclasses

import click

from orchestration.cli.output import JSON, cell, print_json

__all__ = ["sql", "trace"]


@click.command()
@click.argument("query")
@click.option("--edition", type=click.IntRange(1), help="As of this edition's snapshot.")
@click.option(
    "--year",
    type=click.IntRange(2000, 2100),
    help="Year of the edition; by default the latest year that has it.",
)
@JSON
def sql(query: str, edition: int | None, year: int | None, as_json: bool) -> None:
    """Run a read-only QUERY on the lakehouse, e.g. "select * from marts.agg_national_task"."""
    from orchestration import lakehouse, stages
    from orchestration.core.errors import UsageError
    from orchestration.core.settings import Settings

    settings = Settings.from_env()
    if year is not None and edition is None:
        raise UsageError("sql: --year needs --edition: it names the year of the edition")
    with stages.open_workspace(settings, read_only=True) as ws:
        snapshot = stages.edition_snapshot(ws, edition, year) if edition else None
        names, rows = lakehouse.answer_query(settings, ws.store, query, snapshot)
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    click.echo("\t".join(names))
    for row in rows:
        click.echo("\t".join("" if each is None else cell(each) for each in row))


@click.command()
@click.argument("figure")
@click.option(
    "--edition", type=click.IntRange(min=1), help="as of this edition; by default the newest"
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="how many units, documents and objects to list; 0 lists all",
)
@JSON
def trace(figure: str, edition: int | None, limit: int, as_json: bool) -> None:
    """Trace a FIGURE of a bulletin to its units and submissions.

    FIGURE is the data-figure of an HTML bulletin, e.g.
    2024/agg_province_task/440000/T05/on_time_rate; a column may be a difference a-b.
    """
    from orchestration import stages
    from orchestration.core.settings import Settings
    from orchestration.trace import trace_lines

    with stages.open_workspace(Settings.from_env()) as ws:
        found = stages.trace(ws, figure, edition)
    if as_json:
        print_json({**dataclasses.asdict(found), "equal": found.equal})
        return
    for line in trace_lines(found, limit):
        click.echo(line)
