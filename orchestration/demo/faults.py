"""Faults of the demo year: their rates, and how each changes a submission.

Belongs here: rates, and spoiling single values and documents. Doesn't belong here: the effect of a
fault on the marts (``truth``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from orchestration.core.catalogue import Catalogue
from orchestration.demo.documents import OddValue, RawToken, Submission, json_text, performance
from orchestration.demo.draws import Draw
from orchestration.demo.values import MILLION, in_millionths

__all__ = [
    "BROKEN_OBJECTS",
    "IDENTIFIED_OBJECTS",
    "PROFILES",
    "REJECTED_DOCUMENTS",
    "Rates",
    "Spoiler",
    "malformed",
]


@dataclass(frozen=True)
class Rates:
    """Rates of faults, in thousandths of the units (or documents) that can have the fault.

    Attributes:
        missing: the unit never reports.
        late: it reports only after the cut-off.
        late_again: it reports in time and again after the cut-off.
        resubmitted: it reports twice in time; the second report counts.
        same_again: it sends the identical document twice.
        reused_id: it sends other content with a document_id that it used before.
        unexpected: a unit that isn't expected reports.
        boundary: it reports within a second of the cut-off.
        other_zone: it writes the time in another time zone.
        odd_text: a number is written unusually, but can be read without guessing.
        spoiled: one value is spoiled and doesn't count, or breaks a rule.
        left_out: one value is left out.
        extra: there is a value of an indicator that the unit must not submit.
        no_report: there is no work report.
        not_assessed: there is no assessment by the province.
        late_assessment: the assessment comes after the cut-off.
        no_summary: a province sends no summary of a task.
        bad_target: a plan has a target that can't be read.
        rejected: per thousand units, documents that break their contract.
        broken: per thousand units, objects that can't be read.
    """

    missing: int = 0
    late: int = 0
    late_again: int = 0
    resubmitted: int = 0
    same_again: int = 0
    reused_id: int = 0
    unexpected: int = 0
    boundary: int = 0
    other_zone: int = 0
    odd_text: int = 0
    spoiled: int = 0
    left_out: int = 0
    extra: int = 0
    no_report: int = 0
    not_assessed: int = 0
    late_assessment: int = 0
    no_summary: int = 0
    bad_target: int = 0
    rejected: int = 0
    broken: int = 0


_DEFAULT = Rates(
    missing=14,
    late=12,
    late_again=6,
    resubmitted=40,
    same_again=4,
    reused_id=2,
    unexpected=300,
    boundary=6,
    other_zone=30,
    odd_text=60,
    spoiled=60,
    left_out=20,
    extra=10,
    no_report=15,
    not_assessed=12,
    late_assessment=6,
    no_summary=12,
    bad_target=4,
    rejected=6,
    broken=4,
)

PROFILES: dict[str, Rates] = {
    "none": Rates(),
    "default": _DEFAULT,
    # A year that the gate must block: a third of the units is missing, and every second one that
    # reports has a spoiled value.
    "heavy": replace(_DEFAULT, missing=330, spoiled=500, no_summary=250, not_assessed=300),
}

#: Values that can't be read without guessing (contract §1, "Numbers").
_UNREADABLE: tuple[Any, ...] = (
    "约300",
    "12万",
    "N/A",
    RawToken("1e400"),
    RawToken("NaN"),
    "二十",
    "3-5",
    "无",
)
_FULL_WIDTH = str.maketrans("0123456789.,", "０１２３４５６７８９．，")


class Spoiler:
    """Spoils values of submissions of one task."""

    def __init__(self, catalogue: Catalogue, task_code: str, codes: tuple[str, ...]) -> None:
        self.catalogue = catalogue
        self.task_code = task_code
        self.codes = codes
        self._position = {code: index for index, code in enumerate(codes)}
        indicators = [catalogue.indicators[code] for code in codes]
        self._plain = [i for i, each in enumerate(indicators) if each.value_type != "code_list"]
        self._whole = [i for i, each in enumerate(indicators) if each.is_whole]
        self._bounded = [
            i
            for i in self._plain
            if indicators[i].hard_max is not None and indicators[i].value_type != "yesno"
        ]
        self._lists = [i for i, each in enumerate(indicators) if each.value_type == "code_list"]
        #: Positions of the part and the whole that a blocking rule compares.
        self._parts = [
            (self._position[rule.indicator_codes[0]], self._position[rule.indicator_codes[1]])
            for rule in catalogue.rules.values()
            if rule.severity == "blocking"
            and len(rule.indicator_codes) == 2
            and rule.expression == " <= ".join(rule.indicator_codes)
            and set(rule.indicator_codes) <= self._position.keys()
        ]
        self._derived = [
            each.code
            for each in catalogue.indicators.values()
            if not each.is_submitted and each.task_code in (None, task_code)
        ]
        self._kinds: tuple[Callable[[list[Any], Draw], str], ...] = (
            self._unreadable,
            self._not_whole,
            self._out_of_bounds,
            self._broken_sum,
            self._broken_part,
            self._overspent,
            self._bad_code,
        )

    def spoil(self, values: list[Any], draw: Draw) -> str:
        """Spoil one value in place and return the kind of fault."""
        return draw.one(self._kinds)(values, draw)

    def write_unusually(self, values: list[Any], draw: Draw) -> None:
        """Write one number in an unusual way that can be read without guessing."""
        position = draw.one(self._plain)
        value = values[position]
        if not isinstance(value, int):
            return
        text = f"{value // MILLION:,}" + (
            f".{value % MILLION:06d}".rstrip("0") if value % MILLION else ""
        )
        style = draw.below(4)
        if style == 0:
            raw = text
        elif style == 1:
            raw = text.replace(",", "").translate(_FULL_WIDTH)
        elif style == 2:
            raw = f" {text.replace(',', '')} "
        else:
            raw = f"{text}.00" if "." not in text else f"{text}0"
        if self.catalogue.indicators[self.codes[position]].value_type == "yesno":
            raw = "是" if value else "否"
        values[position] = OddValue(raw, value)

    def leave_out(self, values: list[Any], draw: Draw) -> None:
        """Leave one value out, or make it null or blank."""
        position = draw.below(len(values))
        values[position] = draw.one((None, OddValue(None, None, True), OddValue("  ", None, True)))

    def foreign_value(self, draw: Draw) -> tuple[str, Any]:
        """Code and value of an indicator that the unit must not submit."""
        if self._derived and draw.happens(500):
            return draw.one(self._derived), 50
        return draw.one(("T99_01", "X_1", "C_99")), 1

    def _unreadable(self, values: list[Any], draw: Draw) -> str:
        values[draw.one(self._plain)] = OddValue(draw.one(_UNREADABLE))
        return "unreadable"

    def _not_whole(self, values: list[Any], draw: Draw) -> str:
        if not self._whole:
            return self._unreadable(values, draw)
        position = draw.one(self._whole)
        value = values[position]
        base = value if isinstance(value, int) else MILLION
        values[position] = base + MILLION // 2
        return "not_whole"

    def _out_of_bounds(self, values: list[Any], draw: Draw) -> str:
        if not self._bounded:
            return self._unreadable(values, draw)
        position = draw.one(self._bounded)
        high = self.catalogue.indicators[self.codes[position]].hard_max
        assert high is not None
        values[position] = in_millionths(high) * draw.between(2, 40)
        return "out_of_bounds"

    def _broken_sum(self, values: list[Any], draw: Draw) -> str:
        position = self._position.get("C_06")
        if position is None or not isinstance(values[position], int):
            return self._unreadable(values, draw)
        values[position] += draw.between(1, 400) * MILLION // 100 + 2 * MILLION // 100
        return "broken_blocking_rule"

    def _broken_part(self, values: list[Any], draw: Draw) -> str:
        if not self._parts:
            return self._broken_sum(values, draw)
        part, whole = draw.one(self._parts)
        if not isinstance(values[part], int) or not isinstance(values[whole], int):
            return self._broken_sum(values, draw)
        values[part] = values[whole] + MILLION
        return "broken_blocking_rule"

    def _overspent(self, values: list[Any], draw: Draw) -> str:
        roles = self.catalogue.roles
        spent, received = (self._position[roles[role].code] for role in ("spent", "received"))
        if not isinstance(values[received], int):
            return self._unreadable(values, draw)
        values[spent] = values[received] * 11 // 10 // 10_000 * 10_000 + MILLION
        return "broken_warning_rule"

    def _bad_code(self, values: list[Any], draw: Draw) -> str:
        if not self._lists:
            return self._broken_part(values, draw)
        values[draw.one(self._lists)] = OddValue("THA;XX9;VNM", ("THA", "XX9", "VNM"))
        return "bad_code"


def _changed(submission: Submission, codes: tuple[str, ...], **changes: Any) -> bytes:
    """The bytes of a document with changed fields; ``...`` deletes a field."""
    document = performance(submission, codes)
    for name, value in changes.items():
        if value is ...:
            del document[name]
        else:
            document[name] = value
    return json_text(document).encode()


def malformed(unit_code: str) -> str:
    """A unit code without its last part, which nothing can restore."""
    return unit_code.rpartition("-")[0]


#: Documents that break their contract: kind → error code, and a function that makes the bytes. Each
#: is the only document of its object.
REJECTED_DOCUMENTS: dict[str, tuple[str, Callable[[Submission, tuple[str, ...]], bytes]]] = {
    "wrong_year": ("E104", lambda s, codes: _changed(s, codes, year=s.year - 3)),
    "missing_field": ("E101", lambda s, codes: _changed(s, codes, values=...)),
    "wrong_type": ("E102", lambda s, codes: _changed(s, codes, values=[1, 2, 3])),
    "no_time_zone": ("E112", lambda s, codes: _changed(s, codes, submitted_at="2024-12-01 10:00")),
    "other_document_type": ("E107", lambda s, codes: _changed(s, codes, document_type="plan")),
    "malformed_unit_code": (
        "E106",
        lambda s, codes: _changed(s, codes, unit_code=malformed(s.unit_code)),
    ),
}


def _duplicate_key(submission: Submission, codes: tuple[str, ...]) -> bytes:
    body = json_text(performance(submission, codes))
    return body.replace("{", '{"schema_version": 1, ', 1).encode()


def _lost_byte(submission: Submission, codes: tuple[str, ...]) -> bytes:
    body = _changed(submission, codes, highlight="产教融合")
    return body.replace("融".encode(), "融".encode()[:-1], 1)


#: Objects that can't be read: kind → error code, extension, and a function that makes the bytes.
BROKEN_OBJECTS: dict[str, tuple[str, str, Callable[[Submission, tuple[str, ...]], bytes]]] = {
    "broken_json": ("E001", "json", lambda s, codes: _changed(s, codes)[:-20]),
    "invalid_utf8": ("E003", "json", _lost_byte),
    "deep_nesting": ("E004", "json", lambda *_: b"[" * 5000 + b"]" * 5000),
    "duplicate_key": ("E008", "json", _duplicate_key),
    "empty": ("E007", "json", lambda *_: b""),
    "format": ("E005", "docx", lambda *_: b"PK\x03\x04 not read"),
}
#: Kinds of them whose finding names the document and its unit.
IDENTIFIED_OBJECTS = frozenset({"duplicate_key"})
