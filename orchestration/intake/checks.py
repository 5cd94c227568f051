"""What a submitted value may be: readable, whole, inside the catalogue's bounds.

Belongs here: one unit's values against the catalogue, for the receipt that a unit gets at once.
The warehouse judges the same from ``raw`` and the seeds when it builds (so that a changed bound
takes effect on what is already there); the demo year's test holds both to the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import period_of
from orchestration.intake.documents import ParsedDocument
from orchestration.intake.findings import About, Finding, finding, indicator_fields
from orchestration.intake.formats import Locator
from orchestration.intake.listing import Place
from orchestration.intake.reading import ReadValue

__all__ = ["check_document", "check_values"]


@cache
def _of_task(task_code: str) -> dict[str, Indicator]:
    return {
        code: indicator
        for code, indicator in load_catalogue().indicators.items()
        if indicator.task_code in (None, task_code)
    }


@cache
def _required(task_code: str) -> tuple[str, ...]:
    return tuple(
        code
        for code, indicator in _of_task(task_code).items()
        if indicator.is_submitted and indicator.is_required
    )


@cache
def _cutoff(year: int) -> datetime | None:
    try:
        return period_of(year).cutoff_at
    except UsageError:  # a year outside the calendar has no cut-off to miss
        return None


def check_document(place: Place, document: ParsedDocument) -> Iterator[Finding]:
    """What is to be said of a document that keeps its contract: too late, or its values."""
    model, unit_code = document.model, document.unit_code
    cutoff = _cutoff(place.year)
    if cutoff is not None and datetime.fromisoformat(model.submitted_at) >= cutoff:
        yield finding(
            "W301",
            document.where.at(),
            value=model.submitted_at,
            document_id=model.document_id,
            unit_code=unit_code,
        )
    if place.document_type == "performance" and unit_code:
        yield from check_values(
            unit_code.partition("-")[0],
            document.values,
            where=document.where,
            document_id=model.document_id,
            unit_code=unit_code,
        )


def check_values(
    task_code: str,
    values: Iterable[tuple[str, ReadValue]],
    *,
    where: Locator,
    document_id: str,
    unit_code: str,
) -> Iterator[Finding]:
    """The findings about a performance document's values.

    Args:
        values: indicator code and what was read, in the order received.
        where: the document's place.
    """
    indicators = _of_task(task_code)
    about: About = {"document_id": document_id, "unit_code": unit_code}
    for code, read in values:
        found = _check(indicators.get(code), read)
        if found:
            indicator = indicators.get(code)
            fields = indicator_fields(indicator) if indicator else {"indicator": code}
            yield finding(
                found,
                where.at("values", code),
                value=read.text,
                indicator_code=code,
                **about,
                **fields,
            )
    given = {code for code, _ in values}
    for code in _required(task_code):
        if code not in given:
            yield finding(
                "W208",
                where.at("values", code),
                indicator_code=code,
                **about,
                **indicator_fields(indicators[code]),
            )


def _check(indicator: Indicator | None, read: ReadValue) -> str | None:
    if indicator is None:
        return "E204"
    if not indicator.is_submitted:
        return "E205"
    if indicator.value_type == "code_list":
        if read.kind == "boolean":
            return "E201"
        codes = {part.strip().upper() for part in read.text.split(";")} - {""}
        if not codes or not codes <= load_catalogue().codes_of(indicator.code):
            return "E206"
        return _bounds(indicator, Decimal(len(codes)))
    is_yesno = indicator.value_type == "yesno"
    if read.number is None or (read.kind == "boolean" and not is_yesno):
        return "E201"
    if read.number.isdigit():
        return _bounds(indicator, Decimal(read.number))
    number = Decimal(read.number)
    if (indicator.is_whole or is_yesno) and number != number.to_integral_value():
        return "E202"
    return _bounds(indicator, number)


def _bounds(indicator: Indicator, number: Decimal) -> str | None:
    if indicator.hard_min is not None and number < indicator.hard_min:
        return "E203"
    if indicator.hard_max is not None and number > indicator.hard_max:
        return "E203"
    return None
