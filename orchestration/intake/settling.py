"""Settles what depends on other objects or the lake, and makes the receipts.

Belongs here: duplicate ids, units that are not registered, names of receipts that two objects
share. Doesn't belong here: the content of a receipt (``receipts``) and what an object alone decides
(``answers``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.intake.batches import Item
from orchestration.intake.findings import About, Finding, Findings, counted, finding
from orchestration.intake.formats.names import is_like
from orchestration.intake.places import place_of
from orchestration.intake.receipts import ReceiptSubject, held_back, receipt, receipt_key
from orchestration.intake.rows import storable
from orchestration.storage import ObjectInfo

__all__ = [
    "accept_documents",
    "contested_receipts",
    "limit_findings",
    "name_receipts",
    "receipt_alone",
    "receipt_object",
]

_LANDED = pa.schema(
    [
        ("object_key", pa.string()),
        ("year", pa.int32()),
        ("province_code", pa.string()),
        ("receipt_name", pa.string()),
    ]
)


def limit_findings(item: Item, limit: int) -> None:
    """Keep the first findings of an object; one more counts them all, if there are others."""
    if not (item.permanent or item.provisional or item.answer.left_out):
        return
    permanent = Findings(limit, item.permanent)
    provisional = Findings(limit - len(permanent), item.provisional)
    item.permanent, item.provisional = list(permanent), list(provisional)
    left_out = item.answer.left_out + permanent.left_out + provisional.left_out
    if left_out:
        item.permanent.append(counted(item.findings, left_out, limit))


def receipt_object(item: Item) -> tuple[str, bytes]:
    """Key and body of an item's receipt."""
    subject = ReceiptSubject(
        object_key=item.shown_key,
        etag=item.info.etag,
        sha256=item.answer.sha256,
        size=item.info.size,
        year=item.place.year,
        province_code=item.place.province_code,
        documents=item.answer.total,
        # The receipt adds the documents held back that it lists.
        rejected=item.rejected + len(item.held_back - held_back(item.findings)),
        values=item.values,
    )
    key = receipt_key(item.place.year, item.place.province_code, item.receipt_name)
    return key, receipt(subject, item.findings)


def receipt_alone(item: Item, max_findings: int) -> tuple[str, bytes]:
    """Key and body of the receipt that an item has unless other objects change it.

    Its documents' ids are new, their units registered, and its name is not taken.
    """
    alone = Item(item.info, item.place, None, item.answer, receipt_name=item.place.name)
    units = {each.unit_code: "" for each in item.answer.documents if each.unit_code}
    for _ in _accept_of_object(alone, {}, units):
        pass
    limit_findings(alone, max_findings)
    return receipt_object(alone)


def contested_receipts(
    con: duckdb.DuckDBPyConnection, infos: Sequence[ObjectInfo], year: int
) -> set[str]:
    """Keys of the objects whose receipt may have the name of another object's receipt.

    Args:
        infos: the new objects.
        year: the year of keys that have none.
    """
    rows = [(info.key, place_of(info.key, year)) for info in infos]
    landed = {
        "object_key": [storable(key) for key, _ in rows],
        "year": [place.year for _, place in rows],
        "province_code": [place.province_code for _, place in rows],
        "receipt_name": [storable(place.name) for _, place in rows],
    }
    con.register("landed", pa.table(landed, schema=_LANDED))
    try:
        contested = con.execute(
            "with known as (select * from landed union "
            "select object_key, year, province_code, receipt_name from lake.raw.objects) "
            "select object_key from landed semi join ("
            "select year, province_code, receipt_name from known group by all "
            "having count(*) > 1) using (year, province_code, receipt_name)"
        ).fetchall()
    finally:
        con.unregister("landed")
    return {key for (key,) in contested}


def _query_wanted(
    con: duckdb.DuckDBPyConnection, query: str, values: set[str]
) -> list[tuple[Any, ...]]:
    """Run ``query``, which joins the table ``wanted`` with one column ``value``."""
    con.register("wanted", pa.table({"value": pa.array(sorted(values), pa.string())}))
    try:
        return con.execute(query).fetchall()
    finally:
        con.unregister("wanted")


#: Content hash by the prefix's province, by document type and id: no sender can make another's
#: document invalid by using its id.
_Seen = dict[tuple[str, str], dict[str, str]]


def accept_documents(con: duckdb.DuckDBPyConnection, items: list[Item]) -> set[int]:
    """Decide which documents are taken in, each once, and add the findings about them.

    Returns:
        the positions of the documents that are not.
    """
    documents = [document for item in items for document in item.answer.documents]
    ids = {document.document_id for document in documents}
    seen: _Seen = {}
    for kind, document_id, province, digest in _query_wanted(
        con,
        "select document_type, document_id, province_code, content_sha256 "
        "from lake.raw.documents join wanted on document_id = value",
        ids,
    ):
        seen.setdefault((kind, document_id), {})[province] = digest
    units = {d.unit_code for d in documents if d.unit_code}
    registered: dict[str, str] = dict(
        _query_wanted(
            con,
            "select unit_code, max_by(unit_name, submitted_at) from lake.raw.registrations "
            "join wanted on unit_code = value group by unit_code",
            units,
        )
    )
    return {position for item in items for position in _accept_of_object(item, seen, registered)}


def _accept_of_object(item: Item, seen: _Seen, registered: dict[str, str]) -> Iterator[int]:
    """Do the work of :func:`accept_documents` for one object; yield the positions dropped.

    Args:
        seen: updated.
        registered: names of registered units by code; updated.
    """
    answer = item.answer
    item.permanent = [f for f in answer.findings if not _is_provisional(item, f)]
    item.provisional = [f for f in answer.findings if _is_provisional(item, f)]
    item.rejected = answer.total - len(answer.documents)
    if item.shown_key != item.info.key:
        item.permanent.append(finding("W127", value=item.place.name))
    for document in answer.documents:
        about: About = {"document_id": document.document_id, "unit_code": document.unit_code}
        senders = seen.setdefault((item.place.document_type, document.document_id), {})
        former = senders.get(item.place.province_code)
        if former is not None:
            same = former == document.content_sha256
            code = "W117" if same else "E108"
            item.permanent.append(
                finding(code, document.where_id, value=document.document_id, **about)
            )
            item.rejected += 0 if same else 1
            yield document.position
            continue
        if senders:
            item.provisional.append(
                finding("W307", document.where, value=document.document_id, **about)
            )
        senders[item.place.province_code] = document.content_sha256
        item.accepted += 1
        if item.place.document_type == "registration" and document.unit_code:
            registered[document.unit_code] = document.unit_name or ""
        if document.unit_code and document.unit_code not in registered:
            item.held_back.add(document.document_id)
            item.provisional.append(
                finding("E109", document.where, value=document.unit_code, **about)
            )
        name = registered.get(document.unit_code or "")
        if name and document.unit_name and not is_like(document.unit_name, name):
            item.permanent.append(
                finding("W129", document.where, value=document.unit_name, expected=name, **about)
            )
        if not document.has_values:
            item.held_back.add(document.document_id)
        if document.document_id not in item.held_back:
            item.values += document.values
        item.provisional += document.findings


def _is_provisional(item: Item, found: Finding) -> bool:
    """Whether dbt makes the finding again: unreadable targets depend on the current catalogue."""
    return item.place.document_type == "plan" and found.code == "E201"


def name_receipts(con: duckdb.DuckDBPyConnection, batch: list[Item]) -> None:
    """Name receipts after their objects, and keep names of different document types apart.

    The first object with a name gets the contract's plain receipt name; one of another type that
    comes later gets its type as a prefix.
    """
    taken: dict[tuple[int, str, str], str] = {}
    names = {item.place.name for item in batch}
    for year, province, name, key in _query_wanted(
        con,
        "select year, province_code, receipt_name, object_key from lake.raw.objects "
        "join wanted on receipt_name = value",
        names,
    ):
        taken[(year, province, name)] = key
    for item in batch:
        place = item.place
        owner = taken.setdefault((place.year, place.province_code, place.name), item.info.key)
        clash = owner != item.info.key
        item.receipt_name = f"{place.document_type}/{place.name}" if clash else place.name
