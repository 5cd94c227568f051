"""Checks of a document against calendar and catalogue: in time, values readable and in bounds.

Belongs here: checks of one document, for its first receipt. The warehouse
makes the same checks from ``raw`` and the seeds whenever it is built, so that a changed bound
applies to values already taken in; the demo year's test compares the two. Doesn't belong here:
rules between values (``rules``), comparisons with last year (dbt).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import ReportingPeriod, period_of
from orchestration.intake.contracts import Document, Performance
from orchestration.intake.documents import ParsedDocument
from orchestration.intake.findings import About, Draft, Finding, draft, indicator_fields
from orchestration.intake.places import Place
from orchestration.intake.reading import CACHE_SIZE, CACHED_LENGTH, ReadValue

__all__ = [
    "ValueErrors",
    "check_document",
    "counted_values",
    "drafts_of",
    "has_values",
    "value_errors",
]

#: The error code of each value of a performance document, in their order, or None.
ValueErrors = Sequence[str | None]


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


def value_errors(document: ParsedDocument) -> ValueErrors:
    """The error of each value of a performance document; empty for documents of other types."""
    task_code = document.task_of_unit or ""
    return [_value_error(task_code, code, read) for code, read in document.values]


def check_document(
    place: Place, document: ParsedDocument, received_at: datetime
) -> Iterator[Finding]:
    """Yield the findings about a valid document; the arguments are those of :func:`drafts_of`."""
    return (each.made() for each in drafts_of(place, document, received_at))


def drafts_of(
    place: Place,
    document: ParsedDocument,
    received_at: datetime,
    errors: ValueErrors | None = None,
) -> Iterator[Draft]:
    """Yield the drafts of the findings about a valid document: when it came, and its values.

    Args:
        place: what the object's key says.
        document: a document that satisfies its contract.
        received_at: when the store received its object (aware).
        errors: what :func:`value_errors` returned, if it was called before.
    """
    errors = value_errors(document) if errors is None else errors
    unit_code = document.unit_code
    for code, value in _arrival_findings(place, document.model, received_at):
        yield draft(
            code,
            document.where.at(),
            value=value,
            document_id=document.model.document_id,
            unit_code=unit_code,
        )
    if not has_values(document, errors):
        yield draft(
            "E062",
            document.where.at(),
            document_id=document.model.document_id,
            unit_code=unit_code,
        )
    if place.document_type == "performance" and unit_code:
        yield from _value_findings(document, errors)


def has_values(document: ParsedDocument, errors: ValueErrors) -> bool:
    """Whether any value of a performance document counts; True for documents of other types."""
    return not isinstance(document.model, Performance) or None in errors


def counted_values(document: ParsedDocument, errors: ValueErrors) -> int:
    """How many values (of a plan: targets) are read and not excluded, before rules between them."""
    targets = sum(1 for _, _, read in document.targets if read.number is not None)
    return targets + sum(1 for error in errors if error is None)


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


def _value_findings(document: ParsedDocument, errors: ValueErrors) -> Iterator[Draft]:
    """Yield the drafts of the findings about the values of one performance document."""
    task_code = document.task_of_unit or ""
    indicators = _indicators_of_task(task_code)
    about: About = {
        "document_id": document.model.document_id,
        "unit_code": document.unit_code,
    }
    for (code, read), error_code in zip(document.values, errors, strict=True):
        if error_code:
            indicator = indicators.get(code)
            fields = indicator_fields(indicator) if indicator else {"indicator": code}
            yield draft(
                error_code,
                document.where.at("values", code),
                value=read.text,
                indicator_code=code,
                **about,
                **fields,
            )
    given = {code for code, _ in document.values}
    for code in _required_codes(task_code):
        if code not in given:
            yield draft(
                "W208",
                document.where.at("values", code),
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
