"""Judges what a number format shows: the stored number, or something else.

The rule: the text that a cell shows is read as if a person had typed it (``reading.read_value``).
If that gives the stored number, or the stored number rounded to the decimals that are shown, the
cell holds its stored number; a number that is shown with leading zeros keeps them, because it may
be a code. Chinese numerals show the same number as the digits that are rendered here for them.
Otherwise the cell is the text that it shows: ``35.0万``, ``96.5%``, ``1 1/2``. Where that text
alone would be read as another number, or is blank, the stored number is named beside it:
``100（单元格实存100000）``.

Belongs here: number format codes (ECMA-376 part 1, 18.8.31), among them those of dates. Doesn't
belong here: which cell has which format (``styles``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import cached_property, lru_cache

from openpyxl.utils.datetime import from_excel

from orchestration.intake.reading import read_value

__all__ = ["NumberFormat"]

#: Longest code that a spreadsheet accepts.
_MAX_CODE = 255
#: More digits than any double has in any code of that length.
_PRECISION = 1_000
#: Decimals that ``read_value`` keeps.
_DECIMALS = 10
#: Entries of the cache of results: in a column of one format, values repeat.
_CACHE_SIZE = 16_384

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"?
    | [\\!](?P<escaped>.)
    | _(?P<space>.)
    | \*(?P<fill>.)
    | \[(?P<bracket>[^\]]*)\]
    | (?P<general>general|G/通用格式)
    | (?P<exponent>e[+-])
    | (?P<date>am/pm|a/p|上午/下午|[ymdhsbgae]+)
    | (?P<digit>[0\#?])
    | (?P<point>\.)
    | (?P<comma>,)
    | (?P<percent>%)
    | (?P<slash>/)
    | (?P<text>@)
    | (?P<section>;)
    | (?P<literal>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
#: Codes that show every number as it is stored, apart from rounding: they need no rendering.
_PADDING = r"(?:_.|\\?\ )*"
_DIGITS = r"(?:\#,\#\#)?0(?:\.[0\#?]+)?"
_PLAIN = re.compile(
    rf"@|(?:general|{_PADDING}{_DIGITS}{_PADDING}(?:;(?:\[red\])?{_PADDING}\\?-{_DIGITS}{_PADDING})?)",
    re.IGNORECASE,
)
_PADDED = re.compile("-?0[0-9]")
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?[0-9]+(?:\.[0-9]+)?)")
_ELAPSED = re.compile("h+|m+|s+", re.IGNORECASE)
#: ``$¥-804``: a symbol and a language, whose longer codes stand for other digits or calendars. The
#: digits of another script show the same number, and calendars belong to dates.
_CURRENCY = re.compile(r"\$([^-]*)(?:-([0-9A-Fa-f]*))?")
#: In place of a language: the date or time as the computer is set to show it.
_SYSTEM_DATES = {"F800", "F400"}
#: The denominator that a fraction's code fixes, as in ``# ?/8``.
_DENOMINATOR = re.compile("[1-9][0-9]*")
_NO_PLACES = str.maketrans("", "", "0#?")


@dataclass
class _Section:
    """One of the parts of a code that semicolons separate.

    Attributes:
        tokens: pairs of kind and text, see ``_TOKEN``.
        kind: ``number``, ``fraction``, ``date``, ``elapsed`` or ``unknown`` (not rendered here).
        condition: operator and number, or None.
    """

    tokens: list[tuple[str, str]] = field(default_factory=list)
    kind: str = "number"
    condition: tuple[str, Decimal] | None = None

    def add(self, kind: str, text: str) -> None:
        """Add a token of the code."""
        if kind in ("quoted", "escaped", "literal"):
            self.tokens.append(("literal", text))
        elif kind in ("space", "fill"):
            self.tokens.append(("literal", text if kind == "fill" and text.strip() else " "))
        elif kind == "bracket":
            self._add_bracket(text)
        else:
            if kind == "date" and self.kind != "elapsed":
                self.kind = "date"
            elif kind == "slash" and self.kind == "number":
                self.kind = "fraction"
            self.tokens.append((kind, text))

    def _add_bracket(self, text: str) -> None:
        condition, currency = _CONDITION.fullmatch(text), _CURRENCY.fullmatch(text)
        if condition:
            self.condition = condition[1], Decimal(condition[2])
        elif currency:
            self.tokens.append(("literal", currency[1]))
            language = (currency[2] or "").upper()
            if language in _SYSTEM_DATES:
                self.kind = "date"
        elif _ELAPSED.fullmatch(text):
            self.kind = "elapsed"

    @property
    def is_year(self) -> bool:
        """Whether it shows the year of a date in four digits and nothing else."""
        letters = "".join(text for kind, text in self.tokens if kind == "date").lower()
        return letters in ("yyy", "yyyy")

    def applies(self, value: Decimal) -> bool:
        """Whether the condition holds."""
        if self.condition is None:
            return False
        operator, bound = self.condition
        return {
            "<": value < bound,
            ">": value > bound,
            "<=": value <= bound,
            ">=": value >= bound,
            "=": value == bound,
            "<>": value != bound,
        }[operator]

    @property
    def is_text(self) -> bool:
        """Whether the section is for text."""
        return any(kind == "text" for kind, _ in self.tokens)


class NumberFormat:
    """A number format code.

    Attributes:
        is_plain: every number and text is seen as it is stored, apart from rounding.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.is_plain = not code or _PLAIN.fullmatch(code[: _MAX_CODE + 1]) is not None

    @cached_property
    def _by_use(self) -> tuple[list[_Section], _Section | None]:
        """The sections for numbers, and the one for texts."""
        sections = list(_sections(self.code))
        if len(sections) > 3:
            return sections[:3], sections[3]
        text = sections.pop() if sections[-1].is_text else None
        return sections, text

    def seen(self, value: int | float, epoch: datetime) -> int | float | datetime | str:
        """What a cell with this format holds: its number, a date, or the text that it shows.

        Args:
            epoch: the day from which the workbook counts dates.
        """
        return value if self.is_plain else _seen(self, value, epoch)

    def seen_text(self, text: str) -> str:
        """What a cell with this format shows of a text."""
        section = None if self.is_plain else self._by_use[1]
        if section is None:
            return text
        shown = "".join(
            text if kind == "text" else part
            for kind, part in section.tokens
            if kind in ("text", "literal")
        )
        return shown if shown.strip() or not text.strip() else _hidden(text)

    def section_of(self, value: Decimal) -> tuple[_Section | None, bool]:
        """The section for a number, and whether it replaces the sign."""
        numbers, text = self._by_use
        sections = numbers or ([text] if text else [])
        count = len(sections)
        first, last = sections[0], sections[-1]
        if not any(section.condition for section in sections):
            if value < 0 and count > 1:
                return sections[1], True
            return (last if value == 0 and count > 2 else first), False
        for section in sections[:2]:
            if section.applies(value):
                return section, value < 0
        if count > 2 and value < 0 and sections[1].condition is None:
            return sections[1], True
        return (None if last.condition else last), value < 0


def _sections(code: str) -> Iterator[_Section]:
    """Yield the sections of a code; there is at least one."""
    if len(code) > _MAX_CODE:
        yield _Section(kind="unknown")
        return
    section = _Section()
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup or "literal"
        if kind == "section":
            yield section
            section = _Section()
        else:
            section.add(kind, match[kind])
    yield section


@lru_cache(_CACHE_SIZE)
def _seen(
    number_format: NumberFormat, value: int | float, epoch: datetime
) -> int | float | datetime | str:
    """What a cell with a number holds; see :meth:`NumberFormat.seen`."""
    number = Decimal(repr(value))
    section, replaces_sign = number_format.section_of(number)
    if section is None:
        return _hidden(str(value))
    if section.kind in ("date", "elapsed"):
        return _moment(value, section, epoch)
    if section.kind == "unknown":
        return f"{value}（单元格格式为{number_format.code}）"
    with localcontext() as context:
        context.prec = _PRECISION
        render = _fraction if section.kind == "fraction" else _rendered
        text, step = render(section, abs(number) if replaces_sign else number)
        read = read_value(text)
        if read is None:
            return _hidden(str(value))
        if read.kind != "number" or read.number is None:
            return text.strip()
        rounded = _rounded(number / step, 0) * step if step else number
        if Decimal(read.number) == _rounded(rounded, _DECIMALS):
            return text.strip() if _PADDED.match(text.strip()) else value
    return f"{text.strip()}（单元格实存{value}）"


def _hidden(text: str) -> str:
    return f"（单元格不显示内容，实存{text}）"


def _moment(value: int | float, section: _Section, epoch: datetime) -> datetime | str:
    """The date or time of a cell, or the year where it shows nothing else.

    The year has its 年, so that it is never taken for a value.
    """
    try:
        moment = from_excel(value, epoch, timedelta=section.kind == "elapsed")
    except (ValueError, OverflowError):
        moment = None
    if isinstance(moment, datetime):
        return f"{moment.year}年" if section.is_year else moment
    if isinstance(moment, timedelta):
        seconds = round(moment.total_seconds())
        sign, (minutes, second) = "-" if seconds < 0 else "", divmod(abs(seconds), 60)
        return f"{sign}{minutes // 60}:{minutes % 60:02}:{second:02}"
    return f"{value}（单元格为日期格式）" if moment is None else str(moment)


def _rendered(section: _Section, value: Decimal) -> tuple[str, Decimal]:
    """The text that a section shows of a number, and the step of its last digit."""
    parts = _Parts(section)
    value = value * 100**parts.percents / 1000**parts.scales
    exponent = 0
    if parts.exponents and value:
        exponent = value.adjusted() - value.adjusted() % max(1, parts.integers)
        shifted = _rounded(value.scaleb(-exponent), parts.decimals)
        if shifted.adjusted() >= max(1, parts.integers):  # 9.99 becomes 10.0
            exponent += max(1, parts.integers)
        value = value.scaleb(-exponent)
    if parts.places:
        value = _rounded(value, parts.decimals)
    whole, _, rest = f"{abs(value):f}".partition(".")
    text = parts.filled(whole.lstrip("0"), rest, exponent, value)
    return text, Decimal(1).scaleb(exponent - parts.decimals) if parts.places else Decimal(0)


def _fraction(section: _Section, value: Decimal) -> tuple[str, Decimal]:
    """The text that a section shows of a number as a fraction, and 0: it has no last digit.

    The numerator is the last run of places before the slash; places before it are for the whole
    number. Without such places, the fraction is an improper one.
    """
    at = next(index for index, (kind, _) in enumerate(section.tokens) if kind == "slash")
    before, after = section.tokens[:at], section.tokens[at + 1 :]
    runs = "".join("0" if kind == "digit" else " " for kind, _ in before).split()
    rest = "".join(text for kind, text in after if kind in ("literal", "digit"))
    fixed = _DENOMINATOR.match(rest)
    if fixed:
        parts = Fraction(round(Fraction(abs(value)) * int(fixed[0])), int(fixed[0]))
        bottom = int(fixed[0])
    else:
        places = sum(kind == "digit" for kind, _ in after)
        parts = Fraction(abs(value)).limit_denominator(10 ** max(1, min(places, 5)) - 1)
        bottom = parts.denominator
    whole = int(parts) if len(runs) > 1 else 0
    top = int((parts - whole) * bottom)
    shown = f"{top}/{bottom}" if top or len(runs) < 2 else ""
    number = " ".join(filter(None, [str(whole) if whole or not shown else "", shown]))
    prefix = "".join(text for kind, text in before if kind == "literal").strip()
    suffix = rest[fixed.end() :] if fixed else rest.translate(_NO_PLACES)
    return f"{'-' if value < 0 else ''}{prefix}{number}{suffix.strip()}", Decimal(0)


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


class _Parts:
    """The places of a section for digits, and the texts around them.

    Attributes:
        integers, decimals, exponents: the number of places before and after the point, and of the
            exponent.
        places: the number of all of them.
        percents: the number of percent signs; each multiplies by 100.
        scales: the number of commas after the digits; each divides by 1000.
        groups: whether thousands are separated.
    """

    def __init__(self, section: _Section) -> None:
        self.integers = self.decimals = self.exponents = 0
        self.percents = self.scales = 0
        self.groups = False
        #: Pairs of place and text; places are i, d and e for digits, ``.``, ``E`` and "".
        self.items: list[tuple[str, str]] = []
        where = "i"
        commas = 0
        for kind, text in section.tokens:
            if kind == "digit":
                self.groups |= bool(commas) and where == "i" and self.integers > 0
                commas = 0
                self.items.append((where, text))
                self._count(where)
            elif kind == "comma":
                commas += 1
            elif kind == "point":
                self.scales, commas = self.scales + commas, 0
                if where == "i":
                    where = "d"
                    self.items.append((".", "."))
                else:
                    self.items.append(("", text))
            elif kind == "exponent":
                self.scales, commas = self.scales + commas, 0
                where = "e"
                self.items.append(("E", text))
            elif kind in ("general", "text"):
                self.items.append(("g", text))
            else:
                self.percents += kind == "percent"
                self.items.append(("", text))
        self.scales += commas
        self.places = self.integers + self.decimals + self.exponents

    def _count(self, where: str) -> None:
        if where == "i":
            self.integers += 1
        elif where == "d":
            self.decimals += 1
        else:
            self.exponents += 1

    def filled(self, whole: str, rest: str, exponent: int, value: Decimal) -> str:
        """The section's text with the digits in their places."""
        before = iter(_spread(self._before(whole), self.integers))
        after = iter(self._after(rest))
        power = iter(_spread([*str(abs(exponent)).rjust(self.exponents, "0")], self.exponents))
        shown = ["-"] if value < 0 else []
        for place, text in self.items:
            if place == "i":
                shown.append(next(before))
            elif place == "d":
                shown.append(next(after))
            elif place == "e":
                shown.append(next(power))
            elif place == ".":
                shown.append(text if self.integers else f"{whole}.")
            elif place == "E":
                shown.append("E" + ("-" if exponent < 0 else text[1:].replace("-", "")))
            elif place == "g":
                shown.append(f"{abs(value):f}")
            else:
                shown.append(text)
        return "".join(shown)

    def _before(self, digits: str) -> list[str]:
        """The digits before the point, with what is shown at places that have none."""
        places = [text for place, text in self.items if place == "i"]
        shown: list[str] = []
        blanks = {"0": "0", "#": "", "?": " "}
        for index in range(max(len(digits), len(places))):
            digit = digits[-1 - index] if index < len(digits) else blanks[places[-1 - index]]
            separated = self.groups and index and index % 3 == 0 and digit.strip()
            shown.append(f"{digit}," if separated else digit)
        return shown[::-1]

    def _after(self, digits: str) -> list[str]:
        """The text at each place after the point; zeros at the end appear only where asked for."""
        places = [text for place, text in self.items if place == "d"]
        needed = max((i + 1 for i, text in enumerate(places) if text == "0"), default=0)
        needed = max(needed, len(digits.rstrip("0")))
        return [
            digit if index < needed else (" " if places[index] == "?" else "")
            for index, digit in enumerate(digits[: self.decimals])
        ]


def _spread(digits: list[str], places: int) -> list[str]:
    """The digits in their places; the first place takes those that are too many."""
    extra = max(0, len(digits) - places)
    return ["".join(digits[: extra + 1]), *digits[extra + 1 :]]
