"""Settles what the tables of one object say twice: forms of one unit, documents in two sheets.

Nothing orders two forms of one unit and year, which have no document ids, or two sheets with one
document id. With the same values they are one document; with different values none of them counts,
because no rule could choose. Belongs here: comparing such documents. Doesn't belong here:
recognising a form (``long_form``), documents of several objects (``run``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestration.intake.formats.base import Cells, RawDocument, Remark, Unreadable
from orchestration.intake.formats.cells import comparable

__all__ = ["settled"]

#: Differing values that one finding quotes.
_LISTED = 5
_LONG_FIELDS = ("values", "targets")
#: Fields that a reader makes for a form; two forms never agree in them.
_MADE = ("document_id", "submitted_at")
#: Fields that say what a document is; the others are left out where they differ.
_IDENTITY = ("unit_code", "year", *_MADE)


def settled(reads: Iterable[RawDocument | Remark]) -> Iterator[RawDocument | Remark]:
    """Yield what was read; documents that a table may say twice come last."""
    found: dict[tuple[str, ...], list[RawDocument]] = {}
    for read in reads:
        subject = _subject(read)
        if subject is None:
            yield read
        else:
            assert isinstance(read, RawDocument)
            found.setdefault(subject, []).append(read)
    for same in found.values():
        yield same[0] if len(same) == 1 else _one_of(same)


def _subject(read: RawDocument | Remark) -> tuple[str, ...] | None:
    """What is said once in an object: a form's unit and year, a document id in several sheets."""
    if not isinstance(read, RawDocument) or not isinstance(read.content, Mapping):
        return None
    content = read.content
    if read.is_form:
        unit = content.get("unit_code")
        return None if unit is None else (str(unit), str(content.get("year")))
    if (
        isinstance(read.where, Cells)
        and read.where.sheet
        and any(map(content.__contains__, _LONG_FIELDS))
    ):
        document_id = content.get("document_id")
        return None if document_id is None else (str(document_id),)
    return None


def _one_of(same: Sequence[RawDocument]) -> RawDocument:
    """The document that all of them are, or the error that replaces them."""
    first = same[0]
    unit = first.content.get("unit_code")
    places = "、".join(each.where.at() for each in same)
    for other in same[1:]:
        differing = list(_differing(first, other))
        if differing:
            quoted = "；".join(differing[:_LISTED]) + ("…" if len(differing) > _LISTED else "")
            problem = Unreadable("E031", quoted, unit_code=unit, places=places)
            if not first.is_form:
                problem.document_id = first.content["document_id"]
            return RawDocument(first.where, problem, is_form=first.is_form)
    remarks = [*first.remarks, Remark("W142", first.where.at(), f"{unit}（{places}）")]
    content = dict(first.content)
    known = (*_IDENTITY, *_LONG_FIELDS)
    for name in {name: None for each in same for name in each.content if name not in known}:
        given = [each.content[name] for each in same if name in each.content]
        if all(value == given[0] for value in given):
            content[name] = given[0]
        else:
            content.pop(name, None)
            shown = " / ".join(str(value) for value in given)
            remarks.append(Remark("W144", first.where.at(name), shown, {"field": name}))
    return RawDocument(first.where, content, remarks, first.is_form)


def _differing(first: RawDocument, other: RawDocument) -> Iterator[str]:
    """Yield what two documents give differently, with both places."""
    if not first.is_form:
        for name in _IDENTITY:
            here, there = first.content.get(name), other.content.get(name)
            if here != there:
                yield f"{here}（{first.where.at(name)}） / {there}（{other.where.at(name)}）"
    given = [_values(each.content) for each in (first, other)]
    for key in {**given[0], **given[1]}:
        shown = [values.get(key) for values in given]
        if comparable(shown[0]) != comparable(shown[1]):
            places = [each.where.at("values", *key.split("/")) for each in (first, other)]
            yield f"{key}：" + " / ".join(
                f"{'空' if value is None else value}（{place}）"
                for value, place in zip(shown, places, strict=True)
            )


def _values(content: Mapping[str, Any]) -> dict[str, Any]:
    """The values by indicator code, or the targets by ``year/code``."""
    if "values" in content:
        return dict(content["values"])
    return {
        f"{year}/{code}": value
        for year, targets in content["targets"].items()
        for code, value in targets.items()
    }
