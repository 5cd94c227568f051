"""The query for received documents of any type, with the columns that all types have.

The build gives dbt its result as the table ``control.documents``; traces and the readable receipts
run it on the lake.

Belongs here: the union over the raw tables of ``core.document_types``. Doesn't belong here: which
of the documents counts (``int_documents`` in dbt).
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestration.core.document_types import DOCUMENT_TYPES, DocumentType

__all__ = ["received_documents"]


def received_documents(
    schema: str,
    names: Iterable[str],
    *,
    lasting: bool = True,
    own: Iterable[str] = (),
    at: str = "",
) -> str:
    """Return a query (parameter ``$year``) for the documents of a year.

    Args:
        schema: the schema of the raw tables, e.g. ``lake.raw``.
        names: document types.
        lasting: include earlier years for the types that stay effective.
        own: further columns, NULL for types that do not have them.
        at: clause that pins the tables at a snapshot.
    """
    further = tuple(own)
    return " union all ".join(
        _of_type(DOCUMENT_TYPES[name], schema, lasting, further, at) for name in names
    )


def _of_type(
    described: DocumentType, schema: str, lasting: bool, own: tuple[str, ...], at: str
) -> str:
    subject = described.subject
    has = {column.name for column in described.columns}
    further = "".join(f", {name if name in has else f'null as {name}'}" for name in own)
    return (
        f"select '{described.name}' as document_type, document_id, year, province_code, "
        f"{subject.unit_sql} as unit_code, {subject.task_sql} as task_code, "
        f"{subject.sql} as subject, "
        f"{described.series or 'cast(null as varchar)'} as series, "
        f"submitted_at, object_key, etag, sha256, synthetic, "
        f"{str(described.has_cutoff).lower()} as has_cutoff{further} "
        f"from {schema}.{described.raw_table} {at} "
        f"where year {'<=' if lasting and described.lasts else '='} $year"
    )
