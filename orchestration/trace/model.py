"""The data model of a trace.

Belongs here: plain data classes, which ``tongbao trace --json`` prints. Doesn't belong here:
reading the data (``evidence``) and wording it for a reader (``text``, ``pages``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration.figures.recompute import Number

__all__ = ["Document", "GateFinding", "Recomputation", "Remark", "Trace", "Unit"]


@dataclass(frozen=True)
class Document:
    """A submitted document and the object that it came in.

    Attributes:
        kind: document type, as in the landing zone's keys.
        stage: stage of a review; empty for other types.
        submitted_at: submission time as received, ISO 8601 with offset.
        province_code: province whose prefix holds the object (000000 is the ministry).
        is_late: whether it was submitted at or after the cut-off.
    """

    kind: str
    stage: str
    document_id: str
    object_key: str
    etag: str
    sha256: str
    submitted_at: str
    province_code: str
    is_late: bool


@dataclass(frozen=True)
class Remark:
    """A finding about a unit's submission (a row of ``quality.submission_errors``)."""

    code: str
    severity: str
    indicator_code: str | None
    document_id: str | None
    message_zh: str
    explained_by: str | None


@dataclass(frozen=True)
class Unit:
    """A unit behind a figure.

    Attributes:
        year: year of the unit's value: the figure's, or the year before for a comparison.
        parts: the unit's contributions by name: value, target, numerator, denominator, or what it
            adds to each count of a rate.
        counts: whether the unit is counted in the figure (for a rate: in its numerator).
        code: exclusion code of the value, if it is excluded.
        reason_zh: why the unit is not counted; empty if it is.
        submitted_value: the value as the unit typed it.
    """

    year: int
    unit_code: str
    unit_name: str
    province_code: str
    task_code: str
    parts: Mapping[str, Number]
    counts: bool
    code: str | None = None
    reason_zh: str = ""
    submitted_value: str | None = None
    documents: tuple[Document, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Recomputation:
    """A column of the mart row, recomputed from the units and documents that the trace lists.

    Attributes:
        stated: value in the mart.
        recomputed: value computed from the listed units and documents.
        how: the computation, e.g. ``12 / 15``.
    """

    year: int
    column: str
    stated: Any
    recomputed: Any
    equal: bool
    how: str


@dataclass(frozen=True)
class GateFinding:
    """A failed check of the gate that concerns the figure's province, task or indicator.

    Attributes:
        waived_by: who signed the waiver, if the check was waived.
        place: column → code of the failing row; empty if the check judged the whole nation.
    """

    suite: str
    expectation: str
    severity: str
    title_zh: str
    observed: str
    threshold: str
    waived_by: str | None
    place: Mapping[str, str]


@dataclass(frozen=True)
class Trace:
    """A figure with everything that it was computed from.

    Attributes:
        figure: figure id.
        value: value in the mart; for a difference ``a-b``, the difference.
        label_zh: Chinese label: place, indicator, column.
        definition: descriptions from the catalogue and from the dbt models.
        row: row of the mart, column → value.
        parts_zh: Chinese label of each name in the units' ``parts``.
        places: rows that the figure is ranked among, or one row per province and task that says
            whether there is a summary.
        documents: documents that are about no unit.
        cutoff_at: cut-off of the year (UTC, without zone).
        gate_checks: number of checks that judged the snapshot; None if it was not judged.
        edition: published edition that is traced; None if nothing is published and the current
            marts are traced.
        objects: objects behind the figure: key, ETag, sha256, number of documents used.
    """

    figure: str
    year: int
    table: str
    columns: tuple[str, ...]
    value: Any
    label_zh: str
    definition: Mapping[str, Any]
    row: Mapping[str, Any]
    recomputations: tuple[Recomputation, ...]
    parts_zh: Mapping[str, str]
    units: tuple[Unit, ...]
    places: tuple[Mapping[str, Any], ...]
    documents: tuple[Document, ...]
    cutoff_at: datetime | None
    gate: tuple[GateFinding, ...] = ()
    gate_checks: int | None = None
    snapshot_id: int | None = None
    edition: int | None = None
    objects: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def equal(self) -> bool:
        """Whether every recomputed column equals the mart's."""
        return all(each.equal for each in self.recomputations)
