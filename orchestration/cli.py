"""The command line: words in, stages called, words out. No logic.

Exit codes (contract §3): 0 done; 2 usage or settings; 3 the gate blocks; 4 storage or catalogue
can't be reached; 1 anything else, with one line.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from orchestration.errors import TongbaoError

__all__ = ["main"]

_log = logging.getLogger(__name__)

_YEAR = click.option(
    "--year", type=click.IntRange(2000, 2100), required=True, help="The reporting year."
)
#: The document types of ``orchestration.intake.contracts``, which would take a second to import
#: for every ``--help``; a test compares the two.
_KINDS = [
    "registration",
    "plan",
    "review",
    "performance",
    "assessment",
    "provincial_summary",
    "explanation",
]
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, default=_jsonable))


def _print_lines(outcomes: Iterable[Any]) -> None:
    for outcome in outcomes:
        for line in outcome.lines:
            click.echo(line)


def _progress(started: float) -> Callable[[str], None]:
    """Lines of progress for people; where the log is JSON, the log has them."""
    from orchestration.settings import Settings

    if Settings.from_env().log_format == "json":
        return lambda _: None

    def say(line: str) -> None:
        click.echo(f"[{time.monotonic() - started:6.1f}s] {line}", err=True)

    return say


class _Commands(click.Group):
    """Turns every error into one line and its exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        if sys.unraisablehook is sys.__unraisablehook__ and not os.environ.get("TONGBAO_DEBUG"):
            # What breaks once more while the broken is tidied away: the line says why it broke.
            sys.unraisablehook = lambda again: _log.debug("while tidying up: %s", again.exc_value)
        try:
            code = super().main(*args, **kwargs)
            sys.exit(code if isinstance(code, int) else 0)
        except click.exceptions.Exit as exit_:
            sys.exit(exit_.exit_code)
        except click.Abort:
            click.echo("tongbao: stopped", err=True)
            sys.exit(1)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            hint = f" (see '{context.command_path} --help')" if context else ""
            click.echo(f"tongbao: {error.format_message()}{hint}", err=True)
            sys.exit(2)
        except TongbaoError as error:
            for line in getattr(error, "lines", ()):
                click.echo(line, err=True)
            click.echo(f"tongbao: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("tongbao: stopped", err=True)
            sys.exit(130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            if os.environ.get("TONGBAO_DEBUG"):
                raise
            if isinstance(error, OSError) and error.filename:
                # A folder that isn't there, may not be written to, is full.
                click.echo(f"tongbao: {error.filename}: {error.strerror}", err=True)
                sys.exit(1)
            first = " ".join(str(error).split())[:300]
            click.echo(
                f"tongbao: {type(error).__name__}: {first} (TONGBAO_DEBUG=1 shows where)", err=True
            )
            sys.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tongbao", prog_name="tongbao")
def main() -> None:
    """通报: from submissions in object storage to the annual bulletins."""
    # Importing dbt, Dagster and Great Expectations makes a million objects that stay; looking
    # through them every 700 new ones (Python's default) is a fifth of the time that it takes.
    gc.set_threshold(50_000, 20, 20)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "true")
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


def _run_id() -> str:
    return str(uuid.uuid4())


@main.command()
@_YEAR
@click.option("--scale", type=click.FloatRange(0.001, 20), default=1.0, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option(
    "--faults",
    type=click.Choice(["default", "heavy", "none"]),
    default="default",
    show_default=True,
    help="heavy makes a year that the gate blocks",
)
@click.option(
    "--keep-earlier", is_flag=True, help="leave what a former demo wrote of earlier years"
)
@_JSON
def demo(
    year: int, scale: float, seed: int, faults: str, keep_earlier: bool, as_json: bool
) -> None:
    """Write a synthetic collection (合成数据) of YEAR and the year before."""
    from orchestration import stages
    from orchestration.demo import generate
    from orchestration.settings import Settings

    settings = Settings.from_env()
    with stages.open_workspace(settings) as ws:
        done = generate(
            ws.store,
            settings,
            year=year,
            scale=scale,
            seed=seed,
            faults=faults,
            keep_earlier=keep_earlier,
            progress=_progress(time.monotonic()),
        )
    if as_json:
        _print_json(done)
        return
    click.echo(f"demo {year}: {done}")


@main.command()
@_YEAR
@click.option(
    "--until",
    type=click.Choice(["intake", "transform", "gate", "publish"]),
    default="publish",
    show_default=True,
    help="the last stage to run",
)
@_JSON
def run(year: int, until: str, as_json: bool) -> None:
    """Intake, transform, gate and publish YEAR, as the Dagster job does it."""
    from orchestration.runner import run_in_process

    done = run_in_process(year, until, progress=_progress(time.monotonic()))
    if as_json:
        _print_json(done)
        return
    outcome = done[until]
    _print_lines(outcome if isinstance(outcome, list) else [outcome])


@main.command()
@_YEAR
@_JSON
def gate(year: int, as_json: bool) -> None:
    """Judge the marts of YEAR: is this snapshot fit to be published? Exit code 3 if not."""
    from orchestration import stages
    from orchestration.errors import GateBlocked
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.gate(ws, year, run_id=_run_id(), progress=_progress(time.monotonic()))
    if as_json:
        _print_json(done)
    if done.blocked:
        raise GateBlocked(done.verdict, () if as_json else done.lines)
    if not as_json:
        _print_lines([done])


@main.command()
@click.option(
    "--year", type=click.IntRange(2000, 2100), help="The last one that has opened where none is."
)
@_JSON
def rehearse(year: int | None, as_json: bool) -> None:
    """What would block publication now, who is late, how many will be missing.

    Takes in what is new, rebuilds the marts and carries out the whole gate, but records no verdict
    and publishes no bulletin: only a page, and a digest for each province. Exit code 0 also where
    it would block.
    """
    from orchestration import stages
    from orchestration.reporting_calendar import newest_year
    from orchestration.settings import Settings

    settings, run_id, progress = Settings.from_env(), _run_id(), _progress(time.monotonic())
    chosen = year or newest_year(settings.now())
    with stages.open_workspace(settings) as ws:
        stages.intake(ws, chosen, run_id=run_id, progress=progress)
        stages.transform(ws, chosen, run_id=run_id, progress=progress)
        done = stages.rehearse(ws, chosen, run_id=run_id, progress=progress)
    if as_json:
        _print_json(done)
        return
    _print_lines([done])


@main.command()
@_YEAR
@_JSON
def publish(year: int, as_json: bool) -> None:
    """Publish the bulletins of YEAR from the snapshot that the gate let through."""
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.publish(ws, year, run_id=_run_id(), progress=_progress(time.monotonic()))
    if as_json:
        _print_json(done)
    if done.refused:
        raise TongbaoError(done.lines[-1])
    if not as_json:
        _print_lines([done])


@main.command()
@_YEAR
@click.option("--reason", required=True, help="Why, in a sentence; it stands in the notice.")
@_JSON
def correct(year: int, reason: str, as_json: bool) -> None:
    """Publish the next edition of YEAR, with what changed, why and from which documents.

    Documents up to the calendar's correction_cutoff count, and the gate judges anew.
    """
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.correct(
            ws, year, reason, run_id=_run_id(), progress=_progress(time.monotonic())
        )
    if as_json:
        _print_json(done)
    else:
        _print_lines([done])


@main.command()
@_YEAR
@click.option("--edition", type=click.IntRange(1), help="The newest where none is given.")
@_JSON
def verify(year: int, edition: int | None, as_json: bool) -> None:
    """Make an edition of YEAR again from its snapshot and compare every file's sha256."""
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.verify(
            ws, year, edition, run_id=_run_id(), progress=_progress(time.monotonic())
        )
    if as_json:
        _print_json(done)
    if not done.same:
        if not as_json:
            _print_lines([done])
        raise TongbaoError(f"edition {done.edition} of {year} can't be confirmed")
    if not as_json:
        _print_lines([done])


@main.command()
@click.option("--test", "is_test", is_flag=True, help="Send a test message by every channel.")
@_JSON
def alarm(is_test: bool, as_json: bool) -> None:
    """Say what stands that somebody should know; with --test, whether anybody can be told."""
    from orchestration import alarms
    from orchestration.errors import UsageError
    from orchestration.settings import Settings

    settings = Settings.from_env()
    if is_test:
        tried = alarms.try_channels(settings)
        if not tried:
            raise UsageError(
                "alarm: no channel is set: TONGBAO_WEBHOOK_URL, or TONGBAO_SMTP_URL with "
                "TONGBAO_MAIL_FROM and TONGBAO_MAIL_TO"
            )
        if as_json:
            _print_json([{"channel": name, "error": error} for name, error in tried])
        else:
            for name, error in tried:
                click.echo(f"{name}: {'not delivered: ' + error if error else 'delivered'}")
        failed = [name for name, error in tried if error]
        if failed:
            raise TongbaoError(f"{len(failed)} of {len(tried)} channels took no message")
        return
    found = alarms.standing(settings)
    if as_json:
        _print_json(found)
    else:
        _print_lines([found])


@main.command()
@click.option("--rules", type=click.Path(path_type=Path), help="instead of seeds/rules.csv")
@click.option(
    "--indicators", type=click.Path(path_type=Path), help="instead of seeds/indicators.csv"
)
@click.option("--years", "span", help="2023-2025, or one year; all that have marts if not given")
@_JSON
def replay(rules: Path | None, indicators: Path | None, span: str | None, as_json: bool) -> None:
    """Report what past years would have been with other rules or indicators.

    Builds the years once more, beside the lake; marts, gate results, editions and buckets stay
    as they are.
    """
    from orchestration import stages
    from orchestration.errors import UsageError
    from orchestration.settings import Settings

    wanted: list[int] = []
    if span is not None:
        ends = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", span)
        wanted = list(range(int(ends[1]), int(ends[2] or ends[1]) + 1)) if ends else []
        if not wanted:
            raise UsageError(f"--years: {span!r} is neither a year nor a span such as 2023-2025")
    given = {"rules": rules, "indicators": indicators}
    seeds = {name: path for name, path in given.items() if path is not None}
    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.replay(ws, seeds, wanted, progress=_progress(time.monotonic()))
    if as_json:
        _print_json(done.as_json())
    else:
        _print_lines([done])


@main.command()
@click.option("--port", type=int, default=3000, show_default=True, help="of the web page")
def up(port: int) -> None:
    """Local S3, the Dagster web page and its daemon, until Ctrl-C."""
    from orchestration.settings import Settings
    from orchestration.up import serve

    serve(Settings.from_env(), port, say=click.echo)


@main.command()
@_YEAR
@_JSON
def intake(year: int, as_json: bool) -> None:
    """Take in what is new in the landing bucket, of every year up to YEAR."""
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.intake(ws, year, run_id=_run_id(), progress=_progress(time.monotonic()))
    if as_json:
        _print_json(done)
        return
    _print_lines([done])


@main.command()
@_YEAR
@_JSON
def transform(year: int, as_json: bool) -> None:
    """Rebuild the marts of YEAR (and first those of the year before where they are missing)."""
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.transform(ws, year, run_id=_run_id(), progress=_progress(time.monotonic()))
    if as_json:
        _print_json([{**dataclasses.asdict(item), "nodes": len(item.nodes)} for item in done])
        return
    _print_lines(done)


@main.command()
@_YEAR
@click.option("--task", help="T01 to T11")
@click.option("--province", help="six digits: its units are filled in, from the lakehouse")
@click.option("--out", type=click.Path(path_type=Path), help="the file to write")
@click.option("--publish", is_flag=True, help="all tasks' forms, into the publication bucket")
def template(
    year: int, task: str | None, province: str | None, out: Path | None, publish: bool
) -> None:
    """Make the XLSX reporting form of a TASK for units to fill in."""
    from orchestration import forms, lakehouse, stages
    from orchestration.errors import UsageError
    from orchestration.settings import Settings

    settings = Settings.from_env()
    if publish:
        with stages.open_workspace(settings) as ws:
            _print_lines([forms.publish_forms(ws.store, settings.publication_bucket, year)])
        return
    if task is None:
        raise UsageError("template: give --task T01 … T11, or --publish for all")
    units: list[forms.FormUnit] = []
    if province:
        with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
            units = forms.expected_units(con, task, year, province)
    path = out or Path("-".join(part for part in (task, str(year), province) if part) + ".xlsx")
    body = forms.make_form(task, year, units)
    try:
        path.write_bytes(body)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    click.echo(path)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "kind", type=click.Choice(_KINDS), help="document type of the files")
@click.option("--year", type=click.IntRange(2000, 2100), help="the reporting year")
@click.option("--province", help="six digits, e.g. 440000")
@click.option("--json", "as_json", is_flag=True, help="Print the receipts themselves, as JSON.")
def check(
    files: tuple[Path, ...],
    kind: str | None,
    year: int | None,
    province: str | None,
    as_json: bool,
) -> None:
    """Say of FILES what their receipts would say, before anything is uploaded.

    Works with no store and no lakehouse. Where a file belongs is taken from its path in the
    landing zone's layout, from its content, or from the options.
    """
    from orchestration.intake.offline import check_file
    from orchestration.settings import Settings

    settings = Settings.from_env()
    receipts = [
        json.loads(check_file(path, settings, kind=kind, year=year, province=province))
        for path in files
    ]
    if as_json:
        _print_json(receipts[0] if len(receipts) == 1 else receipts)
        return
    for path, said in zip(files, receipts, strict=True):
        counts = said["counts"]
        click.echo(
            f"{path}: {said['status']}; {counts['documents']} documents, "
            f"{counts['errors']} errors, {counts['warnings']} warnings"
        )
        for item in sorted(said["errors"], key=lambda item: str(item["severity"])):
            click.echo(f"  {item['code']} {item['severity']} {item['where'] or '-'}")
            click.echo(f"      {item['message_zh']}")
            click.echo(f"      {item['message_en']}")
    click.echo(
        "not judged offline: registration, last year's values, targets, earlier documents, "
        "report files",
        err=True,
    )


@main.command()
@_YEAR
@_JSON
def receipts(year: int, as_json: bool) -> None:
    """Write the readable receipts of YEAR: of objects, units and provinces."""
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.receipts(ws, year, run_id=_run_id(), progress=_progress(time.monotonic()))
    if as_json:
        _print_json(done)
        return
    _print_lines([done])


@main.command()
@click.argument("figure")
@click.option("--edition", type=click.IntRange(min=1), help="as of this edition; else the newest")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="units, documents and objects that are listed; 0 lists all",
)
@_JSON
def trace(figure: str, edition: int | None, limit: int, as_json: bool) -> None:
    """Trace a FIGURE of a bulletin to its units and submissions.

    FIGURE is the data-figure of an HTML bulletin, e.g.
    2024/agg_province_task/440000/T05/on_time_rate; a column may be a difference a-b.
    """
    from orchestration import stages
    from orchestration.settings import Settings
    from orchestration.trace import trace_lines

    with stages.open_workspace(Settings.from_env()) as ws:
        found = stages.trace(ws, figure, edition)
    if as_json:
        _print_json({**dataclasses.asdict(found), "equal": found.equal})
        return
    for line in trace_lines(found, limit):
        click.echo(line)


@main.command()
@click.argument("query")
@click.option("--edition", type=click.IntRange(1), help="As of this edition's snapshot.")
@click.option("--year", type=click.IntRange(2000, 2100), help="Whose edition; else the last one's.")
@_JSON
def sql(query: str, edition: int | None, year: int | None, as_json: bool) -> None:
    """Run a read-only QUERY on the lakehouse, e.g. "select * from marts.agg_national_task"."""
    import duckdb

    from orchestration import lakehouse, stages
    from orchestration.errors import UsageError
    from orchestration.settings import Settings

    settings = Settings.from_env()
    if year is not None and edition is None:
        raise UsageError("sql: --year says whose --edition; without an edition it says nothing")
    with (
        stages.open_workspace(settings, read_only=True) as ws,
        lakehouse.reader(
            settings, ws.store, stages.edition_snapshot(ws, edition, year) if edition else None
        ) as con,
    ):
        try:
            # The lake is attached read-only; this keeps a query from writing files beside it.
            statements = con.extract_statements(query)
            allowed = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
            if len(statements) != 1 or statements[0].type not in allowed:
                raise UsageError("sql: one query that only reads (select, describe, explain)")
            cursor = con.execute(query)
            names = [column[0] for column in cursor.description or []]
            rows = cursor.fetchall()
        except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
            raise UsageError(f"sql: {error}") from None
    if as_json:
        _print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    click.echo("\t".join(names))
    for row in rows:
        click.echo("\t".join("" if cell is None else _cell(cell) for cell in row))


@main.group()
def lake() -> None:
    """Upkeep of the lakehouse."""


class _Duration(click.ParamType):
    """``30d`` or ``12h``."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d{1,5})([dh])", value)
        if not match:
            self.fail(f"{value!r} is not a duration like 30d or 12h", param, ctx)
        number = int(match[1])
        return timedelta(days=number) if match[2] == "d" else timedelta(hours=number)


@lake.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--older-than",
    type=_Duration(),
    help="Expire snapshots older than this, e.g. 30d (the default) or 12h.",
)
@_JSON
def maintain(dry_run: bool, older_than: timedelta | None, as_json: bool) -> None:
    """Expire old snapshots, merge small files, delete what nothing reads.

    Snapshots of editions, of each year's marts and verdict and the newest one always stay. Files
    go two days after nothing reads them any more.
    """
    from orchestration import stages
    from orchestration.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.maintain(
            ws, keep=older_than, dry_run=dry_run, progress=_progress(time.monotonic())
        )
    if as_json:
        _print_json(done)
        return
    _print_lines([done])


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else str(_jsonable(value))
    return text.replace("\t", " ").replace("\n", " ")


if __name__ == "__main__":
    main()
