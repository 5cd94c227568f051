"""Measures intake with objects that their reader never finishes.

Measured are one object that computes for ever and one that takes all memory (each at most 60 s and
1 GiB until its receipt), and 10,000 honest objects with a thousand of the first kind among them
(none of the honest ones may lack its receipt).

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

from orchestration import stages
from orchestration.cli import main
from orchestration.core.catalogue import load_catalogue
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from orchestration.intake import isolation
from tests.bench import formats
from tests.bench.commands import Cost, run, say, show
from tests.fixtures import poison

__all__ = ["measure"]

_HONEST, _HARMFUL = 10_000, 1_000
_FOLDER = f"performance/year={formats.YEAR}/province="


def _honest() -> Iterator[tuple[str, bytes]]:
    documents = formats.documents("T05", list(load_catalogue().regions))
    for document in islice(documents, _HONEST):
        province = document["unit_code"].split("-")[1]
        yield f"{_FOLDER}{province}/{document['document_id']}.json", json.dumps(document).encode()


def _computing() -> Iterator[tuple[str, bytes]]:
    for number in range(_HARMFUL):
        yield f"{_FOLDER}440000/harm-{number}.json", b"compute"


def measure(folder: Path) -> None:
    """Measure the three cases and print the results."""

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
    say(f"{_HONEST:,} objects and {_HARMFUL:,} that compute for ever among them")
    cost, outcome = intake("many", *_honest(), *_computing())
    show("tongbao intake", cost)
    say(f"    {outcome['receipts']:,} receipts; {outcome['documents']:,} documents taken in")


if __name__ == "__main__":
    isolation.answer_objects = poison.answer_objects
    main()
