"""Numbers are read as typed and never guessed; JSON keeps every digit."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.core.contacts import STRUCK
from orchestration.intake.formats import MAX_DEPTH, Unreadable
from orchestration.intake.formats.json_text import read_json
from orchestration.intake.reading import Number, ReadValue, read_value


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        (12, "12"),
        ("1,234", "1234"),
        ("１２３", "123"),
        (" 12.50 ", "12.50"),
        ("１，２３４．５", "1234.5"),
        ("-3", "-3"),
        ("−3", "-3"),
        ("+7", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1.23456789012", "1.2345678901"),
        ("0.00000000005", "0.0000000001"),
        ("1,234,567.89", "1234567.89"),
        ("+1，234", "1234"),
        ("－１２．５", "-12.5"),
        ("1,234.", "1234"),
        ("0010", "10"),
        ("\u3000100\u00a0", "100"),
    ],
)
def test_numbers_as_people_type_them(typed: object, number: str) -> None:
    read = read_value(typed)
    assert read is not None
    assert read.kind == "number"
    assert Decimal(read.number or "") == Decimal(number)


@pytest.mark.parametrize(
    "typed",
    [
        "约300",
        "12万",
        "N/A",
        "1e400",
        "NaN",
        "Infinity",
        "12%",
        "1,23",
        "1 234",
        "1_000",
        "12.3.4",
        "-",
        ".",
        ",",
        "e5",
        "1,234e3",
        "12,345,6",
        "1234,567",
        "0,350",
        "012,345",
        "1，2",
        ",350",
        "1、234",
        "(350)",
        "350-",
        "+-3",
        "3５０⁴",
        "350①",
        "350⑴",
        "350⒈",
        "①",
        "10⁴",
        "５００¹",
        "H₂",
        "3₂",
        "½",
        "3½",
        "350㎡",
        "350㊀",
        "Ⅳ",
        "４²",
        "٣",
        "३५०",
        "𝟑𝟓𝟎",
        "一二三",
        "3\u03365\u03360\u0336",
        "35\u20e3",
        "\u202e053\u202c",
        "\u2066350\u2069",
        "35\u200b0",
        "350*",
        "9" * 29,
        "1e99",
        ["1"],
        {"a": 1},
    ],
)
def test_ambiguous_numbers_stay_text(typed: object) -> None:
    read = read_value(typed)
    assert read is not None
    assert (read.kind, read.number) == ("text", None)


@pytest.mark.parametrize(
    "typed",
    [
        13800138000,
        Number("13800138000.0"),
        Number("1.3800138E10"),
        "13800138000",
        " １３８００１３８０００ ",
        "+8613800138000",
        "01066096114",
        "440106199001011234",
        440106199001011234,
    ],
)
def test_a_contact_alone_is_no_number_and_is_not_quoted(typed: object) -> None:
    assert read_value(typed) == ReadValue(STRUCK, "text", None)


@pytest.mark.parametrize(
    "typed", ["12900138000", "20000138000", "1380013800", "13800138000.5", "123456789012345678"]
)
def test_a_long_number_that_is_no_contact_stays_a_number(typed: str) -> None:
    assert read_value(typed) == ReadValue(typed, "number", typed)


@pytest.mark.parametrize("typed", ["350①", "10⁴", "½", "Ⅳ", "约３００", "350\u0336"])
def test_an_unreadable_value_is_quoted_as_typed(typed: str) -> None:
    assert read_value(f" {typed} ") == (typed, "text", None)


@pytest.mark.parametrize("typed", [None, "", "  ", "\u3000", "\u00a0\t"])
def test_blank_values_are_missing(typed: object) -> None:
    assert read_value(typed) is None


@pytest.mark.parametrize(
    ("typed", "number"), [(True, "1"), (False, "0"), ("是", "1"), ("否", "0"), ("TRUE", "1")]
)
def test_yes_and_no(typed: object, number: str) -> None:
    read = read_value(typed)
    assert read is not None
    assert (read.kind, read.number) == ("boolean", number)


@pytest.mark.parametrize("typed", ["CHN；usa", "ＣＨＮ;ｕｓａ", "CHN;usa\u3000"])
def test_code_lists_are_read_in_half_width(typed: str) -> None:
    read = read_value(typed)
    assert read is not None
    assert read.text == "CHN;usa"


@given(st.characters(categories=["N", "M", "S", "P", "L"]))
def test_only_forms_of_a_digit_are_read_as_that_digit(character: str) -> None:
    read = read_value("35" + character)
    assert read is not None
    if read.number is not None:
        assert character in "0123456789０１２３４５６７８９.．"


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=10))
def test_decimals_keep_every_digit(number: Decimal) -> None:
    read = read_value(f"{number:f}")
    assert read is not None
    assert Decimal(read.number or "x") == number


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    read = read_value(text)
    assert read is None or (read.number is None) == (read.kind == "text")


def _documents(text: str | bytes) -> list[tuple[str, object]]:
    body = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return [(read.where.at(), read.content) for read in read_json(body)]


def test_a_single_document_an_array_and_json_lines() -> None:
    assert _documents('{"a": 1}') == [("", {"a": 1})]
    assert _documents('[{"a": 1}, {"a": 2}]') == [("/0", {"a": 1}), ("/1", {"a": 2})]
    assert _documents('{"a": 1}\n\n{"a": 2}\n') == [("/0", {"a": 1}), ("/2", {"a": 2})]


def test_a_broken_line_is_the_only_unreadable_document() -> None:
    found = _documents('{"a": 1}\n{"a": \n{"a": 3}')
    assert [pointer for pointer, _ in found] == ["/0", "/1", "/2"]
    assert isinstance(found[1][1], Unreadable)
    assert found[1][1].fields["line"] == "2"


def test_digits_are_kept() -> None:
    [(_, document)] = _documents('{"a": 123456789012345678901.123456, "b": 1e400, "c": NaN}')
    assert isinstance(document, dict)
    assert document["a"] == "123456789012345678901.123456"
    assert document["b"] == "1e400"
    assert document["c"] == "NaN"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a":', "E001"),
        ("{'a': 1}", "E001"),
        ('{"a": "' + "\\" * 3, "E001"),
        ('{"a": "b\nc"}', "E001"),
        ('{"a": 01}', "E001"),
        ('{"a": 1,}', "E001"),
        ("[" * 100_000, "E004"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "E004"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "E004"),
    ],
)
def test_bad_json_gets_its_code(text: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        _documents(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8-sig",
        "gb18030",
        "gbk",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-32-be",
    ],
)
def test_texts_of_an_editor_are_read(encoding: str) -> None:
    assert _documents('{"unit_name": "职业学校"}'.encode(encoding)) == [
        ("", {"unit_name": "职业学校"})
    ]


def test_utf_16_of_bytes_that_are_ascii_is_not_taken_as_chinese() -> None:
    assert _documents('"Ũ"'.encode("utf-16-le")) == [("", "Ũ")]


@pytest.mark.parametrize(
    "body",
    [
        '{"unit_name": "职业学校"}'.encode()[:-3] + b'"}',
        '{"unit_name": "职业学校", "note": "核"}'.encode().replace("核".encode(), b"\xe6\xa0"),
        '{"unit_name": "职业学校", "note": "é"}'.encode().replace("é".encode(), b"\xe9"),
        b'{"unit_name": "caf\xe9"}',
    ],
)
def test_a_damaged_text_is_never_another_one(body: bytes) -> None:
    """Three of them are valid GB 18030, with other characters than those that were written."""
    with pytest.raises(Unreadable) as caught:
        _documents(body)
    assert caught.value.code == "E003"


@pytest.mark.parametrize("text", ["甲", "乙校", "浒鞍", "T05-440000-0007，优", "约3"])
def test_short_chinese_texts_are_read_in_gb18030(text: str) -> None:
    assert _documents(json.dumps([text], ensure_ascii=False).encode("gb18030")) == [("/0", text)]


def test_a_byte_order_mark_is_not_part_of_the_text() -> None:
    assert _documents('\ufeff{"a": 1}') == [("", {"a": 1})]


@pytest.mark.parametrize(
    "repeated",
    [
        '{"document_id": "d", "unit_code": "u", "a": 1, "a": 2}',
        '{"document_id": "d", "unit_code": "u", "values": {"a": 1, "b": 2, "a": 1}}',
        '{"values": [[{"a": null, "a": null}]], "unit_code": "u", "document_id": "d"}',
        '{"document_id": "d", "unit_code": "u", "a": {"b": [{"a": 1, "\\u0061": 2}]}}',
    ],
)
def test_a_duplicate_key_costs_its_own_document_only(repeated: str) -> None:
    whole, listed = _documents(repeated), _documents(f'[{{"c": 1}}, {repeated}, {{"c": 2}}]')
    lines = _documents(f'{{"c": 1}}\n{repeated}\n{{"c": 2}}')
    assert [where for where, _ in lines] == ["/0", "/1", "/2"]
    assert [listed[0], listed[2]] == [("/0", {"c": 1}), ("/2", {"c": 2})]
    for _, found in (whole[0], listed[1], lines[1]):
        assert isinstance(found, Unreadable)
        assert (found.code, found.value) == ("E008", "a")
        assert (found.document_id, found.unit_code) == ("d", "u")


def test_numbers_and_texts_at_the_edge_of_json() -> None:
    digits = "9" * 100_000
    [(_, document)] = _documents(f'{{"a": {digits}, "b": "\\ud800", "c": -0, "d": -Infinity}}')
    assert document == {"a": digits, "b": "\ud800", "c": 0, "d": "-Infinity"}


def test_hostile_json_costs_no_more_than_its_length() -> None:
    """A reader that looked at each place anew would take hours."""
    size = 1_000_000
    hostile = [
        "[" * 200 + '"' + '\\"' * (size // 2),
        "[" * 200 + '"' + '\\"' * (size // 2) + "\\",
        '"' * size,
        '{"a":' * (size // 5),
        "[{" * (size // 2),
        "\n".join('{"a": "' for _ in range(size // 20)),
        '"' + " " * size,
        '["' + ": ".join('"' for _ in range(size // 3)),
    ]
    for text in hostile:
        found: list[str] = []
        try:
            found += [d.code for _, d in _documents(text) if isinstance(d, Unreadable)]
        except Unreadable as error:
            found.append(error.code)
        assert set(found) <= {"E001", "E004"}
        assert found


def test_brackets_in_text_do_not_count_as_depth() -> None:
    [(_, document)] = _documents('{"a": "' + "[" * 5000 + '"}')
    assert document == {"a": "[" * 5000}


@given(st.text(alphabet='{}[]",:0123456789.eE-ntf\\ua \n', max_size=200))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    found = None
    try:
        _documents(text)
    except Unreadable as error:
        found = error.code
    assert found in {None, "E001", "E004"}
