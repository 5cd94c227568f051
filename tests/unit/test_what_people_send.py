"""Tables as people send them: each kind of mistake gives the right values or a finding."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, get_args

import openpyxl
import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.checks import check_document
from orchestration.intake.codes import code_of_label, indicator_code, unit_code
from orchestration.intake.contracts import (
    Assessment,
    Organisation,
    Registration,
    Review,
    Verification,
)
from orchestration.intake.documents import ParsedObject, parse_object
from orchestration.intake.findings import Finding
from orchestration.intake.formats import Limits
from orchestration.intake.formats.base import Cells
from orchestration.intake.formats.headers import Header, header_columns
from orchestration.intake.formats.stated_units import StatedUnits
from orchestration.intake.places import place_of
from orchestration.intake.receipts import status_of
from tests.fixtures.intake_case_files import CASES, GOOD, RECEIVED, UNIT

HEAD = ["document_id", "submitted_at", "unit_code", "year", "indicator_code", "value"]
AT = "2024-11-01T09:00:00+08:00"


def parse(name: str, body: bytes, kind: str = "performance") -> ParsedObject:
    key = f"{kind}/year=2024/province=440000/{name}"
    limits = Limits(expanded_bytes=2**26, rows=5_000)
    return parse_object(place_of(key, 2024), key, body, limits, RECEIVED)


def case(name: str, kind: str = "performance") -> ParsedObject:
    return parse(name, (CASES / name).read_bytes(), kind)


def status(parsed: ParsedObject) -> str:
    return status_of(parsed.total, parsed.total - len(parsed.documents), findings(parsed))


def findings(parsed: ParsedObject) -> list[Finding]:
    place = place_of("performance/year=2024/province=440000/x.csv", 2024)
    checked = [
        each for document in parsed.documents for each in check_document(place, document, RECEIVED)
    ]
    return [each for each in parsed.findings + checked if each.code not in ("W208", "E062")]


def codes(parsed: ParsedObject) -> list[str]:
    return [each.code for each in findings(parsed)]


def read(parsed: ParsedObject) -> dict[str, dict[str, str | None]]:
    """The values as read, by unit and indicator."""
    return {
        str(document.unit_code): {code: value.number for code, value in document.values}
        for document in parsed.documents
    }


def table(rows: Sequence[Sequence[Any]], kind: str = "performance") -> ParsedObject:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return parse("x.csv", text.getvalue().encode(), kind)


def sheet(
    rows: Sequence[Sequence[Any]], change: Callable[[Any], None] | None = None
) -> ParsedObject:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))  # type: ignore[union-attr]
    if change:
        change(book.active)
    return saved(book)


def saved(book: Any) -> ParsedObject:
    body = io.BytesIO()
    book.save(body)
    return parse("x.xlsx", body.getvalue())


def form(change: Callable[[Any], None]) -> ParsedObject:
    """The good form after a change to its workbook."""
    book = openpyxl.load_workbook(CASES / "base-good-form.xlsx")
    change(book)
    return saved(book)


def row(code: str, value: Any, *more: Any, document: str = "d1", unit: str = UNIT) -> list[Any]:
    return [document, AT, unit, 2024, code, value, *more]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("K10-schema-version-column.csv", []),
        ("K11-note-right-of-table.xlsx", ["W140"]),
        ("K12-form-saved-as-csv.csv", []),
        ("K14-form-heading-row-in-column-a.xlsx", ["W140"]),
        ("K19-name-contradicts-code.xlsx", ["W143"]),
        ("K20-codes-with-hyphen.csv", ["W141"]),
        ("K21-unit-code-full-width.xlsx", ["W141"]),
        ("K29-two-highlights.xlsx", ["W144"]),
        ("K33-form-second-sheet-header-changed.xlsx", ["W124"]),
    ],
)
def test_what_is_meant_is_read(name: str, expected: list[str]) -> None:
    parsed = case(name)
    assert codes(parsed) == expected
    [values] = read(parsed).values()
    assert values == GOOD


def test_an_object_of_which_something_is_left_out_is_not_accepted() -> None:
    assert status(case("base-good-form.xlsx")) == "accepted"
    # Its second sheet holds 18 values under an unknown header.
    assert status(case("K33-form-second-sheet-header-changed.xlsx")) == "accepted_with_errors"
    parsed = table([HEAD, row("C_04", 1), row("X_99", 2)])
    assert (codes(parsed), status(parsed)) == (["E204"], "accepted_with_errors")
    parsed = table([HEAD, row("C_04", 1), row("T05_99", 2)])
    assert status(parsed) == "accepted_with_errors"


def test_sheets_that_hold_no_table() -> None:
    def add(book: Any) -> None:
        book.create_sheet("说明").append(["由财务处填写"])
        book.create_sheet("旧").append(["x"])
        book["旧"].sheet_state = "hidden"

    parsed = form(add)
    assert (read(parsed), status(parsed)) == ({UNIT: GOOD}, "accepted")
    assert codes(parsed) == ["W124", "W121"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("K06-drag-filled-unit.xlsx", ["E032"]),
        ("K07-second-sheet-other-value.xlsx", ["E031"]),
        ("K13-document-id-scientific.csv", ["E035"]),
        ("K18-last-year-and-this-year.xlsx", ["E038"]),
        ("K31-form-without-unit-code.xlsx", ["E101"]),
    ],
)
def test_what_can_not_be_told_is_refused(name: str, expected: list[str]) -> None:
    parsed = case(name)
    assert codes(parsed) == expected
    assert parsed.documents == []


@pytest.mark.parametrize(
    ("name", "lost", "code", "where"),
    [
        ("K08-thousands-comma-blank-tail.csv", "T05_12", "E013", "row 17"),
        ("K28-inner-quotes.csv", "C_04", "E036", "row 2"),
    ],
)
def test_only_the_row_that_can_not_be_read_is_refused(
    name: str, lost: str, code: str, where: str
) -> None:
    parsed = case(name)
    [found] = findings(parsed)
    assert (found.code, found.location) == (code, where)
    [values] = read(parsed).values()
    assert values == {name: value for name, value in GOOD.items() if name != lost}


@pytest.mark.parametrize(
    ("notes", "lost"),
    [
        # No other row has anything beside its value: 1,234 without quotes was cut in two.
        ({"C_04": ("1", "234"), "C_05": ("12", "345.5")}, {"C_04", "C_05"}),
        ({"C_04": ("1", "234"), "C_06": ("50.5", "已核对")}, set()),
        ({"C_04": ("1", "23")}, set()),
        ({"C_04": ("1234", "567")}, set()),
    ],
)
def test_a_comma_after_thousands_cuts_a_value_where_nothing_else_stands_beside_it(
    notes: dict[str, tuple[str, str]], lost: set[str]
) -> None:
    cells = {code: notes.get(code, (value,)) for code, value in GOOD.items()}
    lines = [",".join([*HEAD, "备注"])]
    lines += [
        ",".join(["d1", "2024-11-01T09:00:00+08:00", UNIT, "2024", code, *each])
        for code, each in cells.items()
    ]
    parsed = parse("x.csv", "\n".join(lines).encode())
    assert read(parsed) == {
        UNIT: {code: each[0] for code, each in cells.items() if code not in lost}
    }
    assert [found.code for found in findings(parsed)].count("E013") == len(lost)


@pytest.mark.parametrize(
    "shifted",
    [
        row("C_05", 90)[1:],
        row("C_05", 90)[2:],
        ["C_05", 90],
        ["", "", "", "", 90, ""],
        ["d1", AT, UNIT, 2024, 90, ""],
    ],
)
def test_a_row_whose_cells_are_shifted_is_an_error(shifted: list[Any]) -> None:
    for read_rows in (table, sheet):
        parsed = read_rows([HEAD, row("C_04", 1), shifted, row("C_06", 3)])
        assert read(parsed) == {UNIT: {"C_04": "1", "C_06": "3"}}
        [found] = findings(parsed)
        assert (found.code, found.severity) == ("W140", "error")
        assert "90" in found.message_zh
        assert status(parsed) == "accepted_with_errors"


def test_a_number_beside_a_blank_value_is_an_error() -> None:
    parsed = sheet([HEAD, row("C_04", 1), row("C_05", None, 90)])
    assert read(parsed) == {UNIT: {"C_04": "1"}}
    assert [(each.code, each.location, each.severity) for each in findings(parsed)] == [
        ("W140", "Sheet!G3", "error")
    ]


def test_rows_above_the_header_are_told() -> None:
    for read_rows in (table, sheet):
        parsed = read_rows([row("C_04", 1), HEAD, row("C_05", 2)])
        assert read(parsed) == {UNIT: {"C_05": "2"}}
        [found] = findings(parsed)
        assert (found.code, found.severity) == ("E042", "error")
        assert "第2行" in found.message_zh
        assert "C_04, 1" in found.message_zh


def test_another_header_begins_another_table() -> None:
    other = [HEAD[0], HEAD[1], HEAD[2], HEAD[3], "填报值", "指标代码"]
    unit = "T05-440000-0008"
    rows = [HEAD, row("C_04", 1), HEAD, row("C_05", 2), other, ["d2", AT, unit, 2024, 3, "C_04"]]
    for read_rows in (table, sheet):
        parsed = read_rows(rows)
        assert read(parsed) == {UNIT: {"C_04": "1", "C_05": "2"}, unit: {"C_04": "3"}}
        assert codes(parsed) == []


@pytest.mark.parametrize(
    ("header", "found"),
    [("2024年填报值", []), ("2024年度填报值*", []), ("2023年填报值", ["E039"])],
)
def test_a_year_before_the_header_of_the_values(header: str, found: list[str]) -> None:
    parsed = table([[*HEAD[:5], header], row("C_04", 1)])
    assert codes(parsed) == found
    assert read(parsed) == ({} if found else {UNIT: {"C_04": "1"}})


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ([*HEAD[:5], "数据"], "缺少“填报值”列"),
        (["单位代码", "年度", "C_04"], "缺少“指标代码、填报值”列"),
        (["说明"], "缺少“单位代码、指标代码、填报值”列"),
    ],
)
def test_a_table_without_header_names_the_missing_columns(header: list[str], missing: str) -> None:
    [found] = findings(table([header, ["1"]]))
    assert found.code == "E009"
    assert missing in found.message_zh


def test_a_row_of_totals_belongs_to_nobody() -> None:
    for read_rows in (table, sheet):
        total = [None, None, None, None, None, 9999]
        parsed = read_rows([HEAD, row("C_04", 1), row("C_05", 2), total])
        assert read(parsed) == {UNIT: {"C_04": "1", "C_05": "2"}}
        assert [found.code for found in parsed.findings] == ["E033"]


def test_years_units_and_codes_as_officers_write_them() -> None:
    head = [*HEAD, "计量单位"]
    rows = [row("C—04", 1, "（万元）"), row("T05.12", 2, "单位：人次")]
    for read_rows in (table, sheet):
        parsed = read_rows([head, *([*each[:3], "2024年度", *each[4:]] for each in rows)])
        assert read(parsed) == {UNIT: {"C_04": "1", "T05_12": "2"}}
        assert [found.code for found in parsed.findings] == ["W141"]


def test_a_year_is_the_same_with_and_without_its_word() -> None:
    rows = [row("C_04", 1), row("C_05", 2)]
    rows[0][3] = "2024年"
    for read_rows in (table, sheet):
        parsed = read_rows([HEAD, *rows])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1", "C_05": "2"}}, [])


def test_a_footnote_makes_no_other_code() -> None:
    for code in (f"{UNIT}¹", f"{UNIT}①", f"{UNIT}₁"):
        [found] = table([HEAD, row("C_04", 1, unit=code)]).findings
        assert (found.code, found.value) == ("E106", code)


def test_fields_of_a_document_that_are_not_read_are_told() -> None:
    document = {
        "document_id": "d1",
        "submitted_at": "2024-11-01T09:00:00+08:00",
        "unit_code": UNIT,
        "unit_name": "示例学校",
        "year": 2024,
        "values": GOOD,
        "remark": "",
    }
    assert findings(parse("x.json", json.dumps(document).encode())) == []
    more = document | {"valeus": {"C_04": 1}, "备注": "已核对"}
    [found] = findings(parse("x.jsonl", f"{json.dumps(document)}\n{json.dumps(more)}".encode()))
    assert (found.code, found.value) == ("W128", "valeus、备注")


def test_a_finding_names_the_cell() -> None:
    places = {
        "K07-second-sheet-other-value.xlsx": ["填报!L23", "填报 (2)!L23", "350", "99"],
        "K11-note-right-of-table.xlsx": ["已与财务核对"],
        "K19-name-contradicts-code.xlsx": ["第6、7行", "指标名称", "指标代码"],
        "K28-inner-quotes.csv": ["第2行第7格"],
    }
    for name, parts in places.items():
        [found] = findings(case(name))
        assert all(part in found.message_zh for part in parts), found
    assert findings(case("K31-form-without-unit-code.xlsx"))[0].location == "填报!A4"
    assert findings(case("K11-note-right-of-table.xlsx"))[0].location == "填报!R5"


_HEADER, _LINES = ",".join(HEAD), [",".join(map(str, row(*each))) for each in GOOD.items()]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f",{_HEADER}", *(f"{at},{each}" for at, each in enumerate(_LINES))], ["W140"]),
        (["sep=,", _HEADER, *_LINES], []),
        (["Column1,Column2,Column3,Column4,Column5,Column6", _HEADER, *_LINES], []),
        ([f"\ufeff\ufeff{_HEADER}", *_LINES], []),
        ([_HEADER, *_LINES[:1], f"\ufeff{_HEADER}", *_LINES[1:]], []),
        ([f" {_HEADER.upper()}\u3000", *_LINES], []),
        ([_HEADER, *(each.replace(",2024,", ",2024.0,") for each in _LINES)], []),
        ([_HEADER, *(each.replace(UNIT, UNIT.replace("-", "–")) for each in _LINES)], ["W141"]),
        ([_HEADER, *_LINES, "\0\0\0\0"], ["W140"]),
    ],
    ids=[
        "index of pandas",
        "separator for Excel",
        "columns of Power Query",
        "two marks",
        "joined files",
        "blanks in the header",
        "year of R",
        "dashes",
        "zeros at the end",
    ],
)
def test_exports_of_other_programs_are_read(lines: list[str], expected: list[str]) -> None:
    parsed = parse("x.csv", "\r".join(lines).encode())
    assert codes(parsed) == expected
    [values] = read(parsed).values()
    assert values == GOOD


@pytest.mark.parametrize("separator", ["|", "，", ";", "\t"])
def test_other_separators_are_read(separator: str) -> None:
    lines = [separator.join(map(str, each)) for each in [HEAD, row("C_04", "1,5"), row("C_05", 2)]]
    assert read(parse("x.csv", "\n".join(lines).encode())) == {UNIT: {"C_04": None, "C_05": "2"}}


@pytest.mark.parametrize("shown", ["yyyy", 'yyyy"年"'])
def test_a_date_that_shows_its_year_alone_is_a_year(shown: str) -> None:
    def change(cells: Any) -> None:
        cells["D2"] = datetime(2024, 1, 1)
        cells["D2"].number_format = shown

    parsed = sheet([HEAD, row("C_04", 35)], change)
    assert codes(parsed) == []
    assert read(parsed) == {UNIT: {"C_04": "35"}}


class TestUnitsOfMeasure:
    def test_the_case_file(self) -> None:
        [values] = read(case("K05-unit-column-yuan.xlsx")).values()
        assert {code for code, number in values.items() if number is not None} == {
            "T05_01",
            "T05_02",
        }

    @pytest.mark.parametrize(
        ("code", "stated", "is_read"),
        [
            ("C_04", "元", False),
            ("C_04", "亿元", False),
            ("C_04", "个", False),
            ("C_04", "万元", True),
            ("C_04", " 万 元", True),
            ("C_04", "", True),
            ("C_04", "—", True),
            ("T05_07", "％", True),
            ("T05_07", "‰", False),
            ("T05_01", "名", True),
            ("T05_01", "人次", False),
            ("T05_12", "人", False),
        ],
    )
    def test_a_column_beside_the_value(self, code: str, stated: str, is_read: bool) -> None:
        parsed = table([[*HEAD, "计量单位"], row(code, 50, stated)])
        [values] = read(parsed).values()
        assert (values[code] is not None) == is_read
        if not is_read:
            [found] = findings(parsed)
            assert found.code == "E201"
            assert "50" in str(found.value)
            assert stated in str(found.value)

    @pytest.mark.parametrize(
        ("header", "unread"),
        [
            ("填报值（元）", {"C_04"}),
            ("填报值(单位：元)", {"C_04"}),
            ("填报值（万元）", set()),
            ("填报值（人次）", {"C_04", "T05_01"}),
            ("填报值（万元、人）", {"T05_12"}),
            ("填报值（必填）", set()),
        ],
    )
    def test_a_header(self, header: str, unread: set[str]) -> None:
        rows = [row("C_04", 5), row("T05_01", 6), row("T05_12", 7)]
        [values] = read(table([[*HEAD[:5], header], *rows])).values()
        assert {code for code, number in values.items() if number is None} == unread

    @pytest.mark.parametrize("text", ["单位：元", "注：金额单位为元", "（元）", "金额以千元为单位"])
    def test_anywhere_on_the_sheet(self, text: str) -> None:
        values = [row("C_04", 5), row("T05_01", 6)]
        below = ["", "", "", "", "", text]
        unread = {"C_04": None, "T05_01": "6"}
        for read_rows in (table, sheet):
            for rows in ([HEAD, below, *values], [HEAD, *values, [text]], [[text], HEAD, *values]):
                assert read(read_rows(rows)) == {UNIT: unread}, rows
        assert read(sheet([HEAD, [*values[0], "", text], values[1]])) == {UNIT: unread}

        def commented(cells: Any) -> None:
            cells["F1"].comment = openpyxl.comments.Comment(text, "某")

        assert read(sheet([HEAD, *values], commented)) == {UNIT: unread}

    def test_a_remark_after_many_without_a_unit(self) -> None:
        head = ["备注", *HEAD]
        remarks = ["已核对", "已核对", "单位：元", "已核对"]
        rows = [[text, *row(f"C_0{at}", at)] for at, text in enumerate(remarks, 4)]
        for read_rows in (table, sheet):
            values = {"C_04": "4", "C_05": "5", "C_06": None, "C_07": "7"}
            assert read(read_rows([head, *rows])) == {UNIT: values}

    def test_in_the_name_of_a_sheet(self) -> None:
        for name, value in (("绩效（元）", None), ("绩效（万元）", "5"), ("绩效（甲校）", "5")):
            parsed = sheet(
                [HEAD, row("C_04", 5)], lambda cells, title=name: setattr(cells, "title", title)
            )
            assert read(parsed) == {UNIT: {"C_04": value}}

    def test_in_a_remark_beside_the_value(self) -> None:
        rows = [
            [*HEAD, "年份", "备注"],
            row("C_04", 5, "", "单位为元"),
            row("C_05", 6, "", "已核对"),
        ]
        for read_rows in (table, sheet):
            assert read(read_rows(rows)) == {UNIT: {"C_04": None, "C_05": "6"}}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ({"unit": "元"}, None),
            ({"计量单位": "万元"}, "5"),
            ({"units": {"c-04": "元", "T05_01": "人"}}, None),
            ({"units": {"C_04": "万元"}}, "5"),
            ({"币种": "USD"}, None),
            ({"备注": "人"}, "5"),
        ],
    )
    def test_in_a_field_of_a_document(self, field: dict[str, str], value: str | None) -> None:
        document = {
            "document_id": "d1", "submitted_at": AT, "unit_code": UNIT, "year": 2024,
            "values": {"C_04": 5, "T05_01": 6}, **field,
        }  # fmt: skip
        parsed = parse("x.json", json.dumps(document).encode())
        assert read(parsed) == {UNIT: {"C_04": value, "T05_01": "6"}}

    def test_a_note_above_the_table(self) -> None:
        rows = [
            ["某省数据", "", "", "", "", "金额单位：元"],
            HEAD,
            row("C_04", 5),
            row("T05_01", 6),
        ]
        [values] = read(table(rows)).values()
        assert values == {"C_04": None, "T05_01": "6"}
        rows[0][0] = "填报单位：某学校"
        rows[0][5] = "单位：万元"
        assert read(table(rows)) == {UNIT: {"C_04": "5", "T05_01": "6"}}

    @pytest.mark.parametrize(
        ("name", "is_read"),
        [
            ("年度计划投入经费（元）", False),
            ("年度计划投入经费（单位：亿元）", False),
            ("年度计划投入经费（万元）", True),
            ("年度计划投入经费（全口径）", True),
        ],
    )
    def test_an_indicator_s_name(self, name: str, is_read: bool) -> None:
        [values] = read(table([[*HEAD, "指标名称"], row("C_04", 5, name)])).values()
        assert (values["C_04"] is not None) == is_read

    def test_the_catalogue_s_own_names_and_units(self) -> None:
        known = load_catalogue().indicators.values()
        rows = [row(each.code, 1, each.name_zh, each.unit) for each in known]
        assert table([[*HEAD, "指标名称", "计量单位"], *rows]).findings == []
        for each in known:
            header = Header([], {}, {}, {"indicator_name": [0], "unit_of_measure": [1]})
            cells = [each.name_zh, each.unit]
            assert StatedUnits(header).with_unit(each.code, cells, 1) == 1, each.code

    @pytest.mark.parametrize(("text", "is_read"), [("元", False), ("万元", True), ("某学校", True)])
    def test_a_column_headed_unit(self, text: str, is_read: bool) -> None:
        [values] = read(table([[*HEAD, "单位"], row("C_04", 5, text)])).values()
        assert (values["C_04"] is not None) == is_read

    def test_the_form_s_own_column(self) -> None:
        parsed = form(lambda book: book["填报"].__setitem__("F4", "元"))
        [found] = findings(parsed)
        assert (found.code, found.location) == ("E201", "填报!L4")

    def test_a_plan(self) -> None:
        head = [
            "document_id",
            "submitted_at",
            "unit_code",
            "target_year",
            "indicator_code",
            "目标值（元）",
        ]
        parsed = table([head, ["p", AT, UNIT, 2024, "C_04", 5]], "plan")
        assert [each.code for each in parsed.findings] == ["E201"]


class TestFilledDown:
    CODES = tuple(GOOD)[:6]

    def test_unit_codes_that_count_up(self) -> None:
        rows = [
            row(code, 1, unit=f"T05-440000-{7 + at:04d}", document=f"d{at}")
            for at, code in enumerate(self.CODES)
        ]
        parsed = table([HEAD, *rows])
        assert codes(parsed) == ["E032"]
        assert parsed.documents == []
        assert "第2行至第7行" in parsed.findings[0].message_zh

    @pytest.mark.parametrize("column", [0, 2, 3])
    def test_any_code_that_counts_up(self, column: int) -> None:
        starts = {0: 202411001, 2: UNIT, 3: 2024}
        rows = [row(code, 1) for code in self.CODES]
        for at, each in enumerate(rows):
            start = starts[column]
            each[column] = start + at if isinstance(start, int) else f"{UNIT[:-1]}{at}"
        parsed = table([HEAD, *rows])
        assert codes(parsed) == ["E032"]

    def test_codes_that_count_down(self) -> None:
        rows = [row(code, 1, unit=f"T05-440000-{9 - at:04d}") for at, code in enumerate(self.CODES)]
        assert codes(table([HEAD, *rows])) == ["E032"]

    def test_two_units_by_turns_are_read(self) -> None:
        units = ("T05-440000-0007", "T05-440000-0008")
        rows = [
            row(code, 1, unit=units[at % 2], document=units[at % 2])
            for at, code in enumerate(self.CODES)
        ]
        assert list(read(table([HEAD, *rows]))) == list(units)

    def test_years_of_a_plan(self) -> None:
        head = [
            "document_id",
            "submitted_at",
            "unit_code",
            "target_year",
            "indicator_code",
            "target",
        ]
        rows = [["p", AT, UNIT, 2024 + at, code, 5] for at, code in enumerate(self.CODES)]
        assert codes(table([head, *rows], "plan")) == ["E032"]
        rows = [["p", AT, UNIT, year, "C_04", 5] for year in range(2021, 2028)]
        assert codes(table([head, *rows], "plan")) == []

    def test_a_part_of_a_form(self) -> None:
        def drag(book: Any) -> None:
            for at in range(3):
                book["填报"].cell(4 + at, 1).value = f"T05-440000-{7 + at:04d}"

        parsed = form(drag)
        assert codes(parsed) == ["E032"]
        assert parsed.documents == []

    def test_units_in_the_order_of_their_codes_are_read(self) -> None:
        units = [f"T05-440000-{at:04d}" for at in range(1, 7)]
        by_unit = [
            row(code, 1, unit=unit, document=unit) for unit in units for code in ("C_04", "C_05")
        ]
        by_indicator = sorted(by_unit, key=lambda each: str(each[4]))
        one_each = [row("C_04", 1, unit=unit, document=unit) for unit in units]
        for rows in (by_unit, by_indicator, one_each):
            assert len(read(table([HEAD, *rows]))) == len(units)


class TestFormsOfOneUnit:
    @staticmethod
    def copied(change: Callable[[Any], None]) -> ParsedObject:
        def copy(book: Any) -> None:
            change(book.copy_worksheet(book["填报"]))

        return form(copy)

    def test_the_same_values_count_once(self) -> None:
        parsed = self.copied(lambda _: None)
        assert read(parsed) == {UNIT: GOOD}
        assert codes(parsed) == ["W142"]

    def test_other_values_count_never(self) -> None:
        for value in (99, None):
            parsed = self.copied(lambda sheet, value=value: sheet.__setitem__("L4", value))  # type: ignore[misc]
            assert parsed.documents == []
            assert codes(parsed) == ["E031"]
            assert "填报 Copy!L4" in parsed.findings[0].message_zh

    def test_another_highlight_only(self) -> None:
        parsed = self.copied(lambda sheet: sheet.__setitem__("P4", "经验"))
        assert (read(parsed), codes(parsed)) == ({UNIT: GOOD}, ["W142"])
        assert parsed.documents[0].model.highlight == "经验"  # type: ignore[attr-defined]

        def differ(book: Any) -> None:
            book["填报"]["P4"] = "经验一"
            book.copy_worksheet(book["填报"])["P4"] = "经验二"

        parsed = form(differ)
        assert (read(parsed), codes(parsed)) == ({UNIT: GOOD}, ["W142", "W144"])

    def test_one_document_in_two_sheets(self) -> None:
        book = openpyxl.Workbook()
        first: Any = book.active
        second: Any = book.create_sheet("二")
        for sheet in (first, second):
            sheet.append(HEAD)
            sheet.append(row("C_04", 1))
        parsed = saved(book)
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1"}}, ["W142"])
        second["F2"] = 2
        parsed = saved(book)
        assert (read(parsed), codes(parsed)) == ({}, ["E031"])
        assert "二!F2" in parsed.findings[0].message_zh

    def test_one_sheet_with_two_blocks(self) -> None:
        rows = [row("C_04", 1), row("C_05", 2), row("C_04", 1)]
        parsed = table([HEAD, *rows])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1", "C_05": "2"}}, ["W142"])
        rows[-1][5] = 3
        parsed = table([HEAD, *rows])
        assert (read(parsed), codes(parsed)) == ({}, ["E008"])
        assert "row 2" in str(parsed.findings[0].value)


class TestShiftedCells:
    HEADER = ",".join([*HEAD, "report_object_key", "highlight"])
    START = f"d1,{AT},{UNIT},2024"

    @pytest.mark.parametrize(
        ("line", "codes_found"),
        [
            ("C_05,1,234,,", ["E013"]),
            ("C_05,1,234,567,,", ["E013"]),
            ("C_05,1,234,a.pdf,x", ["E013"]),
            ('C_05,"1,234",,', []),
            # A separator at the line's end shifts nothing.
            ("C_05,1234,,,", []),
        ],
    )
    def test_a_thousands_comma(self, line: str, codes_found: list[str]) -> None:
        text = f"{self.HEADER}\n{self.START},C_04,1,,\n{self.START},{line}\n"
        parsed = parse("x.csv", text.encode())
        assert codes(parsed) == codes_found
        expected = {"C_04": "1"} if codes_found else {"C_04": "1", "C_05": "1234"}
        assert read(parsed) == {UNIT: expected}

    def test_a_document_of_which_no_row_is_left(self) -> None:
        parsed = parse("x.csv", f"{self.HEADER}\n{self.START},C_05,1,234,,\n".encode())
        assert (parsed.total, parsed.documents, codes(parsed)) == (1, [], ["E013"])

    def test_a_comma_in_a_registration(self) -> None:
        text = "document_id,submitted_at,unit_code,unit_name,level,contact_phone\n"
        text += f"r1,{AT},{UNIT},甲,乙校,school,13800000000\nr2,{AT},T05-440000-0008,丙校,school,\n"
        parsed = parse("x.csv", text.encode(), "registration")
        assert [each.unit_code for each in parsed.documents] == ["T05-440000-0008"]
        assert [each.code for each in parsed.findings] == ["E013"]
        assert "13800000000" not in str(parsed.findings)


class TestQuotes:
    HEADER = ",".join([*HEAD, "highlight"])

    def parse_lines(self, *lines: str) -> ParsedObject:
        return parse("x.csv", "\n".join([self.HEADER, *lines]).encode())

    def line(self, code: str, rest: str, unit: str = UNIT) -> str:
        return f"{unit},{AT},{unit},2024,{code},{rest}"

    @pytest.mark.parametrize("broken", ['1,"a"b', '1,"open', '"1"2,', '1,"a" ,'])
    def test_the_rows_after_it_are_read(self, broken: str) -> None:
        parsed = self.parse_lines(
            self.line("C_04", broken), self.line("C_05", "2,"), self.line("C_06", '3,"说""明"')
        )
        assert read(parsed) == {UNIT: {"C_05": "2", "C_06": "3"}}
        assert codes(parsed) == ["E036"]

    def test_other_documents_are_read(self) -> None:
        other = "T05-440000-0008"
        parsed = self.parse_lines(self.line("C_04", '1,"a"b"'), self.line("C_04", "2,", other))
        assert read(parsed) == {other: {"C_04": "2"}}
        assert (parsed.total, codes(parsed)) == (2, ["E036"])

    def test_in_the_first_cell_of_a_registration(self) -> None:
        text = f'document_id,submitted_at,unit_code,unit_name,level\n"r"1,{AT},{UNIT},甲校,school\n'
        parsed = parse("x.csv", text.encode(), "registration")
        assert (parsed.total, [each.code for each in parsed.findings]) == (1, ["E036"])

    def test_a_cell_over_several_lines(self) -> None:
        parsed = self.parse_lines(
            self.line("C_04", '1,"第一行\r\n第二行"'),
            self.line("C_05", '1,"x"y'),
            self.line("C_06", "1,"),
        )
        assert read(parsed) == {UNIT: {"C_04": "1", "C_06": "1"}}
        assert [each.location for each in findings(parsed)] == ["row 4"]


class TestMergedIdentity:
    def test_blank_cells_below_a_document(self) -> None:
        rows = [row("C_04", 1), ["", "", "", "", "C_05", 2], ["", "", "", "", "C_06", 3]]
        parsed = table([HEAD, *rows])
        assert (parsed.documents, codes(parsed)) == ([], ["E034"])
        assert "第3行的“文档编号”为空" in parsed.findings[0].message_zh

    def test_a_blank_document_id_alone(self) -> None:
        parsed = table([HEAD, row("C_04", 1), row("C_05", 2, document="")])
        assert (parsed.documents, codes(parsed)) == ([], ["E034"])

    def test_a_blank_unit_in_a_document_with_an_id(self) -> None:
        parsed = table([HEAD, row("C_04", 1), row("C_05", 2, unit="")])
        assert read(parsed) == {UNIT: {"C_04": "1", "C_05": "2"}}

    def test_merged_cells_of_a_workbook(self) -> None:
        parsed = case("K09-merged-identity-two-units.xlsx")
        assert list(read(parsed).values()) == [GOOD, GOOD]
        assert codes(parsed) == []
        [plan] = case("K09-plan-merged-year.xlsx", "plan").documents
        assert [(year, code, value.number) for year, code, value in plan.targets] == [
            (2024, "C_04", "100"),
            (2024, "C_05", "120"),
        ]

    def test_a_blank_target_year(self) -> None:
        head = ["document_id", "submitted_at", "unit_code", "target_year", "指标代码", "目标值"]
        rows = [["p", AT, UNIT, 2024, "C_04", 1], ["p", AT, UNIT, "", "C_05", 2]]
        parsed = table([head, *rows], "plan")
        [found] = parsed.findings
        assert (found.code, found.location) == ("E033", "row 3, column target_year")
        assert "目标年度" in found.message_zh

    def test_a_merged_value(self) -> None:
        rows = [row("C_04", 100), row("C_05", None), row("C_06", 3)]
        parsed = sheet([HEAD, *rows], lambda sheet: sheet.merge_cells("F2:F3"))
        assert read(parsed) == {UNIT: {"C_04": None, "C_05": None, "C_06": "3"}}
        assert codes(parsed) == ["E201", "E201"]

    def test_a_table_of_one_document_a_row(self) -> None:
        head = ["document_id", "submitted_at", "unit_code", "year", "score", "grade"]
        book = openpyxl.Workbook()
        sheet: Any = book.active
        for cells in (
            head,
            ["a", AT, UNIT, 2024, 80, "good"],
            ["b", None, f"{UNIT[:-1]}8", None, 90, "优秀"],
        ):
            sheet.append(cells)
        for column in "BD":
            sheet.merge_cells(f"{column}2:{column}3")
        body = io.BytesIO()
        book.save(body)
        parsed = parse("x.xlsx", body.getvalue(), "assessment")
        assert (len(parsed.documents), parsed.findings) == (2, [])

    def test_a_value_without_an_indicator(self) -> None:
        parsed = table([HEAD, row("C_04", 1), row("", 2)])
        assert read(parsed) == {UNIT: {"C_04": "1"}}
        assert codes(parsed) == ["E033"]


class TestRemarks:
    def test_under_a_table(self) -> None:
        for read_rows in (table, sheet):
            parsed = read_rows([HEAD, row("C_04", 1), [], ["备注：数据已核对"]])
            assert read(parsed) == {UNIT: {"C_04": "1"}}
            assert codes(parsed) == ["W140"]

    def test_under_a_registration(self) -> None:
        head = ["document_id", "submitted_at", "unit_code", "unit_name", "level"]
        parsed = table(
            [head, ["r1", AT, UNIT, "甲校", "school"], ["联系人13800000000"]], "registration"
        )
        assert [each.code for each in parsed.findings] == ["W140"]
        assert parsed.total == 1
        assert "13800000000" not in str(parsed.findings)

    def test_in_a_column_without_header(self) -> None:
        head = [*HEAD[:5], "", "value"]
        rows = [[*row("C_04", None)[:5], "看", 1], [*row("C_05", None)[:5], "", 2]]
        for read_rows in (table, sheet):
            parsed = read_rows([head, *rows])
            assert read(parsed) == {UNIT: {"C_04": "1", "C_05": "2"}}
            assert codes(parsed) == ["W140"]

    def test_beside_a_table_saved_as_csv(self) -> None:
        rows = [[*HEAD, "", ""], row("C_04", 1, "", "已核对"), row("C_05", 2, "", "")]
        parsed = table(rows)
        assert read(parsed) == {UNIT: {"C_04": "1", "C_05": "2"}}
        assert codes(parsed) == ["W140"]

    def test_a_text_in_the_value_column(self) -> None:
        parsed = table([HEAD, row("C_04", 1), ["", "", "", "", "", "以上数据已核对"]])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1"}}, ["W140"])

    def test_a_heading_in_the_column_of_codes(self) -> None:
        parsed = table([HEAD, row("C_04", 1), ["", "", "", "", "二、专项指标", ""], row("C_05", 2)])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1", "C_05": "2"}}, ["W140"])

    def test_the_header_again(self) -> None:
        parsed = table([HEAD, row("C_04", 1), HEAD, row("C_05", 2)])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1", "C_05": "2"}}, [])
        head = ["document_id", "submitted_at", "unit_code", "year", "score", "grade"]
        rows = [head, ["a", AT, UNIT, 2024, 80, "良"], head, ["b", AT, UNIT, 2024, 90, "GOOD"]]
        parsed = table(rows, "assessment")
        assert (len(parsed.documents), parsed.findings) == (2, [])

    def test_headings_of_a_form(self) -> None:
        def head(book: Any) -> None:
            for column, text in ((1, "二、专项指标"), (5, "三、其他")):
                book["填报"].insert_rows(10)
                book["填报"].cell(10, column).value = text

        parsed = form(head)
        assert read(parsed) == {UNIT: GOOD}
        assert codes(parsed) == ["W140", "W140"]


class TestForms:
    def test_a_sheet_moved_to_another_workbook(self) -> None:
        def move(book: Any) -> None:
            del book["_tongbao"]
            del book["填报说明"]

        parsed = form(move)
        assert (read(parsed), codes(parsed)) == ({UNIT: GOOD}, [])

    def test_the_form_as_csv_of_several_units(self) -> None:
        with (CASES / "K12-form-saved-as-csv.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        second = [[*each] for each in rows[3:]]
        second[0][0] = "T05-440000-0008"
        parsed = table([*rows, *second])
        assert list(read(parsed)) == [UNIT, "T05-440000-0008"]
        assert codes(parsed) == []

    def test_a_form_without_some_of_its_columns(self) -> None:
        def narrow(book: Any) -> None:
            del book["_tongbao"]
            sheet = book["填报"]
            sheet.unmerge_cells("A1:P1")
            sheet.unmerge_cells("A2:P2")
            sheet.delete_cols(7, 5)
            sheet.delete_rows(1, 2)

        assert read(form(narrow)) == {UNIT: GOOD}

    def test_a_table_without_document_ids_is_no_form(self) -> None:
        parsed = table([HEAD[1:], row("C_04", 1)[1:]])
        assert (parsed.documents, codes(parsed)) == ([], ["E101"])


class TestRewrittenIds:
    @pytest.mark.parametrize(
        "document_id",
        ["2.02411E+17", "1E+20", "2.02411e17", "202411010000017000", "2024110100000170000000"],
    )
    def test_digits_are_lost(self, document_id: str) -> None:
        parsed = table([HEAD, row("C_04", 1, document=document_id)])
        assert (parsed.documents, codes(parsed)) == ([], ["E035"])

    def test_a_number_cell_of_many_digits(self) -> None:
        parsed = sheet([HEAD, row("C_04", 1, document=202411010000017123.0)])  # type: ignore[arg-type]
        assert (parsed.documents, codes(parsed)) == ([], ["E035"])

    @pytest.mark.parametrize(
        "ids",
        [
            ["202411010000017123"],
            ["20241101000"],
            ["d1E5x"],
            ["202411010000017000", "202411010000017001"],
        ],
    )
    def test_honest_ids(self, ids: list[str]) -> None:
        rows = [
            row("C_04", 1, document=each, unit=f"T05-440000-{at:04d}")
            for at, each in enumerate(ids)
        ]
        assert codes(table([HEAD, *rows])) == []

    def test_a_phone_number(self) -> None:
        head = [
            "document_id",
            "submitted_at",
            "unit_code",
            "unit_name",
            "level",
            "contact_name",
            "contact_phone",
        ]
        parsed = table([head, ["r1", AT, UNIT, "甲校", "school", "某", "1.38E+10"]], "registration")
        [document] = parsed.documents
        assert document.model.contact.phone is None  # type: ignore[attr-defined]
        assert [each.code for each in parsed.findings] == ["E035"]
        assert "1.38" not in str(parsed.findings)


class TestTwoColumnsOfOneMeaning:
    @pytest.mark.parametrize("second", ["填报值", "value", "填报值（2024年）", " 填报 值 "])
    def test_different_values(self, second: str) -> None:
        for read_rows in (table, sheet):
            parsed = read_rows([[*HEAD[:5], "填报值", second], row("C_04", 1, 2)])
            assert (parsed.documents, codes(parsed)) == ([], ["E038"])

    def test_equal_or_blank_columns(self) -> None:
        head = [*HEAD[:5], "填报值", "value"]
        for pair in (("100", "100.0"), ("100", ""), ("", "100")):
            assert read(table([head, row("C_04", *pair)])) == {UNIT: {"C_04": "100"}}

    def test_only_the_documents_that_differ(self) -> None:
        head = [*HEAD[:5], "填报值", "value"]
        other = row("C_04", 3, 4, document="d2", unit="T05-440000-0008")
        parsed = table([head, row("C_04", 1, 1), other])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1"}}, ["E038"])

    @pytest.mark.parametrize("header", ["填报值（上年）", "填报值（2023年）", "填报值(去年数)"])
    def test_a_single_column_of_another_year(self, header: str) -> None:
        parsed = table([[*HEAD[:5], header], row("C_04", 1)])
        assert (parsed.documents, codes(parsed)) == ([], ["E039"])

    def test_two_units_in_one_row(self) -> None:
        head = ["document_id", "submitted_at", "unit_code", "单位代码", "year", "score", "grade"]
        parsed = table([head, ["a", AT, UNIT, "T05-440000-0008", 2024, 80, "good"]], "assessment")
        assert [each.code for each in parsed.findings] == ["E038"]


class TestNames:
    def test_of_units(self) -> None:
        head = [*HEAD, "单位名称"]
        parsed = table([head, row("C_04", 1, "甲校"), row("C_05", 2, "乙校"), row("C_06", 3)])
        assert codes(parsed) == ["W143"]
        assert "第3行" in parsed.findings[0].message_zh

    @pytest.mark.parametrize(
        ("name", "is_right"), [("广东省", True), ("广东", True), ("湖南省", False)]
    )
    def test_of_provinces(self, name: str, is_right: bool) -> None:
        parsed = table([[*HEAD, "省份"], row("C_04", 1, name)])
        assert codes(parsed) == ([] if is_right else ["W143"])

    @pytest.mark.parametrize(
        ("name", "is_right"),
        [
            ("各级财政投入", True),
            ("其中: 各级财政投入(万元)", True),
            ("行业企业投入", False),
            ("年度到位经费", False),
        ],
    )
    def test_of_indicators(self, name: str, is_right: bool) -> None:
        parsed = table([[*HEAD, "指标名称"], row("C_06", 1, name)])
        assert codes(parsed) == ([] if is_right else ["W143"])
        assert read(parsed) == {UNIT: {"C_06": "1"}}

    def test_of_provinces_and_tasks_in_a_table_of_documents(self) -> None:
        head = ["文档编号", "提交时间", "省份代码", "省份", "任务代码", "任务名称", "年度"]
        for names, expected in (
            (("广东", "职业教育信息化标杆学校"), []),
            (("湖南省", "职业教育信息化标杆学校"), ["W143"]),
            (("湖南省", "另一任务"), ["W143", "W143"]),
        ):
            cells = ["s1", AT, "440000", names[0], "T05", names[1], 2024]
            parsed = table([head, cells], "provincial_summary")
            assert [each.code for each in parsed.findings] == expected


class TestCodes:
    @pytest.mark.parametrize(
        "written",
        ["t05-440000-0007", " T05-440000-0007 ", "T05—440000—0007", "T05_440000_0007",
         "T05\u200b-440000-0007", "Ｔ０５－４４００００－０００７", "T05 440000 0007",
         "\ufeffT05-440000-0007"],
    )  # fmt: skip
    def test_unit_codes(self, written: str) -> None:
        assert unit_code(written) == UNIT
        parsed = table([HEAD, row("C_04", 1), row("C_05", 2, unit=written)])
        assert read(parsed) == {UNIT: {"C_04": "1", "C_05": "2"}}
        parsed = table([HEAD, row("C_04", 1, unit=written)])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"C_04": "1"}}, ["W141"])

    @pytest.mark.parametrize(
        "text", ["T05-440000-07", "T5-440000-0007", "T05-440000-0007-1", "学校", ""]
    )
    def test_other_texts_are_no_unit_codes(self, text: str) -> None:
        assert unit_code(text) is None

    @pytest.mark.parametrize(
        "written",
        [
            "T05-12",
            "t05_12",
            "T05—12",
            "Ｔ０５＿１２",
            "T05_12 ",
            "T05\u200b_12",
            "T05 12",
            "T0512",
        ],
    )
    def test_indicator_codes(self, written: str) -> None:
        assert indicator_code(written) == "T05_12"
        parsed = table([HEAD, row(written, 1), row("C_04", 2)])
        assert (read(parsed), codes(parsed)) == ({UNIT: {"T05_12": "1", "C_04": "2"}}, ["W141"])

    def test_the_squeezed_codes_of_the_catalogue_differ(self) -> None:
        known = load_catalogue().indicators
        assert {indicator_code(code.replace("_", "-").lower()) for code in known} == set(known)

    def test_json(self) -> None:
        values = {"T05-12": "约3", "C_04": 2}
        document = {"document_id": "d1", "submitted_at": AT, "year": 2024, "values": values,
                    "unit_code": "ｔ05-440000-0007"}  # fmt: skip
        parsed = parse("x.json", json.dumps(document).encode())
        assert read(parsed) == {UNIT: {"T05_12": None, "C_04": "2"}}
        assert {(each.code, each.location) for each in findings(parsed)} == {
            ("W141", "/unit_code"), ("W141", "/values/T05-12"), ("E201", "/values/T05-12")
        }  # fmt: skip


class TestLabels:
    def test_every_label_means_a_code_of_the_contract(self) -> None:
        fields = {
            "level": Registration, "lead_organisation_type": Organisation, "stage": Review,
            "decision": Review, "grade": Assessment, "result": Verification,
        }  # fmt: skip
        for label in load_catalogue().code_labels:
            model: Any = fields[label.column_name]
            name = "type" if model is Organisation else label.column_name
            assert label.code in get_args(model.model_fields[name].annotation), label

    def test_codes_have_labels(self) -> None:
        assert code_of_label("grade", " 优 秀 ") == "excellent"
        assert code_of_label("province_code", "广东") == "440000"
        assert code_of_label("grade", "通过") is None

    def test_a_registration(self) -> None:
        head = [
            "文档编号",
            "提交时间",
            "单位代码",
            "单位名称",
            "级别",
            "省份代码",
            "牵头单位名称",
            "牵头单位类型",
        ]
        parsed = table(
            [head, ["r1", AT, UNIT, "甲校", "省级", "广东省", "甲校", "职业院校"]], "registration"
        )
        model: Any = parsed.documents[0].model
        assert (model.level, model.province_code) == ("provincial", "440000")
        assert model.lead_organisation.type == "vocational_school"
        assert parsed.findings == []

    def test_a_review_and_an_assessment(self) -> None:
        head = ["文档编号", "提交时间", "单位代码", "环节", "意见", "决定日期"]
        parsed = table([head, ["v1", AT, UNIT, "省级推荐", "同意", "2024-10-01"]], "review")
        model: Any = parsed.documents[0].model
        assert (model.stage, model.decision) == ("provincial_recommendation", "approved")
        head = ["文档编号", "提交时间", "单位代码", "年度", "考核得分", "考核等次"]
        parsed = table([head, ["a1", AT, UNIT, 2024, 91.5, "优秀"]], "assessment")
        assert parsed.documents[0].model.grade == "excellent"  # type: ignore[attr-defined]


class Counted(str):
    """A text that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class TestLinearWork:
    """Doubling the input doubles the steps; it does not multiply them by four."""

    @staticmethod
    def steps(work: Callable[[], object]) -> int:
        """The number of lines that Python runs."""
        count = 0

        def trace(_frame: Any, event: str, _: Any) -> Any:
            nonlocal count
            count += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(before)
        return count

    def test_locations(self) -> None:
        def compared(size: int) -> int:
            keys = tuple(Counted(f"C_{at}") for at in range(size))
            cells = Cells("", 1, {"value": "F"}, "value", keys, range(size))
            Counted.compared = 0
            for key in keys:
                cells.at("values", str(key))
            return Counted.compared

        assert compared(400) <= 2 * compared(200) + 10

    def test_brackets_of_headers(self) -> None:
        def steps(size: int) -> int:
            return self.steps(lambda: header_columns("performance", ["(" * 99 + "a"] * size))

        assert steps(64) <= 2 * steps(32) + 200
        # A text too long for a header is not examined at all.
        assert self.steps(lambda: header_columns("performance", ["(" * 10**6])) < 200

    @pytest.mark.parametrize(
        "rows_of",
        [
            lambda at: row(f"X_{at}", at),
            lambda at: row("C_04", at, document=f"d{at}"),
            lambda at: row("C_04", at),
            lambda at: row("C_04" if at % 2 else "C_05", at, unit=f"T05-440000-{at:04d}"),
            lambda at: ["", "", "", "", f"X_{at}", at],
            lambda at: row("", at),
            lambda at: [f"备注{at}"],
            lambda at: row("C_04", at, "多", document=f"d{at}"),
            lambda at: row("C_04", f"约{at}", document=f"{at}E+17"),
        ],
    )
    def test_rows(self, rows_of: Callable[[int], list[Any]]) -> None:
        head = [*HEAD[:5], "填报值（元）"]

        def steps(size: int) -> int:
            return self.steps(lambda: table([head, *map(rows_of, range(size))]))

        steps(2)  # fills the caches
        few, many = steps(200), steps(400)
        assert many <= 2 * few + 2_000

    def test_two_columns_of_one_meaning(self) -> None:
        def steps(size: int) -> int:
            rows = [row(f"X_{at}", 1, 2) for at in range(size)]
            return self.steps(lambda: table([[*HEAD, "填报值"], *rows]))

        steps(2)
        assert steps(400) <= 2 * steps(200) + 2_000

    @pytest.mark.parametrize(
        "line", ['"', '"a', '"""', 'a,"b"c', '"a,b""', '""', 'x,"y\n,"'], ids=ascii
    )
    def test_quotation_marks(self, line: str) -> None:
        head = ",".join(HEAD)

        def steps(size: int) -> int:
            body = "\n".join([head, *[line] * size]).encode()
            return self.steps(lambda: parse("x.csv", body))

        few, many = steps(200), steps(400)
        assert many <= 2 * few + 1_000
