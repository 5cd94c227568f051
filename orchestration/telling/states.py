"""What each unit would be told: the state of its documents, compared with its last letter.

Belongs here: the problems of a unit that still stand, its contact's address, and the reasons for a
letter. Doesn't belong here: the text of letters (``letters``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from orchestration.core.document_types import DOCUMENT_TYPES, UNIT
from orchestration.intake.receipts import same_object
from orchestration.lakehouse.received import received_documents
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["DELIVERED", "REASONS", "UnitState", "is_address", "reasons_of", "unit_states"]

#: Reasons for a letter, in the order of its lines → what it says.
REASONS = {
    "rejected": "有材料未被接收",
    "errors": "有填报内容存在错误，未被采用",
    "returned": "有材料被退回修改",
    "rules": "核对规则有调整，填报情况随之变化",
}
#: Outcomes after which the same state is not reported again. A letter whose sending was broken off
#: (``sending``) or failed for the moment (``failed``) is tried again on the next day.
DELIVERED = ("sent", "refused", "bounced", "unaddressed", "nothing")

#: RFC 5322's plain form. Anything else could be read as several addresses or as another header.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\Z")

_KINDS = [name for name, described in DOCUMENT_TYPES.items() if described.subject is UNIT]
#: An error of an accepted document stands until another one takes its place; a rejected document,
#: until an object that came later holds an accepted one of the same unit and type. Only errors
#: under the prefix of the unit's own province are its own.
_STATES = f"""
with received as (
    select *, row_number() over (
        partition by unit_code, document_type, series order by sent_at desc, document_id desc
    ) = 1 as is_last
    from ({received_documents(_KINDS)})
    where split_part(unit_code, '-', 2) = province_code
),
latest as (
    select unit_code, document_type, max(received_at) as received_at
    from received group by unit_code, document_type
),
errors as (
    select e.unit_code, e.object_key, e.etag, e.document_id, e.code, e.location, e.indicator_code,
        d.document_id is null as is_rejected
    from lake.quality.submission_errors as e
    join lake.raw.objects as o on {same_object("o", "e")}
    left join lake.raw.gone_objects as gone
        on o.object_key = gone.object_key and o.etag = gone.etag
    left join received as d
        on o.object_key = d.object_key and o.etag = d.etag and e.document_id = d.document_id
    left join latest
        on e.unit_code = latest.unit_code and o.document_type = latest.document_type
    where e.year = $year and e.severity = 'error' and gone.object_key is null
        and split_part(e.unit_code, '-', 2) = e.province_code
        -- A returned document is told as such.
        and e.code <> 'E063'
        and case when d.document_id is not null then d.is_last
            else latest.received_at is null or o.last_modified >= latest.received_at end
),
returns as (
    select unit_code, return_document_id, due_on
    from lake.quality.returned_documents where year = $year and state = 'pending'
),
parts as (
    select unit_code, concat_ws('|', document_type, document_id, etag) as document,
        null as problem, false as is_rejected, false as is_error, false as is_returned,
        null as due_on
    from received
    union all
    select unit_code, concat_ws('|', object_key, etag, document_id),
        concat_ws('|', object_key, etag, document_id, code, location, indicator_code),
        is_rejected, not is_rejected, false, null from errors
    union all
    select unit_code, null, return_document_id, false, false, true, due_on from returns
),
states as (
    select unit_code,
        md5(coalesce(string_agg(distinct document, ',' order by document), '')) as documents_digest,
        md5(coalesce(string_agg(distinct problem, ',' order by problem), '')) as state_digest,
        bool_or(is_rejected) as is_rejected, bool_or(is_error) as has_errors,
        bool_or(is_returned) as is_returned, min(due_on) as due_on
    from parts group by unit_code
),
contacts as (
    select received.unit_code, contact_email
    from received join lake.raw.registration_contacts as contact
        using (object_key, etag, document_id)
    where received.document_type = 'registration'
    qualify row_number() over (
        partition by received.unit_code order by received.sent_at desc, received.document_id desc
    ) = 1
)
select unit.unit_code, unit.province_code, unit.unit_name, unit.is_synthetic, contact_email,
    states.* exclude (unit_code)
from lake.marts.dim_unit as unit
join states using (unit_code) left join contacts using (unit_code)
where unit.year = $year order by unit.unit_code
"""


@dataclass(frozen=True)
class UnitState:
    """What stands of a unit.

    Attributes:
        is_synthetic: made-up: its address may be somebody's, so it gets no letter.
        documents_digest: of everything that the unit sent.
        state_digest: of its standing problems.
        due_on: the first day until which a returned document is to be mended, as ISO date, or "".
        email: the contact's address, or None without a usable one.
    """

    unit_code: str
    province_code: str
    unit_name: str
    is_synthetic: bool
    documents_digest: str
    state_digest: str
    is_rejected: bool
    has_errors: bool
    is_returned: bool
    due_on: str
    email: str | None = field(repr=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """The reasons that its present state gives."""
        given = (self.is_rejected, self.has_errors, self.is_returned)
        return tuple(name for name, holds in zip(REASONS, given, strict=False) if holds)


def is_address(text: str) -> bool:
    """Whether a text is one plain e-mail address."""
    return len(text) <= 254 and bool(_ADDRESS.match(text))


def unit_states(con: duckdb.DuckDBPyConnection, year: int) -> list[UnitState]:
    """Return the state of every unit that sent something, by code.

    Args:
        con: a connection to the lake, with the year's marts.
    """
    found = []
    for row in rows_as_dicts(con.execute(_STATES, {"year": year})):
        email = (row.pop("contact_email") or "").strip()
        row["due_on"] = str(row["due_on"] or "")
        found.append(UnitState(**row, email=email if is_address(email) else None))
    return found


def reasons_of(
    state: UnitState, last: Mapping[str, Any] | None, figures_version: str
) -> tuple[str, ...]:
    """Return why a unit gets a letter; nothing if there is nothing new to tell.

    The documents alone did not move the state if they are the same as before; then, under other
    rules, the rules did.

    Args:
        last: the unit's row of ``publication.letters`` that was last delivered, or None.
        figures_version: of the present marts.
    """
    if last is None:
        return state.problems
    if last["state_digest"] == state.state_digest:
        return ()
    same_documents = last["documents_digest"] == state.documents_digest
    if same_documents and last["figures_version"] != figures_version:
        return (*state.problems, "rules")
    return state.problems
