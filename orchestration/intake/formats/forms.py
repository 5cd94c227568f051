"""Settles the reporting forms of one object: a form has no document id, so nothing orders two.

Belongs here: several forms, or sheets of one workbook, about the same unit and year. With the same
values they are one document; with different values none of them counts, because no rule could
choose. Doesn't belong here: recognising a form (``tables``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestration.intake.formats.base import RawDocument, Remark, Unreadable
from orchestration.intake.formats.cells import comparable

__all__ = ["settle_forms"]

#: Differing values that one finding quotes.
_LISTED = 5
#: Fields that the reader made; two forms never agree in them.
_MADE = {"document_id", "submitted_at", "values"}


def settle_forms(reads: Iterable[RawDocument | Remark]) -> Iterator[RawDocument | Remark]:
    """Yield what was read; forms about one unit and year come last, as one document or an error."""
    forms: dict[tuple[str, str], list[RawDocument]] = {}
    for read in reads:
        subject = _subject(read)
        if subject is None:
            yield read
        else:
            assert isinstance(read, RawDocument)
            forms.setdefault(subject, []).append(read)
    for (unit, _), same in forms.items():
        yield same[0] if len(same) == 1 else _settled(unit, same)


def _subject(read: RawDocument | Remark) -> tuple[str, str] | None:
    """Unit and year of a form; None for anything else."""
    if not isinstance(read, RawDocument) or not read.is_form:
        return None
    if not isinstance(read.content, Mapping) or "unit_code" not in read.content:
        return None
    return str(read.content["unit_code"]), str(read.content.get("year"))


def _settled(unit: str, forms: Sequence[RawDocument]) -> RawDocument:
    first = forms[0]
    places = "、".join(each.where.at() for each in forms)
    for other in forms[1:]:
        differing = list(_differing(first, other))
        if differing:
            quoted = "；".join(differing[:_LISTED]) + ("…" if len(differing) > _LISTED else "")
            problem = Unreadable("E031", quoted, unit_code=unit, places=places)
            return RawDocument(first.where, problem, is_form=True)
    remarks = [*first.remarks, Remark("W142", first.where.at(), f"{unit}（{places}）")]
    content = dict(first.content)
    for name in {name: None for each in forms for name in each.content if name not in _MADE}:
        given = [each.content[name] for each in forms if name in each.content]
        if all(value == given[0] for value in given):
            content[name] = given[0]
            continue
        content.pop(name, None)
        remarks.append(_left_out(name, given, first.where.at(name)))
    return RawDocument(first.where, content, remarks, is_form=True)


def _left_out(name: str, given: Sequence[Any], where: str) -> Remark:
    """The finding about a field that several forms of one unit give differently."""
    shown = " / ".join(str(value) for value in given)
    return Remark("W144", where, shown, {"field": name})


def _differing(first: RawDocument, other: RawDocument) -> Iterator[str]:
    """Yield the values that two forms give differently, with both places."""
    here: Mapping[str, Any] = first.content["values"]
    there: Mapping[str, Any] = other.content["values"]
    for code in {**here, **there}:
        if comparable(here.get(code)) != comparable(there.get(code)):
            yield (f"{code}：{_shown(first, code)} / {_shown(other, code)}")


def _shown(form: RawDocument, code: str) -> str:
    value = form.content["values"].get(code)
    return f"{'空' if value is None else value}（{form.where.at('values', code)}）"
