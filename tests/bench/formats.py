"""Compares the cost of intake with the minimal cost of reading the same bytes.

Measured are 24,000 JSON objects, compared with fetching them with obstore and parsing them with
orjson, and with also writing a receipt for each; a Parquet file of a province with 1,000,000 rows;
an XLSX file of 20,000 rows, compared with openpyxl. Every intake is a separate command, as users
run it.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import obstore
import openpyxl
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import stages
from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from tests.bench.commands import TONGBAO, Cost, run, say, show
from tests.bench.floor import store_of

YEAR = 2024
_OBJECTS = 24_000
_PARQUET_ROWS = 1_000_000
_XLSX_ROWS = 20_000
_THREADS = 16
#: The receipt of an object without findings.
_RECEIPT_BYTES = 420

#: Seconds of fetching and parsing, and of writing receipts after that.
Floor = tuple[float, ...]


def _codes(task: str) -> list[str]:
    return [
        code
        for code, indicator in load_catalogue().indicators.items()
        if indicator.is_submitted
        and indicator.task_code in (None, task)
        and indicator.value_type != "code_list"
    ]


def documents(task: str, provinces: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield plausible performance documents endlessly, one per unit, by province."""
    codes = _codes(task)
    catalogue = load_catalogue().indicators
    # Within the catalogue's bounds, because real files have few findings.
    lowest = [int(catalogue[code].hard_min or 0) for code in codes]
    widths = [_width(catalogue[code]) for code in codes]
    for number, province in enumerate(cycle(provinces), start=1):
        yield {
            "document_type": "performance",
            "schema_version": 1,
            "document_id": f"{task}-{province}-{number:06d}",
            "submitted_at": f"{YEAR}-11-{1 + number % 28:02d}T09:00:00+08:00",
            "unit_code": f"{task}-{province}-{number:06d}",
            "year": YEAR,
            "synthetic": True,
            "values": {
                code: lowest[i] + (number * 7 + i) % widths[i] for i, code in enumerate(codes)
            },
        }


def _width(indicator: Indicator) -> int:
    if indicator.hard_max is None:
        return 97
    return max(1, min(97, int(indicator.hard_max) - int(indicator.hard_min or 0)))


def _registrations(ws: stages.Workspace, provinces: Sequence[str], units: int) -> None:
    """Write registrations of the units, which are taken in before the measurement."""
    lines: dict[str, list[str]] = {province: [] for province in provinces}
    for document in islice(documents("T05", provinces), units):
        registration = {
            "document_id": f"r-{document['unit_code']}",
            "submitted_at": f"{YEAR}-08-01T09:00:00+08:00",
            "unit_code": document["unit_code"],
            "unit_name": "示例单位",
            "level": "provincial",
            "synthetic": True,
        }
        lines[document["unit_code"].split("-")[1]].append(json.dumps(registration))
    for province, each in lines.items():
        key = f"registration/year={YEAR}/province={province}/all.jsonl"
        ws.store.put("landing", key, "\n".join(each).encode())
    stages.intake(ws, YEAR, run_id="bench", progress=lambda _: None)


def _json_objects(ws: stages.Workspace) -> None:
    # As in a national collection: the local server's writes are slower in large folders.
    provinces = list(load_catalogue().regions)
    _registrations(ws, provinces, _OBJECTS)

    def items() -> Iterator[tuple[str, bytes]]:
        for document in islice(documents("T05", provinces), _OBJECTS):
            province = document["unit_code"].split("-")[1]
            key = f"performance/year={YEAR}/province={province}/{document['document_id']}.json"
            yield key, json.dumps(document, ensure_ascii=False, indent=1).encode()

    ws.store.put_many("landing", items())


def _rows(rows: int) -> Iterator[list[Any]]:
    written = 0
    for document in documents("T05", ["440000"]):
        head = [document["document_id"], document["submitted_at"], document["unit_code"], YEAR]
        for code, value in document["values"].items():
            if written == rows:
                return
            written += 1
            yield [*head, code, value]


_HEADER = ["document_id", "submitted_at", "unit_code", "year", "indicator_code", "value"]


def _parquet(ws: stages.Workspace) -> None:
    _registrations(ws, ["440000"], _PARQUET_ROWS // len(_codes("T05")) + 1)
    columns = zip(*_rows(_PARQUET_ROWS), strict=True)
    table = pa.table(dict(zip(_HEADER, map(list, columns), strict=True)))
    body = io.BytesIO()
    pq.write_table(table, body)
    ws.store.put("landing", f"performance/year={YEAR}/province=440000/b.parquet", body.getvalue())


def _xlsx(ws: stages.Workspace) -> None:
    _registrations(ws, ["440000"], _XLSX_ROWS // len(_codes("T05")) + 1)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("填报")
    sheet.append(_HEADER)
    for row in _rows(_XLSX_ROWS):
        sheet.append(row)
    body = io.BytesIO()
    book.save(body)
    ws.store.put("landing", f"performance/year={YEAR}/province=440000/b.xlsx", body.getvalue())


_OPENPYXL = """
import io, sys, time
from openpyxl import load_workbook
body = open(sys.argv[1], 'rb').read()
started = time.monotonic()
sheet = load_workbook(io.BytesIO(body), read_only=True, data_only=True).worksheets[0]
rows = sum(1 for _ in sheet.iter_rows(values_only=True))
print(time.monotonic() - started, rows)
"""
_PROJECT = """
import sys, time
from datetime import UTC, datetime
from orchestration.intake.documents import parse_object
from orchestration.intake.formats import Limits
from orchestration.intake.places import place_of
import orchestration.intake.formats.xlsx
body = open(sys.argv[1], 'rb').read()
key = 'performance/year=2024/province=440000/b.xlsx'
started = time.monotonic()
parsed = parse_object(
    place_of(key, 2024), key, body, Limits(2**28, 10**6), datetime(2024, 12, 1, tzinfo=UTC)
)
print(time.monotonic() - started, sum(len(d.values) for d in parsed.documents))
"""


def measure(folder: Path) -> None:
    """Measure the three formats and print the results."""

    def intake(name: str, fill: Callable[[stages.Workspace], None]) -> tuple[Cost, Path, Floor]:
        home = folder / name
        settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
        with stages.open_workspace(settings) as ws:
            fill(ws)
            environment = store_environment(settings, ws.store)
            floor: Floor = ()
            if fill is _json_objects:
                said = run([sys.executable, "-m", "tests.bench.formats"], environment).out
                floor = tuple(map(float, said.split()))
            cost = run([TONGBAO, "intake", "--year", str(YEAR)], environment)
        return cost, home, floor

    say(f"{_OBJECTS:,} JSON objects, each with its receipt (at most 1.3 x the last line)")
    cost, _, (read, answered) = intake("json", _json_objects)
    show("tongbao intake", cost)
    say(f"    fetched with obstore and parsed with orjson {read:.1f} s: {cost.wall / read:.2f} x")
    say(f"    and a receipt's bytes put for each {answered:.1f} s: {cost.wall / answered:.2f} x")
    say(f"Parquet of {_PARQUET_ROWS:,} rows (under 15 s and 1 GB)")
    cost, _, _ = intake("parquet", _parquet)
    show("tongbao intake", cost)
    say(f"XLSX of {_XLSX_ROWS:,} rows (parsing and checking at most 1 x openpyxl alone)")
    cost, home, _ = intake("xlsx", _xlsx)
    show("tongbao intake", cost)
    [path] = (home / "s3" / "landing").rglob("b.xlsx")
    alone = run([sys.executable, "-c", _OPENPYXL, str(path)], {})
    ours = run([sys.executable, "-c", _PROJECT, str(path)], {})
    seconds = [float(each.out.split()[0]) for each in (alone, ours)]
    say(
        f"    openpyxl alone {seconds[0]:.2f} s, parsed and checked {seconds[1]:.2f} s: "
        f"{seconds[1] / seconds[0]:.2f} x"
    )


def _least() -> Floor:
    """Fetch and parse everything; then write as many bytes as a receipt has for each object."""
    landing, publication = store_of("landing"), store_of("publication")
    started = time.monotonic()
    keys = [
        meta["path"]
        for batch in obstore.list(landing, prefix="performance/", chunk_size=5000)
        for meta in batch
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        bodies = list(pool.map(lambda key: bytes(obstore.get(landing, key).bytes()), keys))
        for body in bodies:
            orjson.loads(body)
        read = time.monotonic() - started
        receipt = b" " * _RECEIPT_BYTES
        list(pool.map(lambda key: obstore.put(publication, f"floor/{key}", receipt), keys))
    return read, time.monotonic() - started


if __name__ == "__main__":
    print(*_least())
