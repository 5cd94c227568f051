"""Checks of submitted values: readable, whole where required, inside the catalogue's bounds.

Belongs here: checks of one document against the catalogue, for its first receipt. The warehouse
makes the same checks from ``raw`` and the seeds whenever it is built, so that a changed bound
applies to values already taken in; the demo year's test compares the two. Doesn't belong here:
rules between values (``rules``), comparisons with last year (dbt).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import period_of
from orchestration.intake.documents import ParsedDocument
from orchestration.intake.findings import About, Finding, finding, indicator_fields
from orchestration.intake.formats import Locator
from orchestration.intake.places import Place
from orchestration.intake.reading import ReadValue

__all__ = ["check_document", "check_values"]


@cache
def _indicators_of_task(task_code: str) -> dict[str, Indicator]:
    return {
        code: indicator
        for code, indicator in load_catalogue().indicators.items()
        if indicator.task_code in (None, task_code)
    }


@cache
def _required_codes(task_code: str) -> tuple[str, ...]:
    return tuple(
        code
        for code, indicator in _indicators_of_task(task_code).items()
        if indicator.is_submitted and indicator.is_required
    )


@cache
def _cutoff(year: int) -> datetime | None:
    try:
        return period_of(year).cutoff_at
    except UsageError:  # a year outside the calendar has no cut-off to miss
        return None


def check_document(place: Place, document: ParsedDocument) -> Iterator[Finding]:
    """Yield the findings about a valid document: late submission, and its values.

    Args:
        place: what the object's key says.
        document: a document that satisfies its contract.
    """
    model, unit_code = document.model, document.unit_code
    cutoff = _cutoff(place.year)
    has_cutoff = DOCUMENT_TYPES[place.document_type].has_cutoff
    if has_cutoff and cutoff is not None and datetime.fromisoformat(model.submitted_at) >= cutoff:
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
    """Yield the findings about the values of one performance document.

    Args:
        values: pairs of indicator code and value as read, in the order received.
        where: locates the document in its object.
    """
    indicators = _indicators_of_task(task_code)
    about: About = {"document_id": document_id, "unit_code": unit_code}
    for code, read in values:
        error_code = _value_error(indicators.get(code), read)
        if error_code:
            indicator = indicators.get(code)
            fields = indicator_fields(indicator) if indicator else {"indicator": code}
            yield finding(
                error_code,
                where.at("values", code),
                value=read.text,
                indicator_code=code,
                **about,
                **fields,
            )
    given = {code for code, _ in values}
    for code in _required_codes(task_code):
        if code not in given:
            yield finding(
                "W208",
                where.at("values", code),
                indicator_code=code,
                **about,
                **indicator_fields(indicators[code]),
            )


def _value_error(indicator: Indicator | None, read: ReadValue) -> str | None:
    """The error code of one value, or None."""
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
        return _bounds_error(indicator, Decimal(len(codes)))
    is_yesno = indicator.value_type == "yesno"
    if read.number is None or (read.kind == "boolean" and not is_yesno):
        return "E201"
    if read.number.isdigit():
        return _bounds_error(indicator, Decimal(read.number))
    number = Decimal(read.number)
    if (indicator.is_whole or is_yesno) and number != number.to_integral_value():
        return "E202"
    return _bounds_error(indicator, number)


def _bounds_error(indicator: Indicator, number: Decimal) -> str | None:
    if indicator.hard_min is not None and number < indicator.hard_min:
        return "E203"
    if indicator.hard_max is not None and number > indicator.hard_max:
        return "E203"
    return None
