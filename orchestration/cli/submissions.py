"""Commands around submissions: reporting forms, checking files, a synthetic collection.

Belongs here: arguments, calls of stages, printing of outcomes. Doesn't belong here: logic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.output import JSON, YEAR, cell, print_json, print_lines, progress_lines
from orchestration.core.document_types import DOCUMENT_TYPES

if TYPE_CHECKING:
    from orchestration.intake.offline import CheckedFile, ReadAs

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
@click.option("--values", is_flag=True, help="Also print every value as typed and as read.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipts themselves, as JSON.")
def check(
    files: tuple[Path, ...],
    kind: str | None,
    year: int | None,
    province: str | None,
    values: bool,
    as_json: bool,
) -> None:
    """Print the receipts that FILES would get, before they are uploaded.

    Needs no store and no lakehouse. A file's type, year and province come from the options, from
    its path in the landing zone's layout, or from its content.

    Exits with 1 if a file is rejected, with 0 if something of each file counts.
    """
    from orchestration.core.errors import TongbaoError
    from orchestration.core.settings import Settings
    from orchestration.intake.offline import check_files

    settings = Settings.from_env()
    checked = list(check_files(files, settings, kind=kind, year=year, province=province))
    receipts = [json.loads(each.receipt) for each in checked]
    if as_json:
        answers = [
            receipt | ({"values": list(each.values)} if values else {})
            for receipt, each in zip(receipts, checked, strict=True)
        ]
        print_json(answers[0] if len(answers) == 1 else answers)
    else:
        _print_checked(files, receipts, checked, values)
    rejected = sum(receipt["status"] == "rejected" for receipt in receipts)
    if rejected:
        raise TongbaoError(
            f"{rejected} of {len(receipts)} files would be rejected: see their receipts above"
        )


def _print_checked(
    files: Sequence[Path],
    receipts: Sequence[dict[str, Any]],
    checked: Sequence[CheckedFile],
    values: bool,
) -> None:
    """Print the receipts for a person; with ``values``, also what was read."""
    for path, receipt, each in zip(files, receipts, checked, strict=True):
        _print_receipt(path, receipt)
        if values:
            _print_values(each.values)
        if each.unknown:
            click.echo(
                f"{path}: the file doesn't say where it belongs: give {', '.join(each.unknown)} "
                "(or its path in the landing zone)",
                err=True,
            )
    click.echo(
        "not judged offline: registration, last year's values, targets, earlier documents, "
        "report files",
        err=True,
    )


def _print_receipt(path: Path, receipt: dict[str, Any]) -> None:
    counts = receipt["counts"]
    click.echo(
        f"{path}: {receipt['status']}; {counts['documents']} documents, "
        f"{counts['values']} values, {counts['errors']} errors, {counts['warnings']} warnings"
    )
    for item in sorted(receipt["errors"], key=lambda item: str(item["severity"])):
        click.echo(f"  {item['code']} {item['severity']} {item['where'] or '-'}")
        click.echo(f"      {item['message_zh']}")
        click.echo(f"      {item['message_en']}")


def _print_values(values: Iterable[ReadAs]) -> None:
    """Print what was read, one line a value, under a line for each document."""
    for (unit_code, document_id), rows in groupby(
        values, key=lambda each: (each.unit_code, each.document_id)
    ):
        click.echo(f"  {unit_code or '-'} ({document_id})")
        for each in rows:
            year = f"{each.year} " if each.year else ""
            name = f"{each.indicator_code} {each.name}".strip()
            read = (
                "无法识别" if each.read is None else f"{each.read} {each.unit_of_measure}".strip()
            )
            outcome = f"（未计入：{each.excluded_by}）" if each.excluded_by else ""
            click.echo(f"      {year}{name}：“{cell(each.typed)}” → {read}{outcome}")


@click.command()
@YEAR
@click.option("--scale", type=click.FloatRange(0.001, 100), default=1.0, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option(
    "--faults",
    type=click.Choice(["default", "heavy", "none"]),
    default="default",
    show_default=True,
    help="with heavy, the gate blocks the year",
)
@click.option("--bulk", is_flag=True, help="a province's performances in one object, not one each")
@click.option(
    "--reports/--no-reports", default=True, help="with or without report files of the units"
)
@click.option(
    "--keep-earlier", is_flag=True, help="keep what an earlier demo wrote for earlier years"
)
@JSON
def demo(
    year: int,
    scale: float,
    seed: int,
    faults: str,
    bulk: bool,
    reports: bool,
    keep_earlier: bool,
    as_json: bool,
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
            bulk=bulk,
            reports=reports,
            keep_earlier=keep_earlier,
            progress=progress_lines(),
        )
    if as_json:
        print_json(done)
        return
    click.echo(f"demo {year}: {done}")
