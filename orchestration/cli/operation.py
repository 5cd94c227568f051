"""Commands that operate the system: local processes, alarms, maintenance of the lake.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from orchestration.cli.output import (
    JSON,
    YEAR,
    new_run_id,
    print_json,
    print_lines,
    progress_lines,
)
from orchestration.core.errors import TongbaoError

__all__ = ["alarm", "bounces", "doctor", "lake", "run_dbt", "tell", "up"]


@click.command()
@click.option("--port", type=int, default=3000, show_default=True, help="port of the web page")
def up(port: int) -> None:
    """Run local S3, the Dagster web page and the Dagster daemon until Ctrl-C."""
    from orchestration.core.settings import Settings
    from orchestration.defs.serve import serve

    serve(Settings.from_env(), port, say=click.echo)


@click.command(
    "dbt", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option(
    "--year",
    type=click.IntRange(2000, 2100),
    help="Year of the development database; by default the current one.",
)
@click.option("--fresh", "is_fresh", is_flag=True, help="Make the database again from the lake.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def run_dbt(year: int | None, is_fresh: bool, arguments: tuple[str, ...]) -> None:
    """Call dbt with ARGUMENTS on a development database, e.g. docs generate.

    The first call makes the database from the lake; nothing of it goes to the lake.
    """
    from orchestration import stages
    from orchestration.core.settings import Settings
    from orchestration.lakehouse.development import development_database, run_dbt

    settings = Settings.from_env()
    with stages.open_workspace(settings) as ws:
        path = development_database(
            settings,
            ws.store,
            year or settings.now().year,
            is_fresh=is_fresh,
            progress=lambda line: click.echo(line, err=True),
        )
    if not run_dbt(settings, path, arguments):
        raise TongbaoError(f"dbt {' '.join(arguments)} failed: see its output above")


@click.command()
@click.option("--test", "is_test", is_flag=True, help="Send a test message on every channel.")
@click.option(
    "--failed", "service", metavar="SERVICE", help="Send an alarm that this service has failed."
)
@JSON
def alarm(is_test: bool, service: str | None, as_json: bool) -> None:
    """Show the active alarm conditions; with --test, send a test message on every channel."""
    from orchestration import alarms
    from orchestration.core.errors import UsageError
    from orchestration.core.settings import Settings

    settings = Settings.from_env()
    if service:
        alarms.send_notice(settings, alarms.service_failed(service, settings.now()))
        return
    if is_test:
        results = alarms.try_channels(settings)
        if not results:
            raise UsageError(
                "alarm: no channel is configured: set TONGBAO_WEBHOOK_URL, or TONGBAO_SMTP_URL "
                "with TONGBAO_MAIL_FROM and TONGBAO_MAIL_TO"
            )
        if as_json:
            print_json([{"channel": name, "error": error} for name, error in results])
        else:
            for name, error in results:
                click.echo(f"{name}: {'not delivered: ' + error if error else 'delivered'}")
        failed = [name for name, error in results if error]
        if failed:
            raise TongbaoError(
                f"{len(failed)} of {len(results)} channels did not accept the message"
            )
        return
    found = alarms.active_alarms(settings)
    if as_json:
        print_json(found)
    else:
        print_lines([found])


@click.command()
@YEAR
@click.option("--dry-run", is_flag=True, help="Print the letters, and send and record nothing.")
@JSON
def tell(year: int, dry_run: bool, as_json: bool) -> None:
    """Send the day's letters to the contacts of units and to provinces.

    A contact hears, at most once a day, that documents were rejected, have errors or were returned,
    or that a change of the rules moved a unit's state. Provinces get their digest.
    """
    from orchestration import stages
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.tell(
            ws,
            year,
            run_id=new_run_id(),
            progress=progress_lines(),
            sends=False if dry_run else None,
        )
    if as_json:
        print_json(done.as_json())
    else:
        print_lines([done])


@click.command()
@YEAR
@click.option(
    "--read",
    "mailbox",
    type=click.Path(path_type=Path),
    help="A mailbox file or Maildir with mail to TONGBAO_MAIL_FROM: record its delivery reports.",
)
@JSON
def bounces(year: int, mailbox: Path | None, as_json: bool) -> None:
    """List the units and provinces that the last letter did not reach."""
    from orchestration import stages
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        found = stages.bounces(ws, year, mailbox)
    if as_json:
        print_json(found)
    elif found:
        print_lines(found)
    else:
        click.echo(f"letters {year}: none is known to have missed its receiver")


@click.command()
@JSON
def doctor(as_json: bool) -> int:
    """Check the installation: what is wrong, in order, and which setting mends it.

    Objects of a few bytes are written to the lake and publication buckets and deleted. The exit
    code is that of the first fault (2 a setting, 4 store or catalogue, 1 another), or 0.
    """
    from orchestration.defs.in_process import dagster_storage
    from orchestration.doctor import Check, Finding, Subject, examine, ok

    def dagster(subject: Subject) -> Finding:
        return ok(dagster_storage(subject.settings))

    report = examine([Check("dagster", dagster, ("settings",))])
    if as_json:
        print_json(report.as_json())
    else:
        print_lines([report])
    return report.exit_code


@click.group()
def lake() -> None:
    """Maintain the lakehouse."""


class _Duration(click.ParamType):
    """A duration in days or hours, e.g. ``30d`` or ``12h``."""

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
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, and change nothing.")
@click.option(
    "--older-than",
    type=_Duration(),
    help="Expire snapshots older than this, e.g. 30d (the default) or 12h.",
)
@JSON
def maintain(dry_run: bool, older_than: timedelta | None, as_json: bool) -> None:
    """Expire old snapshots, merge small files, delete unused files.

    The newest snapshot and those of editions, of each year's marts and of its verdict always stay.
    Files are deleted two days after the last snapshot that uses them.
    """
    from orchestration import stages
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.maintain(ws, keep=older_than, dry_run=dry_run, progress=progress_lines())
    if as_json:
        print_json(done)
        return
    print_lines([done])


@lake.command()
@JSON
def check(as_json: bool) -> None:
    """Compare every data file with its recorded size and sha256; exit code 1 for damage.

    Every file is read once.
    """
    from orchestration import stages
    from orchestration.core.errors import LakeDamaged
    from orchestration.core.settings import Settings

    with stages.open_workspace(Settings.from_env()) as ws:
        done = stages.check_lake(ws)
    if as_json:
        print_json(done)
    if done.is_damaged:
        if not as_json:
            for line in done.lines[:-1]:
                click.echo(line)
        raise LakeDamaged(done.line)
    if not as_json:
        print_lines([done])
