"""Changes between two editions: the changed figures, their causes and the documents behind them.

Belongs here: comparing the marts of two snapshots (or of a snapshot and a build) figure by figure,
tracing each change to the units whose facts changed, and presenting the changes as a table, a page
and a notice (更正通报). Doesn't belong here: making the new marts, and the layout of documents.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb

from orchestration.bulletin import (
    Block,
    Claim,
    Column,
    Document,
    Figure,
    Marts,
    Table,
    correction_document,
    paragraph,
)
from orchestration.bulletin.open_data import formula_safe
from orchestration.bulletin.wording import moment
from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.reporting_calendar import period_of
from orchestration.figures.claims import Evidence
from orchestration.figures.dictionary import figure_grains
from orchestration.figures.ids import figure_id, row_key
from orchestration.figures.numbers import count
from orchestration.figures.printing import (
    RANK,
    difference_text,
    figure_label,
    figure_text,
    is_figure,
    may_be_said,
)
from orchestration.lakehouse.received import received_documents

__all__ = ["BUILD", "CLAIMS", "Change", "Changes", "compare_snapshots"]

Row = dict[str, Any]

#: Name under which a build file is attached; passed instead of a snapshot.
BUILD = "build"

_DIFFERENCES = "差额按四舍五入前的数据计算，与表中两数之差可能有尾差。"
#: Maximum of rows of a table in the notice; the page and the CSV have all rows.
_NOTICE_ROWS = 40
#: Kind of change → its name in sentences; the keys are parts of claims.
_KINDS = {"figures": "数据", "national": "全国数据", "ranks": "名次"}
#: Code of a cause → its text.
_CAUSES = {
    "late": "逾期文档由更正版采用",
    "new": "新增文档",
    "version": "新版本替换原文档",
    "withdrawn": "原文档不再采用",
    "lifted": "原剔除值恢复采用",
    "excluded": "原采用值剔除",
    "target": "建设方案目标变更",
    "unit": "应报单位变化",
    "state": "考核、评审或登记变化",
    "prior": "上年数据更正",
    "others": "其他省份数据变化，名次顺移",
    "method": "目录、规则或计算方法变更",
}
#: Columns of ``fct_unit_indicator`` that are compared.
_FACT = ("value", "target", "is_excluded", "exclusion_code", "document_id")
#: Columns of ``fct_unit_year`` that are compared.
_UNIT = (
    "level",
    "has_reported",
    "is_on_time",
    "has_report_file",
    "assessment_score",
    "assessment_grade",
    "targets_set",
    "targets_met",
    "document_id",
)


@dataclass(frozen=True)
class Change:
    """A changed figure or rank.

    Attributes:
        figure: its id.
        table: its mart.
        key: its row in the mart, in the order of the grain.
        old, new: values in the marts; None if there is none.
        causes: codes in ``_CAUSES``, the most frequent first.
        documents: ids of the documents that caused the change.
    """

    figure: str
    table: str
    key: tuple[str, ...]
    column: str
    old: Any
    new: Any
    causes: tuple[str, ...]
    documents: tuple[str, ...]

    @property
    def is_rank(self) -> bool:
        """Whether it is a rank and no figure."""
        return self.column.endswith(RANK)

    @property
    def label(self) -> str:
        """The figure's description in Chinese."""
        return figure_label(self.table, self.key, self.column)

    def text(self, value: Any) -> str:
        """Return an old or new value as printed."""
        return figure_text(self.table, self.key, self.column, value)

    @property
    def difference(self) -> Decimal | None:
        """New minus old; None if there is no old or new value."""
        if self.old is None or self.new is None:
            return None
        return Decimal(self.new) - Decimal(self.old)


@dataclass
class Changes:
    """All changes between two snapshots.

    Attributes:
        reason: reason of the correction, as the operator gave it.
        objects: document id → object key, sha256, submitted_at and unit_code.
    """

    year: int
    reason: str
    changes: list[Change] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_csv(self) -> bytes:
        """The change table as CSV, in UTF-8 with a byte order mark for spreadsheets."""
        body = io.StringIO()
        writer = csv.writer(body, lineterminator="\r\n")
        writer.writerow(
            ["figure", "item", "old", "new", "difference", "reason", "documents", "objects"]
        )
        for change in self.changes:
            writer.writerow(
                formula_safe(cell)
                for cell in (
                    change.figure,
                    change.label,
                    _exact(change.old),
                    _exact(change.new),
                    _exact(change.difference),
                    "；".join(_CAUSES[cause] for cause in change.causes),
                    "; ".join(change.documents),
                    "; ".join(
                        sorted(
                            {
                                struck(self.objects[document]["object_key"])
                                for document in change.documents
                                if document in self.objects
                            }
                        )
                    ),
                )
            )
        return body.getvalue().encode("utf-8-sig")

    def revisions(self, edition: int) -> list[dict[str, Any]]:
        """The changes as rows of ``publication.figure_revisions``.

        Args:
            edition: number of the new edition.
        """
        return [
            {
                "year": self.year,
                "figure_id": change.figure,
                "edition": edition,
                "value": None if change.new is None else Decimal(change.new),
                "previous_value": None if change.old is None else Decimal(change.old),
                # The most frequent cause; the edition's change table names all.
                "reason_code": change.causes[0],
                "document_ids": list(change.documents),
            }
            for change in self.changes
        ]

    def documents(self, marts: Marts, number: int) -> tuple[Document, ...]:
        """The page with all changes, and the notice.

        Args:
            marts: of the new edition.
            number: of the new edition.
        """
        figures = [change for change in self.changes if not change.is_rank]
        ranks = [change for change in self.changes if change.is_rank]
        national = [change for change in figures if "national" in change.table]
        return (
            correction_document(
                marts,
                number,
                self.reason,
                path="changes",
                sections=(
                    ("更正的数据", self._change_blocks(figures, "figures")),
                    ("变动的名次", self._change_blocks(ranks, "ranks")),
                    ("引起变动的文档", self._source_blocks()),
                ),
            ),
            correction_document(
                marts,
                number,
                self.reason,
                path="national/correction",
                sections=(
                    ("更正情况", self._summary_blocks(figures, ranks)),
                    ("更正的全国数据", self._change_blocks(national, "national", _NOTICE_ROWS)),
                    ("变动的名次", self._change_blocks(ranks, "ranks", _NOTICE_ROWS)),
                    ("引起变动的文档", self._source_blocks(_NOTICE_ROWS)),
                ),
            ),
        )

    def _summary_blocks(self, figures: list[Change], ranks: list[Change]) -> list[Block]:
        regions = load_catalogue().regions
        provinces = {change.key[0] for change in figures if change.table.endswith("province_task")}
        provinces |= {c.key[0] for c in figures if c.table.endswith("province_indicator")}
        names = "、".join(regions[code].short_name for code in regions if code in provinces)
        causes = Counter(cause for change in figures for cause in change.causes)
        found: list[Block] = [
            paragraph(
                "本次更正涉及数据",
                Claim("changed/figures", count(len(figures))),
                "项、名次",
                Claim("changed/ranks", count(len(ranks))),
                "项，由",
                Claim("changed/documents", count(len(self.objects))),
                "份文档引起。",
                *(("涉及省份：", Claim("changed/provinces", names), "。") if names else ()),
            )
        ]
        if causes:
            found.append(
                Table(
                    "更正原因",
                    (Column("原因", 6, "left"), Column("涉及数据（项）", 3)),
                    tuple(
                        (_CAUSES[cause], Claim(f"changed_by/{cause}", count(n)))
                        for cause, n in causes.most_common()
                    ),
                )
            )
        return found

    def _change_blocks(
        self, changes: list[Change], what: str, at_most: int | None = None
    ) -> list[Block]:
        """A table of changes, or a sentence if there are none."""
        if not changes:
            return [paragraph(f"本次更正不涉及{_KINDS[what]}变动。")]
        shown = changes if at_most is None else changes[:at_most]
        found: list[Block] = [self.table(shown)]
        if len(shown) < len(changes):
            number = Claim(f"changed/{what}", count(len(changes)))
            found.append(
                paragraph(f"以上为前{at_most}项，共", number, "项，全部见本版更正对照表。")
            )
        return found

    def table(
        self, changes: list[Change], after: str = "更正后", *, is_traced: bool = True
    ) -> Table:
        """A table with a row per change.

        Args:
            after: header of the column of new values.
            is_traced: whether the edition has trace pages of the new values.
        """
        return Table(
            "",
            (
                Column("项目", 9, "left"),
                Column("原数", 3),
                Column(after, 3),
                Column("差额", 4),
                Column("原因", 5, "left"),
            ),
            tuple(
                (
                    change.label,
                    change.text(change.old),
                    Figure(change.figure, change.text(change.new))
                    if is_traced
                    else change.text(change.new),
                    difference_text(
                        change.table, change.key, change.column, change.old, change.new
                    ),
                    "；".join(_CAUSES[cause] for cause in change.causes),
                )
                for change in changes
            ),
            # E.g. from 106.396 % to 108.902 % is printed as 106.40 %, 108.90 % and 2.51 points.
            "" if all(change.is_rank for change in changes) else _DIFFERENCES,
        )

    def _source_blocks(self, at_most: int | None = None) -> list[Block]:
        if not self.objects:
            return [paragraph("本次更正不由文档引起。")]
        listed = sorted(self.objects.items())
        shown = listed if at_most is None else listed[:at_most]
        table = Table(
            "",
            (
                Column("单位", 4, "left"),
                Column("文档", 5, "left"),
                Column("提交时间", 4, "left"),
                Column("对象", 7, "left"),
                Column("sha256", 4, "left"),
            ),
            tuple(
                (
                    str(about["unit_code"] or ""),
                    document,
                    moment(datetime.fromisoformat(about["submitted_at"])),
                    struck(about["object_key"]),
                    (about["sha256"] or "")[:12],
                )
                for document, about in shown
            ),
            "" if len(shown) == len(listed) else f"共{len(listed)}份，其余见本版更正对照表。",
        )
        return [table]


# -- claims of the notice, counted from the ids in the change table ----------------------------


def _changed(evidence: Evidence, scope: str) -> str | None:
    figures = [change for change in evidence.changes if not change.figure.endswith(RANK)]
    if scope == "provinces":
        return _names_of_provinces(
            evidence,
            {
                change.figure.split("/")[2]
                for change in figures
                if "/agg_province_" in change.figure
            },
        )
    numbers = {
        "figures": len(figures),
        "ranks": len(evidence.changes) - len(figures),
        "national": sum("national" in change.figure.split("/")[1] for change in figures),
        "documents": len({name for change in evidence.changes for name in change.documents}),
    }
    return f"{numbers[scope]:,}" if scope in numbers else None


def _names_of_provinces(evidence: Evidence, codes: Collection[str]) -> str:
    regions = evidence.con.execute(
        "select province_code, short_name from lake.marts.dim_region order by display_order"
    ).fetchall()
    return "、".join(name for code, name in regions if code in codes)


def _changed_by(evidence: Evidence, cause: str) -> str | None:
    if cause not in _CAUSES:
        return None
    figures = (change for change in evidence.changes if not change.figure.endswith(RANK))
    return f"{sum(change.causes.count(cause) for change in figures):,}"


CLAIMS = {"changed": _changed, "changed_by": _changed_by}


def _exact(value: Any) -> str:
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


# -- comparison ---------------------------------------------------------------------------------


def compare_snapshots(
    con: duckdb.DuckDBPyConnection, year: int, old: int, new: int | str, reason: str
) -> Changes:
    """Compare two snapshots, or a snapshot and a build.

    Args:
        con: a reader of the lake; tables are read as of ``old`` and ``new``, pinned or not.
        old: snapshot of the former edition.
        new: snapshot of the new edition, or ``BUILD``: a build from the raw tables of ``old``.
        reason: reason of the correction, as the operator gave it.
    """
    facts = _unit_rows_that_differ(
        con, "fct_unit_indicator", ("unit_code", "indicator_code"), _FACT, year, old, new
    )
    units = _unit_rows_that_differ(con, "fct_unit_year", ("unit_code",), _UNIT, year, old, new)
    cutoff = period_of(year).cutoff_at.replace(tzinfo=None)
    documents = {
        str(row["document_id"])
        for _, before, after in (*facts, *units)
        for row in (before, after)
        if row and row["document_id"]
    }
    reporters = {unit for (unit, *_), _, _ in (*facts, *units)}
    objects = _objects(con, year, documents, reporters, new if isinstance(new, int) else old)
    fact_causes: dict[tuple[str, str, str], list[tuple[str, str | None]]] = defaultdict(list)
    for (unit, indicator), before, after in facts:
        task, province, _ = unit.split("-")
        cause = _cause(before, after, objects, cutoff)
        fact_causes[task, province, indicator].append((cause, _document_id(before, after)))
    unit_causes: dict[tuple[str, str], list[tuple[str, str | None]]] = defaultdict(list)
    for (unit,), before, after in units:
        task, province, _ = unit.split("-")
        cause = _cause(before, after, objects, cutoff) if before and after else "unit"
        unit_causes[task, province].append((cause, _document_id(before, after)))
    found = Changes(year, reason)
    used: set[str] = set()

    @cache
    def causes_of(
        grain: tuple[str, ...], key: tuple[str, ...], column: str
    ) -> list[tuple[str, str | None]]:
        return _causes(dict(zip(grain, key, strict=True)), fact_causes, unit_causes, column)

    for table, grain in figure_grains().items():
        cells = list(_differences(con, table, grain, year, old, new))
        changed_cells = {(key, column) for key, column, *_ in cells}
        for key, column, before, after in cells:
            measure = column.removesuffix(RANK)
            if measure == column or (key, measure) in changed_cells:
                causes = causes_of(grain, key, measure)
            else:
                # The province's own figure is unchanged: other provinces' changes moved its rank.
                documents_of_others = {
                    document
                    for other, other_column in changed_cells
                    if other_column == measure
                    for _, document in causes_of(grain, other, measure)
                }
                causes = [("others", document) for document in sorted(documents_of_others, key=str)]
            named = tuple(sorted({document for _, document in causes if document}))
            counted = Counter(cause for cause, _ in causes)
            used.update(named)
            found.changes.append(
                Change(
                    figure_id(year, table, key, column),
                    table,
                    key,
                    column,
                    before,
                    after,
                    tuple(cause for cause, _ in sorted(counted.items(), key=lambda c: (-c[1], c)))
                    or (("prior",) if _uses_last_year(column) else ("method",)),
                    named,
                )
            )
    found.objects = {document: objects[document] for document in sorted(used & set(objects))}
    return found


def _uses_last_year(column: str) -> bool:
    return column.startswith(("previous_", "matched_")) or column == "newly_achieved"


def _causes(
    about: dict[str, str],
    facts: dict[tuple[str, str, str], list[tuple[str, str | None]]],
    units: dict[tuple[str, str], list[tuple[str, str | None]]],
    column: str,
) -> list[tuple[str, str | None]]:
    """Cause and document id of each changed unit that a figure is computed from."""
    if column.startswith("previous_"):
        return []
    task, province = about.get("task_code", "ALL"), about.get("province_code")
    indicator = about.get("indicator_code")

    def contributes(unit_task: str, unit_province: str) -> bool:
        return task in ("ALL", unit_task) and province in (None, unit_province)

    if indicator is not None:
        catalogued = load_catalogue().indicators.get(indicator)
        codes = {indicator}
        if catalogued:
            codes |= {catalogued.numerator or "", catalogued.denominator or ""}
        return [
            cause
            for (unit_task, unit_province, code), causes in facts.items()
            if code in codes and contributes(unit_task, unit_province)
            for cause in causes
        ]
    found = [
        cause
        for (unit_task, unit_province), causes in units.items()
        if contributes(unit_task, unit_province)
        for cause in causes
    ]
    return found or [
        cause
        for (unit_task, unit_province, _), causes in facts.items()
        if contributes(unit_task, unit_province)
        for cause in causes
    ]


def _cause(
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    objects: dict[str, dict[str, Any]],
    cutoff: Any,
) -> str:
    old, new = (row["document_id"] if row else None for row in (before, after))
    if new != old:
        if new is None:
            return "withdrawn"
        if new in objects and objects[new]["judged_at"] >= cutoff:
            return "late"
        return "new" if old is None else "version"
    if before is None or after is None:
        return "unit"
    if "is_excluded" in before and before["is_excluded"] != after["is_excluded"]:
        return "excluded" if after["is_excluded"] else "lifted"
    if before.get("target") != after.get("target"):
        return "target"
    if "value" in before and before["value"] != after["value"]:
        return "method"
    return "state"


def _document_id(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str | None:
    row = after if after and after["document_id"] else before
    return str(row["document_id"]) if row and row["document_id"] else None


def _mart(table: str, version: int | str) -> str:
    """A mart as of a snapshot, or in an attached build, as SQL."""
    if isinstance(version, int):
        return f"lake.marts.{table} at (version => {version})"
    return f"{version}.marts.{table}"


def _rows_that_differ(
    con: duckdb.DuckDBPyConnection,
    table: str,
    keys: tuple[str, ...],
    columns: str,
    year: int,
    old: int,
    new: int | str,
) -> list[tuple[tuple[str, ...], Row | None, Row | None]]:
    """Key, old row and new row of the rows that differ, or that exist on one side only.

    Rows are compared by a hash of 64 bits, which also works if a mart got a new column between
    two editions. A difference is missed with a probability of 1 in 2^64.

    Args:
        columns: the list of columns in SQL; it includes ``keys`` and ``year``.
    """

    def side(which: int | str) -> str:
        return f"(select {columns} from {_mart(table, which)} where year = {int(year)})"

    same = " and ".join(f"old_row.{k} is not distinct from new_row.{k}" for k in ("year", *keys))
    rows = con.execute(
        f"select old_row, new_row from {side(old)} as old_row "
        f"full join {side(new)} as new_row on {same} where hash(old_row) <> hash(new_row)"
    ).fetchall()
    found: list[tuple[tuple[str, ...], Row | None, Row | None]] = []
    for before, after in rows:
        # The full join fills a missing side with NULL.
        in_old, in_new = before["year"] is not None, after["year"] is not None
        key = row_key(after if in_new else before, keys)
        found.append((key, before if in_old else None, after if in_new else None))
    return sorted(found, key=lambda row: row[0])


def _unit_rows_that_differ(
    con: duckdb.DuckDBPyConnection,
    table: str,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    year: int,
    old: int,
    new: int | str,
) -> list[tuple[tuple[str, ...], Row | None, Row | None]]:
    """As :func:`_rows_that_differ`, with ``year``, ``keys`` and ``columns`` compared."""
    listed = ", ".join(("year", *keys, *columns))
    return _rows_that_differ(con, table, keys, listed, year, old, new)


def _differences(
    con: duckdb.DuckDBPyConnection,
    table: str,
    grain: tuple[str, ...],
    year: int,
    old: int,
    new: int | str,
) -> Iterable[tuple[tuple[str, ...], str, Any, Any]]:
    """Key, column, old and new value of the figures that differ, ordered by key and column."""
    for key, before, after in _rows_that_differ(con, table, grain, "*", year, old, new):
        old_row, new_row = before or {}, after or {}
        for column in new_row or old_row:
            if column in grain:
                continue
            values = old_row.get(column), new_row.get(column)
            if (
                values[0] != values[1]
                and all(value is None or is_figure(column, value) for value in values)
                and may_be_said(new_row or old_row, column)
            ):
                yield key, column, *values


def _objects(
    con: duckdb.DuckDBPyConnection,
    year: int,
    documents: set[str],
    units: set[str],
    snapshot: int,
) -> dict[str, dict[str, Any]]:
    """Document id → object key, sha256, unit code and times of the units' performance documents.

    Other units and other types may have documents with the same ids.
    """
    received = received_documents(["performance"], at=f"at (version => {snapshot})")
    rows = con.execute(
        "select document_id, object_key, sha256, unit_code, submitted_at, judged_at "
        f"from ({received}) where document_id in (select unnest($documents)) "
        "and unit_code in (select unnest($units))",
        {"year": year, "documents": sorted(documents), "units": sorted(units)},
    ).fetchall()
    names = ("object_key", "sha256", "unit_code", "submitted_at", "judged_at")
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
