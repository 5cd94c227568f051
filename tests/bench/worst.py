"""Measures intake with objects that their reader never finishes.

Measured are one object that computes for ever and one that takes all memory (each at most 60 s and
1 GiB until its receipt); 10,000 honest objects with a thousand of the first kind among them (none
of the honest ones may lack its receipt); and a demo of 10,000 objects with a thousand of ten kinds
among them (each has its receipt, and no figure differs from those of the demo alone).

Usage as a program: ``python -m tests.bench.worst COMMAND…`` is ``tongbao COMMAND…`` with the
readers of ``tests.fixtures.poison``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from orchestration import lakehouse, stages
from orchestration.cli import main
from orchestration.core.catalogue import load_catalogue
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from orchestration.intake import isolation
from tests.bench import formats
from tests.bench.commands import TONGBAO, Cost, run, say, show
from tests.fixtures import poison
from tests.fixtures.hostile import hostile_objects

__all__ = ["measure"]

_HONEST, _HARMFUL = 10_000, 1_000
#: Scale of a demo of about 10,000 objects.
_DEMO_SCALE = 0.29
_FOLDER = f"performance/year={formats.YEAR}/province="


def _honest() -> Iterator[tuple[str, bytes]]:
    documents = formats.documents("T05", list(load_catalogue().regions))
    for document in islice(documents, _HONEST):
        province = document["unit_code"].split("-")[1]
        yield f"{_FOLDER}{province}/{document['document_id']}.json", json.dumps(document).encode()


def _computing() -> Iterator[tuple[str, bytes]]:
    for number in range(_HARMFUL):
        yield f"{_FOLDER}440000/harm-{number}.json", b"compute"


def _of_ten_kinds(number: int) -> Iterator[tuple[str, bytes]]:
    """As many objects, of all kinds in turn."""
    kinds = list(hostile_objects().items())
    for position in range(number):
        kind, (extension, body) = kinds[position % len(kinds)]
        yield f"{_FOLDER}440000/harm-{kind}-{position}.{extension}", body


def _figures(folder: Path, scale: float, hostile: int) -> list[tuple[Any, ...]]:
    """Take in a demo year with hostile objects among it, print the cost, and return its figures."""
    settings = Settings(home=folder, catalog=str(folder / "catalog.sqlite"))
    year = ["--year", str(formats.YEAR)]
    with stages.open_workspace(settings) as ws:
        environment = store_environment(settings, ws.store)
        run([TONGBAO, "demo", *year, "--scale", f"{scale:g}"], environment)
        ws.store.put_many("landing", _of_ten_kinds(hostile))
        keys = [info.key for info in ws.store.list("landing", "")]
        landed = sum(not key.startswith("attachments/") for key in keys)
        say(f"{landed - hostile:,} objects of a demo and {hostile:,} of ten hostile kinds")
        cost = run([sys.executable, "-m", "tests.bench.worst", "intake", *year], environment)
        show("tongbao intake", cost)
        run([TONGBAO, "transform", *year], environment)
        receipts = [info.key for info in ws.store.list("publication", "receipts/")]
        answered = sum("/harm-" in key for key in receipts)
        say(f"    {len(receipts):,} receipts, {answered:,} of them of hostile objects")
        if answered != hostile:
            sys.exit("a hostile object has no receipt")
        with lakehouse.reader(ws.settings, ws.store) as con:
            tables = ("fct_unit_indicator", "agg_national_indicator", "agg_province_indicator")
            return [
                row
                for table in tables
                for row in con.execute(f"select * from lake.marts.{table} order by all").fetchall()
            ]


def measure(folder: Path, share: float = 1) -> None:
    """Measure the cases and print the results.

    Args:
        share: of the number of objects; 0.1 for a tenth of them.
    """
    honest, harmful = round(share * _HONEST), round(share * _HARMFUL)

    def intake(name: str, *objects: tuple[str, bytes]) -> tuple[Cost, dict[str, Any]]:
        settings = Settings(home=folder / name, catalog=str(folder / name / "catalog.sqlite"))
        command = [sys.executable, "-m", "tests.bench.worst", "intake"]
        with stages.open_workspace(settings) as ws:
            ws.store.put_many("landing", objects)
            environment = store_environment(settings, ws.store)
            cost = run([*command, "--year", str(formats.YEAR), "--json"], environment)
            receipts = len(ws.store.list("publication", "receipts/"))
        return cost, json.loads(cost.out) | {"receipts": receipts}

    for body in (b"compute", b"memory"):
        say(f"one object whose reader goes on for ever: {body.decode()} (at most 60 s, 1 GiB)")
        show("tongbao intake", intake(body.decode(), (f"{_FOLDER}440000/harm.json", body))[0])
    scale = share * _DEMO_SCALE
    alone = _figures(folder / "alone", scale, 0)
    if _figures(folder / "among", scale, harmful) != alone:
        sys.exit("a figure differs from those of the collection alone")
    say(f"    {len(alone):,} values and figures, all equal to those of the collection alone")
    say(f"{honest:,} objects and {harmful:,} that compute for ever among them")
    cost, outcome = intake("many", *islice(_honest(), honest), *islice(_computing(), harmful))
    show("tongbao intake", cost)
    say(f"    {outcome['receipts']:,} receipts; {outcome['documents']:,} documents taken in")


if __name__ == "__main__":
    isolation.answer_objects = poison.answer_objects
    main()
