"""A file that is something else than its extension says is answered with what to do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.documents import parse_object
from orchestration.intake.formats import Limits
from orchestration.intake.places import place_of

LIMITS = Limits(expanded_bytes=2**22, rows=100)
WORKBOOK = {"[Content_Types].xml": b"", "xl/workbook.xml": b"<x/>"}
CSV = "单位代码,年度,指标代码,填报值\n"


def zipped(parts: Mapping[str, bytes], *, is_encrypted: bool = False) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    made = bytearray(body.getvalue())
    if is_encrypted:
        # The flags of each entry, in the directory and before its content.
        for mark, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
            at = made.find(mark)
            while at >= 0:
                made[at + offset] |= 1
                at = made.find(mark, at + 1)
    return bytes(made)


def compound(*streams: str) -> bytes:
    """The beginning of a compound file whose directory names the streams."""
    entries = [name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams)]
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0") + b"".join(entries)


def codes(extension: str, body: bytes) -> list[str]:
    key = f"performance/year=2024/province=440000/x.{extension}"
    received = datetime(2024, 12, 1, tzinfo=UTC)
    parsed = parse_object(place_of(key, 2024), key, body, LIMITS, received)
    return [finding.code for finding in parsed.findings]


@pytest.mark.parametrize(
    ("extension", "body", "code"),
    [
        ("xlsx", compound("\x06DataSpaces", "EncryptionInfo", "EncryptedPackage"), "E022"),
        ("xlsx", zipped(WORKBOOK, is_encrypted=True), "E022"),
        ("xlsx", compound("Workbook", "\x05SummaryInformation"), "E023"),
        ("xls", compound("\x05SummaryInformation", "Workbook"), "E023"),
        ("xlsx", compound("Book"), "E023"),
        ("xlsx", zipped({"[Content_Types].xml": b"", "xl/workbook.bin": b""}), "E023"),
        ("xlsx", b'<?xml version="1.0"?><Workbook '
                 b'xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "E023"),
        ("xlsx", zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
                         "content.xml": b""}), "E024"),
        ("ods", zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "E024"),
        ("csv", zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "E024"),
        ("xlsx", zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}), "E025"),
        ("xlsx", zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), "E025"),
        ("xlsx", compound("WordDocument"), "E025"),
        ("xlsx", b"%PDF-1.7\n", "E025"),
        ("csv", b"%PDF-1.7\n", "E025"),
        ("xlsx", b"\xef\xbb\xbf\r\n <HTML><body><table>", "E026"),
        ("xlsx", "<table><tr><td>单位代码".encode("gb18030"), "E026"),
        ("csv", b"<!DOCTYPE html><table>", "E026"),
        ("json", b"<html><head><title>502 Bad Gateway", "E026"),
        ("xlsx", b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "E026"),
        ("xlsx", CSV.encode(), "E027"),
        ("xlsx", CSV.encode("gb18030") * 1000, "E027"),
        ("xlsx", CSV.encode("utf-16"), "E027"),
        ("xlsx", b'[{"document_id": 1}]', "E027"),
        ("parquet", CSV.encode(), "E027"),
        ("xlsx", b"PAR1" + b"\0" * 20, "E027"),
        ("csv", zipped(WORKBOOK), "E027"),
        ("json", zipped(WORKBOOK), "E027"),
        ("jsonl", zipped(WORKBOOK), "E027"),
        ("parquet", zipped(WORKBOOK), "E027"),
        ("xls", zipped(WORKBOOK), "E027"),
        ("xlsm", zipped(WORKBOOK), "E023"),
        ("xltx", zipped(WORKBOOK), "E023"),
        ("xlsx", zipped({"广东/甲校.xlsx": b""}), "E028"),
        ("xlsx", b"Rar!\x1a\x07\x01\0", "E028"),
        # Nothing that is recognised: the reader of the format answers.
        ("xlsx", b"", "E012"),
        ("xlsx", compound("Unknown"), "E012"),
        ("xlsx", b"\0\1\2\3" * 50, "E012"),
        ("xlsx", zipped(WORKBOOK)[:-30], "E012"),
        ("xlsx", zipped(WORKBOOK), "E012"),
        ("csv", b"a,b\n", "E009"),
        ("txt", CSV.encode(), "E005"),
    ],
)  # fmt: skip
def test_what_a_file_is_and_what_to_do(extension: str, body: bytes, code: str) -> None:
    assert codes(extension, body) == [code]


def test_a_stream_name_inside_a_stream_is_none() -> None:
    name = "EncryptedPackage".encode("utf-16-le")
    assert codes("xlsx", compound("Workbook") + b"\0" * 7 + name + b"\0\0") == ["E023"]


def test_each_advice_is_its_own() -> None:
    rows = load_catalogue().error_codes
    advice = [rows[f"E02{n}"].fix_zh for n in range(2, 9)]
    assert len(set(advice)) == len(advice)
