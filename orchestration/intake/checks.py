"""Checks of a document against calendar and catalogue: in time, values readable and in bounds.

Belongs here: checks of one document, for its first receipt. The warehouse
makes the same checks from ``raw`` and the seeds whenever it is built, so that a changed bound
applies to values already taken in; the demo year's test compares the two. Doesn't belong here:
rules between values (``rules``), comparisons with last year (dbt).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import ReportingPeriod, period_of
from orchestration.intake.contracts import Document, Performance
from orchestration.intake.documents import ParsedDocument
from orchestration.intake.findings import About, Finding, finding, indicator_fields
from orchestration.intake.formats import Locator
from orchestration.intake.places import Place
from orchestration.intake.reading import CACHE_SIZE, CACHED_LENGTH, ReadValue

__all__ = ["check_document", "check_values", "counted_values", "has_values"]


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
def _period(year: int) -> ReportingPeriod | None:
    try:
        return period_of(year)
    except UsageError:  # a year outside the calendar has no cut-off to miss
        return None


def check_document(
    place: Place, document: ParsedDocument, received_at: datetime
) -> Iterator[Finding]:
    """Yield the findings about a valid document: when it came, and its values.

    Args:
        place: what the object's key says.
        document: a document that satisfies its contract.
        received_at: when the store received its object (aware).
    """
    unit_code = document.unit_code
    for code, value in _arrival_findings(place, document.model, received_at):
        yield finding(
            code,
            document.where.at(),
            value=value,
            document_id=document.model.document_id,
            unit_code=unit_code,
        )
    if not has_values(document):
        yield finding(
            "E062",
            document.where.at(),
            document_id=document.model.document_id,
            unit_code=unit_code,
        )
    if place.document_type == "performance" and unit_code:
        yield from check_values(
            unit_code.partition("-")[0],
            document.values,
            where=document.where,
            document_id=document.model.document_id,
            unit_code=unit_code,
        )


def has_values(document: ParsedDocument) -> bool:
    """Whether any value of a performance document counts; True for documents of other types."""
    return not isinstance(document.model, Performance) or any(_are_counted(document))


def counted_values(document: ParsedDocument) -> int:
    """How many values (of a plan: targets) are read and not excluded, before rules between them."""
    targets = sum(1 for _, _, read in document.targets if read.number is not None)
    return targets + sum(_are_counted(document))


def _are_counted(document: ParsedDocument) -> Iterator[bool]:
    """Yield for each value whether it counts."""
    task_code = document.task_of_unit or ""
    return (_value_error(task_code, code, read) is None for code, read in document.values)


def _arrival_findings(
    place: Place, model: Document, received_at: datetime
) -> Iterator[tuple[str, str]]:
    """Yield code and value of the findings about when a document came."""
    period = _period(place.year)
    if period is None:
        return
    submitted_at = datetime.fromisoformat(model.submitted_at)
    arrival = period.arrival(submitted_at, received_at, is_synthetic=model.synthetic)
    if arrival.has_wrong_clock:
        yield "W303", _utc_text(submitted_at)
    if not DOCUMENT_TYPES[place.document_type].has_cutoff:
        return
    if arrival.judged_at >= period.cutoff_at:
        yield "W301", _utc_text(submitted_at)
    elif period.transfer is not None and not model.synthetic and received_at >= period.cutoff_at:
        yield "W302", _utc_text(received_at)


def _utc_text(moment: datetime) -> str:
    """An aware instant as the warehouse writes it: UTC, without a zone."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


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
        error_code = _value_error(task_code, code, read)
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


def _value_error(task_code: str, code: str, read: ReadValue) -> str | None:
    """The error code of one value, or None."""
    if len(read.text) <= CACHED_LENGTH:
        return _short_value_error(task_code, code, read)
    return _error_of(_indicators_of_task(task_code).get(code), read)


@lru_cache(CACHE_SIZE)
def _short_value_error(task_code: str, code: str, read: ReadValue) -> str | None:
    return _error_of(_indicators_of_task(task_code).get(code), read)


def _error_of(indicator: Indicator | None, read: ReadValue) -> str | None:
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
