"""Every parser's work grows with the size of the object, and not with its square.

The steps are calls of functions, Python's and C's: a count that doesn't depend on the machine. It
doesn't see loops inside one call, of a regular expression for example: ``test_reading``,
``test_contacts`` and the last test here try those with texts of a size at which the square would
take hours.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.formats import Cells, Limits
from tests.fixtures.objects import parse

#: Above those of the settings, so that no bound ends the work early.
LIMITS = Limits(expanded_bytes=2**28, rows=10**6)
HEADER = ["document_id", "submitted_at", "unit_code", "year", "indicator_code", "value"]
CODES = [code for code, each in load_catalogue().indicators.items() if each.is_submitted]
#: Doubling the size may at most double the steps; the rest allows for work that is done once.
MOST = 2.3
SIZES = (200, 400, 800)


def _document(number: int, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "document_id": f"d{number}",
        "submitted_at": "2024-11-01T09:00:00+08:00",
        "unit_code": f"T05-440000-{number % 10_000:04d}",
        "year": 2024,
        "values": values,
    }


def _rows(size: int) -> list[list[Any]]:
    """Rows of documents with 20 values each."""
    return [
        [f"d{row // 20}", "2024-11-01T09:00:00+08:00", f"T05-440000-{row // 20 % 10_000:04d}", 2024,
         CODES[row % 20], row % 7]
        for row in range(size)
    ]  # fmt: skip


def _csv(rows: list[list[Any]], header: list[str] = HEADER) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in [header, *rows]).encode()


def _xlsx(rows: list[list[Any]], header: list[str] = HEADER) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("填报")
    for row in [header, *rows]:
        sheet.append(row)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def _parquet(rows: list[list[Any]]) -> bytes:
    body = io.BytesIO()
    columns = zip(*rows, strict=True)
    pq.write_table(pa.table(dict(zip(HEADER, map(list, columns), strict=True))), body)
    return body.getvalue()


def _one_long_document(size: int) -> list[list[Any]]:
    """Rows of one document, each with an indicator code that nobody knows."""
    head = ["d", "2024-11-01T09:00:00+08:00", "T05-440000-0007", 2024]
    return [[*head, f"X_{row}", row] for row in range(size)]


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _lines(size: int) -> bytes:
    return b"\n".join(_json(_document(number, {"C_04": number})) for number in range(size))


def _repeated(size: int) -> str:
    return ",".join(['{"a":1,"a":2}'] * size)


#: Name → extension and bytes of an object of a size.
OBJECTS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "JSON array": (
        "json",
        lambda n: _json([_document(number, {"C_04": number}) for number in range(n)]),
    ),
    "JSON lines": ("jsonl", _lines),
    "JSON lines that are broken": ("jsonl", lambda n: b"{}\n" + b'{"a": "\n' * n),
    "JSON of empty objects": ("json", lambda n: _json([{}] * n)),
    "JSON of many values": (
        "json",
        lambda n: _json(_document(1, {f"X_{number}": number for number in range(n)})),
    ),
    "JSON with duplicate keys": ("json", lambda n: f"[{_repeated(n)}]".encode()),
    "JSON with duplicate keys inside": ("json", lambda n: f'[{{"a":[{_repeated(n)}]}}]'.encode()),
    "CSV": ("csv", lambda n: _csv(_rows(n))),
    "CSV of one document": ("csv", lambda n: _csv(_one_long_document(n))),
    "CSV of unreadable values": ("csv", lambda n: _csv([[*row[:5], "约300"] for row in _rows(n)])),
    "CSV of blank rows": ("csv", lambda n: _csv([*_rows(20), *([[""] * 6] * n)])),
    "XLSX": ("xlsx", lambda n: _xlsx(_rows(n))),
    "XLSX of one document": ("xlsx", lambda n: _xlsx(_one_long_document(n))),
    "XLSX of a wide header": (
        "xlsx",
        lambda n: _xlsx([], [*HEADER, *(f"x{column}" for column in range(n // 4))]),
    ),
    "Parquet": ("parquet", lambda n: _parquet(_rows(n))),
    "Parquet of one document": ("parquet", lambda n: _parquet(_one_long_document(n))),
}


def _steps(extension: str, body: bytes) -> int:
    """The calls of functions with which an object is parsed and checked."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        if event in ("call", "c_call"):
            calls += 1

    sys.setprofile(count)
    try:
        parse(extension, body, limits=LIMITS)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("name", list(OBJECTS))
def test_twice_the_size_takes_twice_the_steps(name: str) -> None:
    extension, body_of = OBJECTS[name]
    _steps(extension, body_of(20))  # what is done once: imports, the catalogue, caches
    steps = [_steps(extension, body_of(size)) for size in SIZES]
    assert steps[0] > 100
    for smaller, larger in pairwise(steps):
        assert larger <= MOST * smaller, steps


class _Counted(str):
    """A key that counts how often it is compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        _Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_place_in_a_long_document_is_found_without_a_search() -> None:
    keys = [_Counted(f"X_{number}") for number in range(1000)]
    cells = Cells("填报", 2, {"value": "F"}, "value", keys, range(2, 1002))
    assert [cells.at("values", f"X_{number}") for number in range(1000)] == [
        f"填报!F{row}" for row in range(2, 1002)
    ]
    assert _Counted.comparisons < 3000


@pytest.mark.parametrize("text", ["(" * 100_000, "(a" * 50_000, "（" * 100_000, "()" * 50_000])
@pytest.mark.parametrize("build", [_csv, _xlsx])
def test_a_long_header_is_folded_once(build: Callable[..., bytes], text: str) -> None:
    """A pattern that looked for the end of each bracket anew would take minutes."""
    body = build([], [*HEADER[:-1], text[:32_000] if build is _xlsx else text])
    parsed = parse("csv" if build is _csv else "xlsx", body, limits=LIMITS)
    assert parsed.findings
