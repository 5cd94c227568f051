"""The command line: parses arguments, calls stages and prints their outcomes.

Belongs here: one module for each group of commands. A command imports its stage only when it is
called, because ``--help`` must not wait for dbt or Great Expectations. Doesn't belong here: logic.
"""

from __future__ import annotations

import gc
import logging
import os

import click

from orchestration.cli import analysis, editions, operation, submissions, yearly
from orchestration.cli.group import Commands

__all__ = ["main"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tongbao", prog_name="tongbao")
def main() -> None:
    """通报: from submissions in object storage to the annual bulletins."""
    # Importing dbt, Dagster and Great Expectations makes a million objects that stay in use. With
    # Python's default (a collection every 700 new objects) a fifth of that time is spent scanning.
    gc.set_threshold(50_000, 20, 20)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "true")
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


for _module in (yearly, editions, submissions, analysis, operation):
    for _name in _module.__all__:
        main.add_command(getattr(_module, _name))
