"""Formats a trace for a terminal.

Belongs here: the lines of ``tongbao trace``. Doesn't belong here: making the trace
(``tracing``).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.figures.numbers import plain
from orchestration.figures.wording import clean
from orchestration.trace.model import Document, Trace, Unit
from orchestration.trace.wording import DOCUMENTS, STAGES, beijing

__all__ = ["trace_lines"]


def trace_lines(found: Trace, limit: int = 20) -> list[str]:
    """Return the trace as lines of text.

    Args:
        limit: at most so many units, places, documents and objects are listed; 0 lists all.
    """
    return list(_lines(found, limit))


def _lines(found: Trace, limit: int) -> Iterator[str]:
    yield f"{found.label_zh} = {_value_text(found.value)}"
    yield f"  figure     {found.figure}"
    yield f"  from       {_source_text(found)}"
    yield from _definition_lines(found)
    kept = {k: v for k, v in found.row.items() if k != "year"}
    yield f"  row        marts.{found.table}: " + ", ".join(
        f"{name} {_value_text(value)}" for name, value in kept.items()
    )
    yield from _series_lines(found)
    for each in found.recomputations:
        verdict = "equal" if each.equal else f"NOT EQUAL: the row says {_value_text(each.stated)}"
        yield (
            f"  recomputed {each.year} {each.column} = {_value_text(each.recomputed)} "
            f"({each.how}): {verdict}"
        )
    yield from _gate_lines(found)
    for year in sorted({unit.year for unit in found.units}, reverse=True):
        yield from _unit_lines(found, [unit for unit in found.units if unit.year == year], limit)
    if found.places:
        yield f"places ({len(found.places)}):"
        for place in _limited(found.places, limit):
            yield "  " + "  ".join(f"{_value_text(value)}" for value in place.values())
        yield from _omitted_line(len(found.places), limit)
    if found.documents:
        yield f"documents ({len(found.documents)}):"
        for document in _limited(found.documents, limit):
            yield f"  {_document_line(document)}"
        yield from _omitted_line(len(found.documents), limit)
    yield f"objects ({len(found.objects)}; key, documents, sha256, etag):"
    for each in _limited(found.objects, limit):
        yield f"  {clean(each['object_key'], 300)}  {each['documents']}"
        yield f"    sha256 {each['sha256']}  etag {each['etag']}"
    yield from _omitted_line(len(found.objects), limit)


def _limited(rows: Any, limit: int) -> Any:
    """Return the first ``limit`` rows; all of them if the limit is 0."""
    return rows[:limit] if limit else rows


def _omitted_line(total: int, limit: int) -> Iterator[str]:
    """Yield a line with the number of omitted rows, if any."""
    if limit and total > limit:
        yield f"  {total - limit:,} more, --limit 0 shows all"


def _source_text(found: Trace) -> str:
    snapshot = f"snapshot {found.snapshot_id}"
    if found.edition is not None:
        where = f"edition {found.edition} of {found.year} ({snapshot})"
    else:
        where = f"the current marts of {found.year} ({snapshot}); nothing is published yet"
    if found.cutoff_at is not None:
        local = found.cutoff_at.replace(tzinfo=UTC).astimezone(SHANGHAI)
        where += f", cut-off {local:%Y-%m-%d %H:%M} Beijing"
    return where


def _definition_lines(found: Trace) -> Iterator[str]:
    indicator = found.definition.get("indicator")
    if indicator:
        text = f"{indicator['code']} {indicator['name_zh']} / {indicator['name_en']}"
        text += (
            f", {indicator['unit']}, {indicator['aggregation']}（{indicator['aggregation_zh']}）"
        )
        if indicator["numerator"]:
            top, bottom = indicator["numerator"], indicator["denominator"]
            text += f": {top['code']} {top['name_zh']} ÷ {bottom['code']} {bottom['name_zh']}"
        yield f"  definition {text}"
    for column, description in found.definition["columns"].items():
        texts = f"{description['description_zh']} {description['description_en']}"
        yield f"  column     {column}: {texts}".rstrip()


def _series_lines(found: Trace) -> Iterator[str]:
    """Yield an indicator's values of both years, over all counted units and over the same ones."""
    if found.row.get("previous_value") is None:
        return
    row = {name: _value_text(value) for name, value in found.row.items()}
    years = f"{found.year - 1} {{}} ({{}} units), {found.year} {{}} ({{}} units)"
    counted = ("previous_value", "previous_units_counted", "value", "units_counted")
    yield "  two years  " + years.format(*(row[name] for name in counted))
    if found.row["matched_value"] is not None:
        same = ("matched_previous_value", "matched_units", "matched_value", "matched_units")
        points = found.row["matched_change_points"]
        change = (
            f"change {row['matched_change_rate' if points is None else 'matched_change_points']}"
        )
        if found.row["growth_withheld_by"] is not None:
            change = f"growth not said: {row['growth_withheld_by']}"
        yield f"  same units {years.format(*(row[name] for name in same))}, {change}"


def _gate_lines(found: Trace) -> Iterator[str]:
    if found.gate_checks is None:
        yield "  gate       the gate has not judged this snapshot"
        return
    findings = f"{len(found.gate)} findings about this figure"
    yield f"  gate       {found.gate_checks} checks judged, {findings}"
    for each in found.gate:
        place = ", ".join(each.place.values()) or "the nation"
        waived = f", waived by {each.waived_by}" if each.waived_by else ""
        yield (
            f"    {each.severity} {each.suite}.{each.expectation} {each.title_zh} ({place}): "
            f"observed {each.observed}, must be {each.threshold}{waived}"
        )


def _unit_lines(found: Trace, units: list[Unit], limit: int) -> Iterator[str]:
    # Units that don't count come first: a trace is mostly read to learn why a value is missing.
    units = sorted(units, key=lambda u: (u.counts, u.code is None, u.province_code, u.unit_code))
    counted = sum(unit.counts for unit in units)
    reasons = Counter(u.reason_zh or "0" for u in units if not u.counts)
    out = ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))
    yield f"units of {units[0].year} ({len(units):,}): {counted:,} counted" + (
        f", {len(units) - counted:,} not ({out})" if out else ""
    )
    for unit in _limited(units, limit):
        parts = "  ".join(
            f"{label} {plain(unit.parts.get(name))}" for name, label in found.parts_zh.items()
        )
        state = "counted" if unit.counts else "excluded" if unit.code else "not counted"
        why = f": {unit.reason_zh}" if unit.reason_zh else ""
        code = f" {unit.code}" if unit.code else ""
        submitted = ""
        if unit.submitted_value is not None and not unit.counts:
            submitted = f"  submitted {clean(unit.submitted_value, 60)!r}"
        yield (
            f"  {_padded(unit.unit_code, 18)} {_padded(clean(unit.unit_name, 30), 36)} {parts}  "
            f"[{state}{code}{why}]{submitted}"
        )
        for document in unit.documents:
            yield f"      {_document_line(document)}"
        for remark in unit.remarks:
            explained = " (explained)" if remark.explained_by else ""
            message = clean(remark.message_zh, 160)
            yield f"      {remark.severity} {remark.code}{explained} {message}"
    yield from _omitted_line(len(units), limit)


def _document_line(document: Document) -> str:
    stage = f"·{STAGES.get(document.stage, document.stage)}" if document.stage else ""
    late = " late" if document.is_late else ""
    return (
        f"{DOCUMENTS.get(document.kind, document.kind)}{stage} {clean(document.document_id, 64)}"
        f"{late} {beijing(document.submitted_at)}  {clean(document.object_key, 300)}  "
        f"sha256 {document.sha256[:12]}"
    )


def _value_text(value: Any) -> str:
    if value is None or isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _padded(text: str, width: int) -> str:
    """Pad a text to a width in terminal cells; a Chinese character takes two."""
    cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return text + " " * max(0, width - cells)
