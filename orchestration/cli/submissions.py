"""Commands around submissions: reporting forms, checking files, a synthetic collection.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestration.cli.output import JSON, YEAR, print_json, print_lines, progress_lines
from orchestration.core.document_types import DOCUMENT_TYPES

__all__ = ["check", "demo", "template"]


@click.command()
@YEAR
@click.option("--task", help="code of a key task, e.g. T05")
@click.option("--province", help="six digits: fill in its units from the lakehouse")
@click.option("--out", type=click.Path(path_type=Path), help="the file to write")
@click.option(
    "--publish", is_flag=True, help="write the forms of all tasks to the publication bucket"
)
def template(
    year: int, task: str | None, province: str | None, out: Path | None, publish: bool
) -> None:
    """Make the XLSX reporting form of a TASK for units to fill in."""
    from orchestration import forms, lakehouse, stages
    from orchestration.core.errors import UsageError
    from orchestration.core.settings import Settings

    settings = Settings.from_env()
    if publish:
        with stages.open_workspace(settings) as ws:
            print_lines([forms.publish_forms(ws.store, settings.publication_bucket, year)])
        return
    if task is None:
        raise UsageError("template: give --task, e.g. T05, or --publish for all")
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


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--as", "kind", type=click.Choice(list(DOCUMENT_TYPES)), help="document type of the files"
)
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
    """Print the receipts that FILES would get, before they are uploaded.

    Needs no store and no lakehouse. A file's type, year and province come from the options, from
    its path in the landing zone's layout, or from its content.
    """
    from orchestration.core.settings import Settings
    from orchestration.intake.offline import check_file

    settings = Settings.from_env()
    receipts = [
        json.loads(check_file(path, settings, kind=kind, year=year, province=province))
        for path in files
    ]
    if as_json:
        print_json(receipts[0] if len(receipts) == 1 else receipts)
        return
    for path, receipt in zip(files, receipts, strict=True):
        counts = receipt["counts"]
        click.echo(
            f"{path}: {receipt['status']}; {counts['documents']} documents, "
            f"{counts['errors']} errors, {counts['warnings']} warnings"
        )
        for item in sorted(receipt["errors"], key=lambda item: str(item["severity"])):
            click.echo(f"  {item['code']} {item['severity']} {item['where'] or '-'}")
            click.echo(f"      {item['message_zh']}")
            click.echo(f"      {item['message_en']}")
    click.echo(
        "not judged offline: registration, last year's values, targets, earlier documents, "
        "report files",
        err=True,
    )


@click.command()
@YEAR
@click.option("--scale", type=click.FloatRange(0.001, 20), default=1.0, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option(
    "--faults",
    type=click.Choice(["default", "heavy", "none"]),
    default="default",
    show_default=True,
    help="with heavy, the gate blocks the year",
)
@click.option(
    "--keep-earlier", is_flag=True, help="keep what an earlier demo wrote for earlier years"
)
@JSON
def demo(
    year: int, scale: float, seed: int, faults: str, keep_earlier: bool, as_json: bool
) -> None:
    """Write a synthetic collection (合成数据) of YEAR and the year before."""
    from orchestration import stages
    from orchestration.core.settings import Settings
    from orchestration.demo import generate

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
            progress=progress_lines(),
        )
    if as_json:
        print_json(done)
        return
    click.echo(f"demo {year}: {done}")
