"""The command line: words in, stages called, words out. No logic.

Belongs here: one module a group of commands. A command imports what it needs when it is called:
``--help`` must not wait for dbt or Great Expectations.
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
    # Importing dbt, Dagster and Great Expectations makes a million objects that stay; looking
    # through them every 700 new ones (Python's default) is a fifth of the time that it takes.
    gc.set_threshold(50_000, 20, 20)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "true")
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


for _module in (yearly, editions, submissions, analysis, operation):
    for _name in _module.__all__:
        main.add_command(getattr(_module, _name))
