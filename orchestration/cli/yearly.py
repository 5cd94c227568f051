"""Commands on a reporting year: each stage, and the whole run.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import click

from orchestration.cli.output import JSON, YEAR, new_run_id, print_json, print_lines, progress_lines
from orchestration.core.errors import Unreachable

__all__ = ["gate", "intake", "publish", "receipts", "rehearse", "run", "transform"]


def _run_stage(name: str, year: int, **more: Any) -> Any:
    """The result of the function ``name`` of ``stages`` for a year; ``more`` is for it."""
    from orchestration import stages
    from orchestration.core.settings import Settings

    stage = getattr(stages, name)
    with stages.open_workspace(Settings.from_env()) as ws:
        return stage(ws, year, run_id=new_run_id(), progress=progress_lines(), **more)


def _print_outcome(outcome: Any, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
    else:
        print_lines([outcome])


@click.command()
@YEAR
@click.option(
    "--until",
    type=click.Choice(["intake", "transform", "gate", "publish"]),
    default="publish",
    show_default=True,
    help="the last stage to run",
)
@JSON
def run(year: int, until: str, as_json: bool) -> None:
    """Intake, transform, gate and publish YEAR, as the Dagster job does it.

    Without changes since the last run, the result is printed without starting a Dagster run.
    """
    from orchestration import stages
    from orchestration.core.reporting_calendar import period_of
    from orchestration.core.settings import Settings

    period_of(year)
    say = progress_lines()
    with contextlib.ExitStack() as stack:
        ws = None
        # A store that can't be reached fails the Dagster run, so that the alarms report it.
        with contextlib.suppress(Unreachable):
            ws = stack.enter_context(stages.open_workspace(Settings.from_env()))
        done = None
        if ws is not None:
            done = stages.repeat(ws, year, until, run_id=new_run_id(), progress=say)
        if done is None:
            from orchestration.definitions import defs
            from orchestration.defs.in_process import run_in_process

            done = run_in_process(defs, year, until, ws=ws, progress=say)
    if as_json:
        print_json(done)
        return
    outcome = done[until]
    print_lines(outcome if isinstance(outcome, list) else [outcome])


@click.command()
@YEAR
@JSON
def intake(year: int, as_json: bool) -> None:
    """Take in new and changed objects of the landing bucket, of every year up to YEAR."""
    _print_outcome(_run_stage("intake", year), as_json)


@click.command()
@YEAR
@click.option(
    "--force",
    is_flag=True,
    help="Build even if nothing has changed, and write all rows: the way back from damaged marts.",
)
@JSON
def transform(year: int, force: bool, as_json: bool) -> None:
    """Rebuild the marts of YEAR, after those of earlier years that are missing."""
    done = _run_stage("transform", year, force=force)
    if as_json:
        print_json([{**dataclasses.asdict(item), "nodes": len(item.nodes)} for item in done])
        return
    print_lines(done)


@click.command()
@YEAR
@JSON
def receipts(year: int, as_json: bool) -> None:
    """Write the receipt pages of YEAR for objects, units and provinces."""
    _print_outcome(_run_stage("receipts", year), as_json)


@click.command()
@YEAR
@JSON
def gate(year: int, as_json: bool) -> None:
    """Judge whether the marts of YEAR may be published; exit code 3 if not."""
    from orchestration.core.errors import GateBlocked

    done = _run_stage("gate", year)
    if as_json:
        print_json(done)
    if done.blocked:
        raise GateBlocked(done.verdict, () if as_json else done.lines)
    if not as_json:
        print_lines([done])


@click.command()
@YEAR
@JSON
def publish(year: int, as_json: bool) -> None:
    """Publish the bulletins of YEAR from the snapshot that passed the gate."""
    _print_outcome(_run_stage("publish", year), as_json)


@click.command()
@click.option(
    "--year",
    type=click.IntRange(2000, 2100),
    help="By default the last year whose collection has opened.",
)
@JSON
def rehearse(year: int | None, as_json: bool) -> None:
    """Report what would block publication now, who is late and how many will be missing.

    Takes in new objects, rebuilds the marts and runs the whole gate. Writes a page and a digest for
    each province, but records no verdict and publishes no bulletin. Exit code 0 even if the gate
    would block.
    """
    from orchestration import stages
    from orchestration.core.reporting_calendar import newest_year
    from orchestration.core.settings import Settings

    settings, run_id, say = Settings.from_env(), new_run_id(), progress_lines()
    chosen = year or newest_year(settings.now())
    with stages.open_workspace(settings) as ws:
        stages.intake(ws, chosen, run_id=run_id, progress=say)
        stages.transform(ws, chosen, run_id=run_id, progress=say)
        done = stages.rehearse(ws, chosen, run_id=run_id, progress=say)
    _print_outcome(done, as_json)
