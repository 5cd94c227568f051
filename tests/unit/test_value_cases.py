"""Values of files as people send them: what a person saw is read, everything else is quoted."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.intake.formats import Limits, parquet
from tests.fixtures.objects import errors_of, parse, parse_case, values_of


@pytest.mark.parametrize(
    ("name", "indicator", "seen"),
    [
        ("K02-footnote-circled.xlsx", "T05_12", "350①"),
        ("K02-footnote-superscript.json", "T05_11", "500¹"),
        ("K02-power-of-ten.csv", "C_04", "10⁴"),
    ],
)
def test_a_mark_beside_the_digits_makes_a_value_unreadable(
    name: str, indicator: str, seen: str
) -> None:
    parsed = parse_case(name)
    assert values_of(parsed)[indicator] is None
    [(found, error)] = errors_of(parsed, "E201").items()
    assert (found, error.value) == (indicator, seen)
    assert len(values_of(parsed)) == 18


INSTANT = datetime(2024, 11, 1, 1, tzinfo=UTC)


def as_parquet(arrays: dict[str, Any] | None = None, **options: Any) -> bytes:
    """A Parquet file of one document with the values of C_04 and C_05, and these columns."""
    table = pa.table(
        {
            "document_id": ["d", "d"],
            "submitted_at": ["2024-11-01T09:00:00+08:00"] * 2,
            "unit_code": ["T05-440000-0007"] * 2,
            "year": [2024, 2024],
            "indicator_code": ["C_04", "C_05"],
            "value": ["100", "90"],
            **(arrays or {}),
        }
    )
    body = io.BytesIO()
    pq.write_table(table, body, **options)
    return body.getvalue()


def found_codes(parsed: Any) -> list[str]:
    """The codes of the findings, without those about missing indicators."""
    return [finding.code for finding in parsed.findings if finding.code != "W208"]


@pytest.mark.parametrize(
    "name", ["K01-tz-asia-beijing", "K01-tz-windows-name", "K24a-binary-strings"]
)
def test_instants_and_texts_without_their_mark_are_read(name: str) -> None:
    parsed = parse_case(f"{name}.parquet")
    [document] = parsed.documents
    assert datetime.fromisoformat(document.model.submitted_at) == INSTANT
    assert len(values_of(parsed)) == 18
    assert found_codes(parsed) == []


@pytest.mark.parametrize(
    ("unit", "zone"),
    [("s", "Asia/Beijing"), ("ms", "中国标准时间"), ("us", "+08:00"), ("ns", "No/Where")],
)
def test_an_instant_in_parquet_is_utc_whatever_its_zone_is_called(unit: str, zone: str) -> None:
    moments = pa.array([INSTANT, INSTANT]).cast(pa.timestamp(unit, zone))
    [document] = parse("parquet", as_parquet({"submitted_at": moments})).documents
    assert datetime.fromisoformat(document.model.submitted_at) == INSTANT


def test_a_parquet_time_without_zone_is_beijing_time() -> None:
    moments = pa.array([datetime(2024, 11, 1, 9), None]).cast(pa.timestamp("us"))
    [document] = parse("parquet", as_parquet({"submitted_at": moments})).documents
    assert document.model.submitted_at == "2024-11-01T09:00:00+08:00"


@pytest.mark.parametrize("ticks", [2**62, -(2**62), 1_730_422_800_000_000_000])
def test_ticks_beyond_the_calendar_are_quoted(ticks: int) -> None:
    moments = pa.array([ticks, ticks]).cast(pa.timestamp("us", "UTC"))
    parsed = parse("parquet", as_parquet({"submitted_at": moments}))
    assert [(each.code, each.value) for each in parsed.findings] == [("E112", f"{ticks} us")]
    [finding] = parse_case("K01-epoch-ms-as-s.parquet").findings
    assert finding.code == "E112"


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (pa.array([b"100", b"90.5"]), ["100", "90.5"]),
        (pa.array([b"10", b"90"], pa.binary(2)), ["10", "90"]),
        (pa.array([b"100", b"90"], pa.large_binary()), ["100", "90"]),
        (pa.array([b"100", b"90"]).dictionary_encode(), ["100", "90"]),
        (pa.array([100, 90], pa.int64()).dictionary_encode(), ["100", "90"]),
        (pa.array([100.1, 0.3], pa.float32()), ["100.1", "0.3"]),
        (pa.array([1e10, 16777216], pa.float32()), ["10000000000", "16777216"]),
        (pa.array([100.1, 0.3], pa.float64()), ["100.1", "0.3"]),
        (pa.array([100.5, 90], pa.float16()), ["100.5", "90"]),
        (pa.array([Decimal("100.10"), Decimal("90.05")]), ["100.10", "90.05"]),
        (pa.array([2**64 - 1, 90], pa.uint64()), ["18446744073709551615", "90"]),
        (pa.array([True, False]), ["1", "0"]),
        (pa.array([float("nan"), 90.0]), [None, "90"]),
        (pa.array([float("inf"), 90.0], pa.float32()), [None, "90"]),
        (pa.array([b"350\xe2\x91\xa0", b"90"]), [None, "90"]),
        (pa.array([timedelta(seconds=5), None]), [None]),
        (pa.array([date(2024, 1, 2), None]), [None]),
        (pa.array([time(9, 30), None]), [None]),
        (pa.array([INSTANT, None]), [None]),
        (pa.array([2**62, None], pa.timestamp("us")), [None]),
    ],
    ids=str,
)
def test_values_of_every_parquet_type(column: pa.Array, read: list[str | None]) -> None:
    parsed = parse("parquet", as_parquet({"value": column}))
    assert list(values_of(parsed).values()) == read
    if read[0] is None:
        assert set(errors_of(parsed, "E201")) == {"C_04"}


def test_float32_of_the_case_is_the_number_that_was_written() -> None:
    parsed = parse_case("K24c-float32.parquet")
    assert values_of(parsed)["C_04"] == "100.1"
    assert len(values_of(parsed)) == 18


def test_a_nested_parquet_column_is_told() -> None:
    [warning] = parse_case("K24b-nested-report.parquet").findings
    assert (warning.code, warning.value) == ("W122", "report")
    nested = {
        "value": pa.array([["1"], ["2"]]),
        "note": pa.array([{"a": 1}, {"a": 2}]),
        "tags": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    }
    parsed = parse("parquet", as_parquet(nested))
    # Without the column of values the table has no known header.
    assert found_codes(parsed) == ["E043", "W122", "W122", "E009"]
    assert {each.value for each in parsed.findings} >= {"value", "note", "tags"}


def test_a_remark_in_parquet_may_state_a_unit() -> None:
    columns = {"value": pa.array(["1", "2"]), "at": pa.array([1, 2])}
    for remarks, read in ((["已核对", "已核对"], "1"), (["单位：元", None], None)):
        parsed = parse("parquet", as_parquet(columns | {"备注": pa.array(remarks)}))
        assert next(iter(values_of(parsed).values())) == read


@pytest.mark.parametrize(
    "column", [pa.array([b"\xd4\xbc", b"\xff"]), pa.array([b"\xff", b"1"]).dictionary_encode()]
)
def test_parquet_texts_in_another_encoding_name_their_column(column: pa.Array) -> None:
    [finding] = parse("parquet", as_parquet({"value": column})).findings
    assert (finding.code, finding.value) == ("E040", "value")


def test_a_parquet_file_of_too_many_columns() -> None:
    many = {f"c{number}": [1, 2] for number in range(600)}
    [finding] = parse("parquet", as_parquet(many)).findings
    assert (finding.code, finding.value) == ("E041", "606")


def test_a_damaged_parquet_file_is_told_without_the_libraries_words() -> None:
    [finding] = parse("parquet", as_parquet()[:-20]).findings
    assert finding.code == "E012"
    assert finding.message_zh.startswith("不是可读取的Parquet文件：文件损坏、加密或不完整。")
    assert finding.message_en.startswith("Not a readable Parquet file: damaged, encrypted")


def test_a_parquet_file_may_take_the_seconds_of_any_object() -> None:
    done = subprocess.CompletedProcess([], -signal.SIGXCPU, stderr=b"")
    found = parquet._unreadable(done, Limits(expanded_bytes=1, rows=1, seconds=7))
    assert (found.code, found.fields) == ("E052", {"limit": "7"})


def test_blank_optional_fields_are_not_given() -> None:
    [document] = parse_case("K25-report-blank-sha.json").documents
    report = document.model.model_dump()["report"]
    assert report["object_key"].endswith("r.pdf")
    assert (report["sha256"], report["pages"]) == (None, None)


def as_json(**fields: Any) -> bytes:
    """A performance document with these fields."""
    common = {
        "document_id": "d",
        "submitted_at": "2024-11-01T09:00:00+08:00",
        "unit_code": "T05-440000-0007",
        "year": 2024,
        "values": {"C_04": 100},
    }
    return json.dumps(common | fields).encode()


@pytest.mark.parametrize("blank", ["", " ", "\u3000", "\n"])
@pytest.mark.parametrize(
    "field", ["highlight", "schema_version", "synthetic", "document_type", "report"]
)
def test_a_blank_in_an_optional_field_is_not_given(field: str, blank: str) -> None:
    value = {"object_key": blank, "sha256": blank, "pages": None} if field == "report" else blank
    parsed = parse("json", as_json(**{field: value}))
    assert len(parsed.documents) == 1
    assert found_codes(parsed) == []


@pytest.mark.parametrize("field", ["document_id", "submitted_at", "unit_code", "year"])
def test_a_blank_in_a_required_field_is_a_missing_field(field: str) -> None:
    [finding] = parse("json", as_json(**{field: " "})).findings
    assert (finding.code, finding.location) == ("E101", f"/{field}")


@pytest.mark.parametrize("version", [1, "1", "１", "1.0", 1.0])
def test_the_schema_version_may_be_typed_as_text(version: Any) -> None:
    assert len(parse("json", as_json(schema_version=version)).documents) == 1


@pytest.mark.parametrize("version", [2, "2", "v1", 1.5, True, [1]])
def test_another_schema_version_is_named(version: Any) -> None:
    [finding] = parse("json", as_json(schema_version=version)).findings
    assert finding.code == "E110"
