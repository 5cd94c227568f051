"""Commands that read the lakehouse: queries, and tracing a figure to its submissions.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from orchestration.cli.output import JSON, print_json
from orchestration.cli.tabular import format_options, output_format, print_answer

__all__ = ["describe", "docs", "sql", "tables", "trace"]


@click.command()
@click.argument("query", required=False)
@click.option(
    "-f",
    "--file",
    "source",
    type=click.File("r", encoding="utf-8"),
    help="Read the query from a file, or from standard input (-).",
)
@click.option(
    "-p",
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="The value of $NAME in the query, as text; may be repeated.",
)
@format_options
@click.option("--edition", type=click.IntRange(1), help="As of this edition's snapshot.")
@click.option(
    "--year",
    type=click.IntRange(2000, 2100),
    help="Year of the edition; by default the latest year that has it.",
)
def sql(
    query: str | None,
    source: TextIO | None,
    parameters: tuple[str, ...],
    name: str | None,
    output: Path | None,
    edition: int | None,
    year: int | None,
) -> None:
    """Run a read-only QUERY on the lakehouse, e.g. "from agg_national_task where year = 2024".

    Without QUERY it is read from standard input. "show tables" lists the tables, "describe TABLE"
    their columns; the number of rows goes to standard error.
    """
    from orchestration import stages
    from orchestration.core.errors import UsageError
    from orchestration.core.settings import Settings
    from orchestration.query.session import open_session

    if year is not None and edition is None:
        raise UsageError("sql: --year needs --edition: it names the year of the edition")
    text, values = _query_text(query, source), _parameter_values(parameters)
    chosen = output_format(name, output)
    with stages.open_workspace(Settings.from_env(), read_only=True) as ws:
        snapshot = stages.edition_snapshot(ws, edition, year) if edition else None
        with open_session(ws.settings, ws.store, snapshot) as session:
            print_answer(session.answer(text, values), chosen, output)
            if session.adds_years(text):
                click.echo(_ADDS_YEARS, err=True)


#: A sum without a year would be that of the year and the year before.
_ADDS_YEARS = (
    "sql: the query names no year: its rows are of every year in the lake ('where year = …')"
)


def _query_text(query: str | None, source: TextIO | None) -> str:
    """The query of the argument, the file or standard input.

    Raises:
        UsageError: there is none, or there are two.
    """
    from orchestration.core.errors import UsageError

    if query is not None and source is not None:
        raise UsageError("sql: a query and --file: give one of them")
    if query is None and source is None:
        source = sys.stdin
        if source.isatty():
            raise UsageError("sql: no query: give it as argument, with --file or on standard input")
    return query if query is not None else source.read()  # type: ignore[union-attr]


def _parameter_values(parameters: Sequence[str]) -> dict[str, str]:
    from orchestration.core.errors import UsageError

    values = dict(each.removeprefix("$").partition("=")[::2] for each in parameters)
    if wrong := [each for each in parameters if "=" not in each]:
        raise UsageError(f"sql: --param {wrong[0]}: write name=value")
    return values


@click.command()
@format_options
def tables(name: str | None, output: Path | None) -> None:
    """List the tables of the lakehouse with their descriptions."""
    from orchestration import stages
    from orchestration.core.settings import Settings
    from orchestration.query.listing import list_tables
    from orchestration.query.session import open_session

    chosen = output_format(name, output)
    with (
        stages.open_workspace(Settings.from_env(), read_only=True) as ws,
        open_session(ws.settings, ws.store) as session,
    ):
        print_answer(list_tables(session), chosen, output)


@click.command()
@click.argument("table")
@format_options
def describe(table: str, name: str | None, output: Path | None) -> None:
    """Describe the columns of a TABLE of the lakehouse, e.g. marts.agg_national_task."""
    from orchestration import stages
    from orchestration.core.settings import Settings
    from orchestration.query.listing import describe_table
    from orchestration.query.session import open_session

    chosen = output_format(name, output)
    with (
        stages.open_workspace(Settings.from_env(), read_only=True) as ws,
        open_session(ws.settings, ws.store) as session,
    ):
        print_answer(describe_table(session, table), chosen, output)


@click.command()
@click.option(
    "--year", type=click.IntRange(2000, 2100), help="By default the latest year with marts."
)
@click.option("--senders", is_flag=True, help="The guide for senders; it needs no lakehouse.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
def docs(year: int | None, senders: bool, output: Path | None) -> None:
    """Write the data manual, or the guide for senders, as one offline page in Chinese.

    The data manual has tables, columns, keys, indicators, rules, terms and example queries with
    their answers; every edition has its own (docs/index.html).
    """
    from orchestration import stages
    from orchestration.core.settings import Settings

    settings = Settings.from_env()
    if senders:
        from orchestration.receipts import sender_guide

        name, body = "senders.html", sender_guide(year or settings.now().year)
    else:
        with stages.open_workspace(settings) as ws:
            name, body = "manual.html", stages.manual(ws, year)
    path = output or settings.make_home() / "out" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    click.echo(path)


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
    from orchestration.lakehouse import without_pandas
    from orchestration.trace import trace_lines

    with without_pandas(), stages.open_workspace(Settings.from_env(), read_only=True) as ws:
        found = stages.trace(ws, figure, edition)
    if as_json:
        print_json({**dataclasses.asdict(found), "equal": found.equal})
        return
    for line in trace_lines(found, limit):
        click.echo(line)
