"""What a trace is made of.

Belongs here: plain data, as ``--json`` prints it. Doesn't belong here: where it comes from
(``evidence``) and how it is worded for a reader (``text``, ``pages``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

__all__ = ["Document", "GateFinding", "Number", "Recomputation", "Remark", "Trace", "Unit"]

Number = Decimal | int | None


@dataclass(frozen=True)
class Document:
    """A submitted document and the object that it came in.

    Attributes:
        kind: its type, as in the landing zone.
        stage: of a review, what was decided.
        is_late: it came at or after the cut-off.
        province_code: whose prefix it lies under (000000 is the ministry).
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
    """What was found in a unit's submission (``quality.submission_errors``)."""

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
        year: of the value: this year's, or last year's for a comparison.
        parts: what it adds to the figure: value, target, numerator, or the counts of a rate.
        counts: whether it goes into the figure (into its numerator, for a rate of units).
        code, reason_zh: why it doesn't, where a value was excluded or is missing.
        submitted_value: as the unit wrote it.
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
    """A column of a row computed once more from what is listed.

    Attributes:
        how: the computation in figures.
    """

    year: int
    column: str
    stated: Any
    recomputed: Any
    equal: bool
    how: str


@dataclass(frozen=True)
class GateFinding:
    """A check of the gate that failed on this figure's place.

    Attributes:
        place: the codes of the failing row; empty where the nation was judged as a whole.
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
    """A figure and all that it was made from.

    Attributes:
        figure: its id.
        value: as the marts have it (for ``a-b`` the difference).
        label_zh: what it says, in Chinese.
        definition: from the catalogue and the marts' descriptions.
        row: the row of the mart.
        parts_zh: what the units' ``parts`` are called.
        places: rows of the mart that it is ranked among, or summaries by province and task.
        documents: documents that are about no unit.
        cutoff_at: what was submitted before it counts (UTC, without zone).
        gate_checks: how many checks judged the snapshot; None where none did.
        edition: None where nothing is published and the present marts are traced.
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
        """Whether every column asked for was computed again with the same result."""
        return all(each.equal for each in self.recomputations)
