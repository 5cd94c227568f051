"""The same submission in every format gives the same rows; broken files get a code."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.documents import ParsedObject, parse_object
from orchestration.intake.formats import FORMATS, Limits
from orchestration.intake.places import place_of

LIMITS = Limits(expanded_bytes=2**22, rows=5_000)
RECEIVED = datetime(2024, 12, 1, tzinfo=UTC)
UNIT = "T05-440000-0007"
CODES = [
    code
    for code, indicator in load_catalogue().indicators.items()
    if indicator.is_submitted and indicator.task_code in (None, "T05")
]
HEADER = ["document_id", "submitted_at", "unit_code", "year", "indicator_code", "value",
          "report_object_key", "report_sha256", "highlight"]  # fmt: skip


def parse(extension: str, body: bytes, kind: str = "performance") -> ParsedObject:
    key = f"{kind}/year=2024/province=440000/x.{extension}"
    return parse_object(place_of(key, 2024), key, body, LIMITS, RECEIVED)


def codes(parsed: ParsedObject) -> list[str]:
    return [finding.code for finding in parsed.findings]


def rows_of(documents: list[dict[str, Any]]) -> list[list[Any]]:
    return [
        [d["document_id"], d["submitted_at"], d["unit_code"], d["year"], code, value,
         d["report"]["object_key"], d["report"]["sha256"], d["highlight"]]
        for d in documents
        for code, value in d["values"].items()
    ]  # fmt: skip


def as_csv(rows: list[list[Any]], separator: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(HEADER)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return text.getvalue().encode(encoding)


def as_xlsx(rows: list[list[Any]], header: list[str] = HEADER) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate([header, *rows], start=1):
        for at, value in enumerate(row, start=1):
            cell = sheet.cell(number, at)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def as_parquet(rows: list[list[Any]]) -> bytes:
    columns: dict[str, Any] = {}
    for at, name in enumerate(HEADER):
        cells = [row[at] for row in rows]
        if name == "year":
            columns[name] = pa.array(cells, pa.int32())
        else:
            texts = [None if cell is None else str(cell) for cell in cells]
            columns[name] = pa.array(texts, pa.string())
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


#: Texts that are valid in a spreadsheet's cell and in JSON; no controls, no lone surrogates.
TEXT = st.text(
    st.characters(codec="gb18030", exclude_categories=("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")),
    min_size=1,
    max_size=12,
)
VALUE = st.one_of(
    st.integers(-(10**6), 10**9),
    st.sampled_from(["1,234", "１２３", "约300", "12万", "N/A", "是", "否", "12.50"]),
    st.decimals(0, 10**6, places=2).map(str),
)


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(1, 3))):
        chosen = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=6, unique=True))
        found.append(
            {
                "document_type": "performance",
                "document_id": f"d{number}",
                "submitted_at": "2024-11-01T09:00:00+08:00",
                "unit_code": f"T05-440000-{number:04d}",
                "year": 2024,
                "values": {code: draw(VALUE) for code in chosen},
                "report": {"object_key": "attachments/a.pdf", "sha256": "0" * 64},
                # Two bytes of GB18030 can be a letter in UTF-8; Chinese text decides the encoding.
                "highlight": "经验" + draw(TEXT),
            }
        )
    return found


def content_of(parsed: ParsedObject) -> Any:
    assert "E" not in {code[0] for code in codes(parsed)}, parsed.findings
    return [
        (
            document.content_sha256,
            document.model.document_id,
            document.model.submitted_at,
            document.unit_code,
            sorted((code, read.kind, read.number) for code, read in document.values),
        )
        for document in parsed.documents
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_the_same_submission_in_every_format(given_documents: list[dict[str, Any]]) -> None:
    rows = rows_of(given_documents)
    expected = content_of(parse("json", json.dumps(given_documents).encode()))
    lines = "\n".join(json.dumps(document, ensure_ascii=False) for document in given_documents)
    ways = {
        "jsonl": ("jsonl", lines.encode()),
        "csv": ("csv", as_csv(rows)),
        "csv with a byte order mark": ("csv", as_csv(rows, encoding="utf-8-sig")),
        "csv gb18030 tab": ("csv", as_csv(rows, "\t", "gb18030")),
        "csv utf-16 semicolon": ("csv", as_csv(rows, ";", "utf-16")),
        "csv utf-32": ("csv", as_csv(rows, ",", "utf-32")),
        "xlsx": ("xlsx", as_xlsx(rows)),
        "parquet": ("parquet", as_parquet(rows)),
    }
    for name, (extension, body) in ways.items():
        assert content_of(parse(extension, body)) == expected, name


def _review(**fields: Any) -> dict[str, Any]:
    return {"document_id": "v1", "submitted_at": "2024-08-01T09:00:00+08:00", "unit_code": UNIT,
            **fields}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "document", "table"),
    [
        (
            "registration",
            _review(unit_name="甲校", level="provincial",
                    lead_organisation={"name": "甲", "type": "enterprise"},
                    members=[{"name": "乙", "type": "enterprise"},
                             {"name": "丙", "type": "government"}],
                    contact={"name": "某", "phone": "13800000000"}),
            {"unit_name": "甲校", "level": "provincial", "lead_organisation_name": "甲",
             "lead_organisation_type": "enterprise", "members": "乙:enterprise；丙:government",
             "contact_name": "某", "contact_phone": 13800000000},
        ),
        (
            "review",
            _review(stage="warning", decision="approved", decided_on="2024-08-02", authority="厅"),
            {"stage": "warning", "decision": "approved", "decided_on": "2024年8月2日",
             "authority": "厅"},
        ),
        (
            "assessment",
            _review(year=2024, score=88.5, grade="good"),
            {"year": 2024, "score": 88.5, "grade": "good"},
        ),
        (
            "explanation",
            _review(year=2024, rule_id="RC_16", text="结转"),
            {"year": "2024", "规则编号": "RC_16", "说明": "结转"},
        ),
    ],
)  # fmt: skip
def test_a_table_with_one_document_in_each_row(
    kind: str, document: dict[str, Any], table: dict[str, Any]
) -> None:
    expected = parse("json", json.dumps(document).encode(), kind)
    assert codes(expected) == []
    row = {
        "document_id": "v1",
        "submitted_at": document["submitted_at"],
        "unit_code": UNIT,
        **table,
    }
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([list(row), list(row.values())])
    for extension, body in (
        ("csv", text.getvalue().encode()),
        ("xlsx", as_xlsx([list(row.values())], list(row))),
    ):
        parsed = parse(extension, body, kind)
        assert codes(parsed) == []
        assert [d.content_sha256 for d in parsed.documents] == [
            d.content_sha256 for d in expected.documents
        ], extension


def test_a_plan_in_the_long_form() -> None:
    plan = _review(targets={"2024": {"C_04": 10, "C_05": "9.5"}, "2025": {"C_04": 12}})
    body = (
        "document_id;submitted_at;unit_code;target_year;indicator_code;target\n"
        f"v1;2024-08-01T09:00:00+08:00;{UNIT};2024;C_04;10\n"
        f"v1;2024-08-01T09:00:00+08:00;{UNIT};2025;C_04;12\n"
        f"v1;2024-08-01T09:00:00+08:00;{UNIT};2024;C_05;9.50\n"
    )
    [expected] = parse("json", json.dumps(plan).encode(), "plan").documents
    [document] = parse("csv", body.encode(), "plan").documents
    assert document.content_sha256 == expected.content_sha256
    assert document.where.at("targets", 2025, "C_04") == "row 3, column target"


GOOD = [["d1", "2024-11-01T09:00:00+08:00", UNIT, 2024, "C_04", 5, None, None, None]]


def _zip(parts: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return body.getvalue()


def _with_part(name: str, change: Any) -> bytes:
    parts = {}
    with zipfile.ZipFile(io.BytesIO(as_xlsx(GOOD))) as archive:
        for part in archive.namelist():
            content = archive.read(part)
            parts[part] = change(content) if part == name else content
    return _zip(parts)


SHEET = "xl/worksheets/sheet1.xml"
_ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
)


@pytest.mark.parametrize(
    ("extension", "body", "code"),
    [
        ("xlsx", b"", "E012"),
        ("xlsx", b"PK\3\4", "E012"),
        ("xlsx", _zip({"xl/a.txt": b"x"}), "E012"),
        ("xlsx", _zip({"xl/bomb": b"0" * (LIMITS.expanded_bytes + 1)}), "E011"),
        ("xlsx", _zip({f"xl/p{n}": b"" for n in range(6000)}), "E012"),
        ("xlsx", _with_part(SHEET, lambda xml: _ENTITIES + xml.split(b"?>", 1)[-1]), "E012"),
        ("xlsx", _with_part(SHEET, lambda xml: xml[: len(xml) // 2]), "E012"),
        ("xlsx", _with_part(SHEET, lambda xml: xml.replace(b'r="A2"', b'r="ZZZ2"')), "E012"),
        ("xlsx", _with_part(SHEET, lambda xml: xml.replace(b't="n"', b't="s"')), "E012"),
        ("xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "E012"),
        ("parquet", b"", "E012"),
        ("parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "E012"),
        ("parquet", as_parquet(GOOD * 200)[:-20], "E012"),
        ("parquet", as_parquet(GOOD * (LIMITS.rows + 100)), "E014"),
        ("csv", b"\xff\xfe\x00\xd8", "E003"),
        ("csv", b"a,b\n1,2\n", "E009"),
        ("csv", as_csv(GOOD) + b"x" * 200_000, "E012"),
        ("csv", as_csv(GOOD * (LIMITS.rows + 100)), "E014"),
    ],
)
def test_an_unreadable_file_is_rejected_with_a_code(extension: str, body: bytes, code: str) -> None:
    parsed = parse(extension, body)
    assert parsed.documents == []
    assert code in codes(parsed)


def test_a_huge_row_number_makes_no_rows() -> None:
    def far(xml: bytes) -> bytes:
        return xml.replace(b'<row r="2"', b'<row r="1048576"').replace(b'"A2"', b'"A1048576"')

    body = _with_part(SHEET, far)
    assert parse("xlsx", body).total <= 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["d1,T,U,2024,C_04,1", "d1,T,V,2024,C_05,2"], "E010"),
        (["d1,T,U,2024,C_04,1", "d1,T,U,2024,C_04,2"], "E008"),
        (["d1,T,U,2024,C_04,1,234"], "E013"),
        ([",T,U,2024,C_04,1"], "E101"),
    ],
)
def test_rows_that_contradict_each_other(lines: list[str], code: str) -> None:
    text = "document_id,submitted_at,unit_code,year,indicator_code,value\n" + "\n".join(lines)
    text = text.replace(",T,", ",2024-11-01T09:00:00+08:00,")
    text = text.replace(",U,", f",{UNIT},").replace(",V,", ",T05-440000-0008,")
    parsed = parse("csv", text.encode())
    assert parsed.documents == []
    assert codes(parsed) == [code]


def test_blank_cells_after_the_first_row_do_not_contradict_it() -> None:
    text = (
        "document_id,submitted_at,unit_code,year,indicator_code,value,highlight\n"
        f"d1,2024-11-01T09:00:00+08:00,{UNIT},2024,C_04,1,经验\n"
        "d1,,,,C_05,2,\n"
    )
    [document] = parse("csv", text.encode()).documents
    assert [code for code, _ in document.values] == ["C_04", "C_05"]


def test_hidden_sheets_and_unknown_columns_and_sheets_are_reported() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["二〇二四年填报"])
    sheet.append(["文档编号", "提交时间", "单位代码", "年度", "指标", None, "随便"])
    sheet.append([None, None, None, None, "指标代码", "填报值", None])
    sheet.merge_cells("E2:F2")
    sheet.append(["d1", datetime(2024, 11, 1, 9), UNIT, 2024, "C_04", 5, "x"])
    hidden = book.create_sheet("旧数据")
    hidden.append(HEADER)
    hidden.sheet_state = "hidden"
    book.create_sheet("备注").append(["随便写写"])
    body = io.BytesIO()
    book.save(body)
    parsed = parse("xlsx", body.getvalue())
    assert sorted(codes(parsed)) == ["W121", "W122", "W124"]
    [document] = parsed.documents
    # A date cell has no zone: Beijing time.
    assert document.model.submitted_at == "2024-11-01T09:00:00+08:00"
    assert document.where.at("values", "C_04") == "Sheet!F4"


def test_invisible_characters_are_removed_and_reported() -> None:
    document = _review(unit_name="甲\u200b校\u202e\0", level="provincial")
    parsed = parse("json", json.dumps(document).encode(), "registration")
    assert codes(parsed) == ["W125"]
    assert parsed.documents[0].model.unit_name == "甲校"  # type: ignore[attr-defined]


#: A valid file of each format, which the tests then damage.
SEEDS = {
    "json": json.dumps([{"document_id": "d1", "values": {"C_04": 1.5}}]).encode(),
    "jsonl": b'{"document_id": "d1"}\n{"document_id": "d2", "values": {"C_04": "x"}}\n',
    "csv": as_csv(GOOD * 3),
    "xlsx": as_xlsx(GOOD * 3),
    "parquet": as_parquet(GOOD * 3),
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(set(SEEDS) - {"parquet"})), st.data())
def test_a_damaged_file_raises_nothing(extension: str, data: st.DataObject) -> None:
    body = bytearray(SEEDS[extension])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    parsed = parse(extension, bytes(body))
    assert parsed.findings or parsed.documents
    assert "E016" not in codes(parsed)  # E016: a parser raised an unexpected exception
    assert f".{extension}" in FORMATS


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_damaged_parquet_file_raises_nothing(data: st.DataObject) -> None:
    body = bytearray(SEEDS["parquet"])
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    parsed = parse("parquet", bytes(body))
    assert parsed.findings or parsed.documents
    assert "E016" not in codes(parsed)  # E016: a parser raised an unexpected exception
