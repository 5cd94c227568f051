"""The readable page of a unit: which of its documents and values count at present.

Belongs here: the digest of the data behind each unit's page, and the page's content: every
document with its state, every value with its outcome and its former value. Doesn't belong here:
writing pages (``run``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES, UNIT
from orchestration.core.reporting_calendar import SHANGHAI, period_of
from orchestration.intake.places import MINISTRY
from orchestration.lakehouse.received import received_documents
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.receipts.changes import Page, changed_keys_table

__all__ = ["list_unit_pages", "unit_page_contents"]

#: The types of documents about a unit, in the order of the page.
_KINDS = [name for name, described in DOCUMENT_TYPES.items() if described.subject is UNIT]


class Submitted(NamedTuple):
    """A value as typed, and the number that was read; None for one that is no number."""

    typed: str
    read: Decimal | None


#: (unit code, document id) → indicator code → value.
Versions = dict[tuple[str, str], dict[str, Submitted]]


def _documents_query() -> str:
    """Return a query for every document about a unit that concerns the year."""
    return (
        "select document_type as kind, coalesce(series, '') as series, document_id, unit_code, "
        "submitted_at, sent_at, judged_at, object_key, year, province_code "
        f"from ({received_documents(_KINDS)})"
    )


def list_unit_pages(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, Page]:
    """Return the pages of all registered units of a year, by key in the publication bucket."""
    found: dict[str, Page] = {}
    rows = con.execute(
        f"""
        with parts as (
            select unit_code, md5_number(concat_ws('|', kind, series, document_id)) as part
            from ({_documents_query()})
            union all
            select unit_code, md5_number(concat_ws('|', code, location, coalesce(value, ''),
                message_zh, coalesce(explanation, ''), object_key))
            from lake.quality.submission_errors where year = $year and unit_code is not null
            union all
            select unit_code, md5_number(concat_ws('|', returned_by, return_document_id,
                document_id, state, answered_by))
            from lake.quality.returned_documents where year = $year
            union all
            select unit_code, md5_number(concat_ws('|', indicator_code,
                coalesce(cast(value as varchar), ''), coalesce(cast(target as varchar), ''),
                coalesce(exclusion_code, ''), coalesce(submitted_value, '')))
            from lake.marts.fct_unit_indicator where year = $year
        )
        select d.unit_code, d.province_code, d.unit_name, d.task_code, d.level, d.status,
            d.is_expected, d.is_synthetic,
            concat_ws(':', d.unit_name, d.level, d.status, d.is_expected, count(parts.part),
                bit_xor(parts.part)) as digest
        from lake.marts.dim_unit as d left join parts using (unit_code)
        where d.year = $year
        group by d.unit_code, d.province_code, d.unit_name, d.task_code, d.level, d.status,
            d.is_expected, d.is_synthetic
        order by d.unit_code
        """,
        {"year": year},
    ).fetchall()
    names = (
        "unit_code",
        "province_code",
        "unit_name",
        "task_code",
        "level",
        "status",
        "is_expected",
        "is_synthetic",
    )
    for *columns, digest in rows:
        unit = dict(zip(names, columns, strict=True))
        folder = f"receipts/year={year}/province={unit['province_code']}/units"
        key = f"{folder}/{unit['unit_code']}.html"
        found[key] = Page(unit["province_code"], digest, unit)
    return found


def unit_page_contents(
    con: duckdb.DuckDBPyConnection, year: int, pages: dict[str, Page]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and template content of each of these pages."""
    documents: dict[str, list[dict[str, Any]]] = {}
    errors: dict[str, list[dict[str, Any]]] = {}
    values: dict[str, list[dict[str, Any]]] = {}
    returns: dict[str, list[dict[str, Any]]] = {}
    versions: Versions = {}
    parameters = {"year": year}
    with changed_keys_table(con, {page.subject["unit_code"] for page in pages.values()}):
        for rows, query in (
            (
                documents,
                f"select * from ({_documents_query()}) join changed_keys on unit_code = key",
            ),
            (
                errors,
                "select * from lake.quality.submission_errors join changed_keys on unit_code = key "
                "where year = $year "
                "order by severity, location, code, indicator_code, message_zh, object_key, value",
            ),
            (
                values,
                "select * from lake.marts.fct_unit_indicator join changed_keys on unit_code = key "
                "where year = $year order by indicator_code",
            ),
            (
                returns,
                "select * from lake.quality.returned_documents join changed_keys on "
                "unit_code = key where year = $year order by returned_at, return_document_id",
            ),
        ):
            for row in rows_as_dicts(con.execute(query, parameters)):
                rows.setdefault(row["unit_code"], []).append(row)
        for unit, document, code, *cells in con.execute(
            "select unit_code, document_id, indicator_code, value_text, value_number "
            "from lake.raw.performance_values join changed_keys on unit_code = key "
            "where year = $year",
            parameters,
        ).fetchall():
            versions.setdefault((unit, document), {})[code] = Submitted(*cells)
    cutoff = period_of(year).cutoff_at
    until = cutoff
    for (edition,) in con.execute(
        "select edition from lake.marts.dim_reporting_year where year = $year", parameters
    ).fetchall():
        until = period_of(year).counts_until(edition)
    for key, page in pages.items():
        code = page.subject["unit_code"]
        valueless = {e["document_id"] for e in errors.get(code, []) if e["code"] == "E062"}
        listed = _with_states(
            documents.get(code, []),
            cutoff,
            until,
            versions,
            valueless,
            {
                (each["document_type"], each["province_code"], each["document_id"])
                for each in returns.get(code, [])
                if each["state"] in ("pending", "answered")
            },
        )
        current, former = _current_and_former(listed)
        yield (
            key,
            {
                "unit": page.subject,
                "documents": listed,
                "returns": [_return_cells(each) for each in returns.get(code, [])],
                "current": current,
                "values": [
                    _value_cells(row, versions, code, current, former)
                    for row in values.get(code, [])
                ],
                "errors": errors.get(code, []),
            },
        )


def _with_states(
    documents: list[dict[str, Any]],
    cutoff: datetime,
    until: datetime,
    versions: Versions,
    valueless: set[str],
    returned: set[tuple[str, str, str]],
) -> list[dict[str, Any]]:
    """Add ``state`` and ``news`` to the documents; return them by type and time of submission.

    The state is ``returned``, ``valueless``, ``late``, ``replaced`` or ``counts``. The last
    document of a series before the cut-off that was not returned counts; in a corrected edition the
    last before the correction's cut-off, except for reviews. The news is ``new``, ``changed``, or
    ``unchanged`` for a performance document with the same values as the version before.

    Args:
        cutoff: cut-off of the year.
        until: cut-off of the edition; later than ``cutoff`` for a corrected one.
        versions: (unit code, document id) → indicator code → value as typed and as read.
        valueless: ids of the performance documents of which no value counts.
        returned: type, province and id of the documents that were returned.
    """
    for document in documents:
        document["at"] = document["sent_at"].replace(tzinfo=UTC)
        document["name"] = DOCUMENT_TYPES[document["kind"]].label_zh
    documents.sort(key=lambda d: (d["kind"], d["series"] or "", d["at"], d["document_id"]))
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        series = (document["kind"], document["series"] or "")
        before = last.get(series)
        document["news"] = "new"
        if before is not None:
            same = document["kind"] == "performance" and versions.get(
                (document["unit_code"], document["document_id"])
            ) == versions.get((before["unit_code"], before["document_id"]))
            document["news"] = "unchanged" if same else "changed"
        if (document["kind"], document["province_code"], document["document_id"]) in returned:
            document["state"] = "returned"
            continue
        ends = cutoff if document["kind"] == "review" else until
        judged_at = document["judged_at"].replace(tzinfo=UTC)
        if document["kind"] == "performance" and document["document_id"] in valueless:
            document["state"] = "valueless"
            continue
        if DOCUMENT_TYPES[document["kind"]].has_cutoff and judged_at >= ends:
            document["state"] = "late"
            continue
        if before is not None:
            before["state"] = "replaced"
        document["state"] = "counts"
        last[series] = document
    return sorted(documents, key=lambda d: (_KINDS.index(d["kind"]), d["at"], d["document_id"]))


def _return_cells(returned: dict[str, Any]) -> tuple[str, ...]:
    """Return the table cells of a return: document, id, sender, time, reason, due day, state."""
    at = returned["returned_at"].replace(tzinfo=UTC).astimezone(SHANGHAI)
    return (
        DOCUMENT_TYPES[returned["document_type"]].label_zh,
        returned["document_id"],
        "教育部" if returned["returned_by"] == MINISTRY else "省级教育行政部门",
        f"{at:%Y-%m-%d %H:%M:%S}",
        returned["reason"] or "",
        str(returned["due_on"] or ""),
        returned["state"],
        returned["answered_by"] or "",
    )


def _current_and_former(
    documents: list[dict[str, Any]],
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the performance document that counts and the one that it replaced, or None."""
    on_time = [
        d for d in documents if d["kind"] == "performance" and d["state"] in ("replaced", "counts")
    ]
    if not on_time:
        return None, None
    return on_time[-1], on_time[-2] if len(on_time) > 1 else None


def _value_cells(
    row: dict[str, Any],
    versions: Versions,
    unit_code: str,
    current: dict[str, Any] | None,
    former: dict[str, Any] | None,
) -> tuple[str, ...]:
    """Return the table cells of a value.

    They are: code, name, value as typed, number as read, counted value, unit, target, exclusion
    code, outcome.
    They are made here and not in the template because there are tens of them on each of thousands
    of pages.
    """
    code = row["indicator_code"]
    indicator = load_catalogue().indicators.get(code)
    now = versions.get((unit_code, current["document_id"]), {}) if current else {}
    before = versions.get((unit_code, former["document_id"]), {}) if former else {}
    if row["is_excluded"]:
        case = ""
    elif indicator is not None and not indicator.is_submitted:
        case = "系统计算"
    else:
        case = "未填报" if row["document_id"] is None else "计入"
    if former is not None and now.get(code) != before.get(code):
        case += f"；上次为{before[code].typed if code in before else '未填'}"
    return (
        code,
        indicator.name_zh if indicator else "",
        row["submitted_value"] or "",
        _read_text(now[code], indicator) if code in now else "",
        _number_text(row["value"]),
        indicator.unit if indicator else "",
        _number_text(row["target"]),
        row["exclusion_code"] or "",
        case,
    )


def _read_text(submitted: Submitted, indicator: Indicator | None) -> str:
    if indicator is not None and indicator.value_type == "code_list":
        return submitted.typed
    return _number_text(submitted.read) or "无法识别"


def _number_text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,f}".rstrip("0").rstrip(".")
