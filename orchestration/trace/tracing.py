"""Makes the trace of one figure.

Belongs here: deciding which units, documents and rows a figure of each mart is made from. Doesn't
belong here: SQL (``evidence``), arithmetic (``figures.recompute``) and Chinese wording
(``wording``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from orchestration.core.catalogue import Catalogue, Indicator, load_catalogue
from orchestration.core.errors import UsageError
from orchestration.figures.dictionary import ColumnDescription, mart_descriptions, project_var
from orchestration.figures.ids import (
    FigureId,
    find_row,
    parse_figure,
    suggestion,
    unknown_row_error,
)
from orchestration.figures.numbers import PRINTED_PLACES
from orchestration.figures.printing import column_label
from orchestration.figures.recompute import (
    MATCHED,
    RATES,
    SUMS,
    Computed,
    Number,
    Sum,
    indicator_columns,
    quotient,
    rank_of,
    unit_columns,
)
from orchestration.figures.wording import code_names
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.trace import evidence
from orchestration.trace.evidence import Scope
from orchestration.trace.model import Document, GateFinding, Recomputation, Trace, Unit
from orchestration.trace.wording import (
    place_label,
    value_reason,
)

__all__ = ["trace"]

#: The levels of units, lowest first.
_LEVELS = ("school", "municipal", "provincial", "national")

#: Columns of an indicator's aggregate that use the value of the year before.
_COMPARISON_COLUMNS = {"previous_value", "previous_units_counted", "change_rate", *MATCHED}


def trace(
    con: duckdb.DuckDBPyConnection,
    figure: str | FigureId,
    *,
    gate_rows: Sequence[Mapping[str, Any]] = (),
) -> Trace:
    """Trace a figure to the submissions that it was computed from.

    Args:
        con: a reader pinned at the snapshot that the figure was printed from.
        figure: figure id, as text or parsed.
        gate_rows: rows of ``quality.gate_results`` about that snapshot. They are written after
            the snapshot, so a pinned reader can't see them.

    Raises:
        UsageError: there is no such figure; the message suggests similar ones.
    """
    wanted = parse_figure(figure) if isinstance(figure, str) else figure
    catalogue = load_catalogue()
    row = find_row(con, wanted)
    if row is None:
        raise unknown_row_error(con, wanted)
    if wanted.indicator_code is not None:
        found = _trace_indicator(con, catalogue, wanted, row)
    elif wanted.table == "dim_reporting_year":
        found = _trace_calendar(con, wanted, row)
    else:
        found = _trace_unit_counts(con, catalogue, wanted, row)
    described = mart_descriptions()[wanted.table].columns
    labels = [column_label(wanted.table, column) for column in wanted.columns]
    findings, checks = _gate_findings(catalogue, wanted, gate_rows)
    indicator = catalogue.indicators.get(wanted.indicator_code or "")
    label_parts = [place_label(catalogue, wanted.key)]
    if indicator is not None:
        label_parts.append(f"{indicator.name_zh}（{indicator.unit}）")
    label_parts.append(" − ".join(labels))
    return replace(
        found,
        label_zh=" · ".join(label_parts),
        definition=_definition(catalogue, wanted, described),
        cutoff_at=evidence.cutoff_of(con, wanted.year),
        gate=findings,
        gate_checks=checks,
        objects=_objects_behind(found),
    )


def _assemble_trace(
    figure: FigureId,
    row: Mapping[str, Any],
    computed: Mapping[str, Computed],
    *,
    further: Iterable[Recomputation] = (),
    parts_zh: Mapping[str, str] | None = None,
    units: Sequence[Unit] = (),
    places: Sequence[Mapping[str, Any]] = (),
    documents: Sequence[Document] = (),
) -> Trace:
    """Compare the figure's columns with the recomputed ones; return the trace.

    Label, definition, cut-off and gate findings are added by ``trace``.

    Args:
        row: row of the mart.
        computed: column → recomputed value.
        further: recomputations of other columns or years that the figure depends on.

    Raises:
        UsageError: the mart has no such column, or none that can be recomputed.
    """
    known = [name for name in row if name in computed]
    for column in figure.columns:
        if column not in known:
            raise UsageError(
                f"figure: {figure.table} has no figure {column!r}{suggestion(column, known)}"
            )
    recomputed = [
        _compare(figure.year, column, row[column], computed[column]) for column in figure.columns
    ]
    numbers = [row[column] for column in figure.columns]
    value = numbers[0]
    if len(numbers) == 2:
        value = None if None in numbers else numbers[0] - numbers[1]
    return Trace(
        figure=figure.text,
        year=figure.year,
        table=figure.table,
        columns=figure.columns,
        value=value,
        label_zh="",
        definition={},
        row=dict(row),
        recomputations=(*recomputed, *further),
        parts_zh=parts_zh or {},
        units=tuple(units),
        places=tuple(places),
        documents=tuple(documents),
        cutoff_at=None,
    )


def _compare(year: int, column: str, stated: Any, computed: Computed) -> Recomputation:
    """Compare a column of the mart with its recomputed value."""
    equal = stated == computed.value
    return Recomputation(year, column, stated, computed.value, equal, computed.how)


def _definition(
    catalogue: Catalogue, figure: FigureId, described: Mapping[str, ColumnDescription]
) -> dict[str, Any]:
    """Return the descriptions of the figure's columns and of its indicator."""
    found: dict[str, Any] = {
        "columns": {
            column: {
                "description_en": described[column].description_en if column in described else "",
                "description_zh": described[column].description_zh if column in described else "",
            }
            for column in figure.columns
        }
    }
    indicator = catalogue.indicators.get(figure.indicator_code or "")
    if indicator is not None:
        found["indicator"] = {
            "code": indicator.code,
            "name_zh": indicator.name_zh,
            "name_en": indicator.name_en,
            "unit": indicator.unit,
            "aggregation": indicator.aggregation,
            "aggregation_zh": code_names("aggregation")[indicator.aggregation],
            "numerator": _code_and_name(catalogue, indicator.numerator),
            "denominator": _code_and_name(catalogue, indicator.denominator),
            "direction": indicator.direction,
        }
    return found


def _code_and_name(catalogue: Catalogue, code: str | None) -> dict[str, str] | None:
    return None if code is None else {"code": code, "name_zh": catalogue.indicators[code].name_zh}


# -- indicators -----------------------------------------------------------------------------


def _trace_indicator(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    figure: FigureId,
    row: Mapping[str, Any],
) -> Trace:
    """Trace a figure of an indicator's aggregate to the units' values."""
    indicator = catalogue.indicators.get(figure.indicator_code or "")
    if indicator is None:
        raise UsageError(f"figure: the catalogue has no indicator {figure.indicator_code} any more")
    parts = {"value": "值", "target": "目标"}
    if indicator.aggregation == "ratio":
        parts = {"numerator": "分子", "denominator": "分母", **parts}
    scope = Scope(figure.year, figure.province_code, figure.task_code)
    values = evidence.values(con, scope, {indicator.code})
    units = _units_with_values(con, catalogue, indicator, scope, values)
    before_scope = replace(scope, year=figure.year - 1)
    before = evidence.values(con, before_scope, {indicator.code})
    last_row = find_row(con, figure, figure.year - 1)
    computed = indicator_columns(indicator, values, None if last_row is None else before)
    computed["units_expected"] = Computed(len(units), "expected units, listed")
    further: list[Recomputation] = []
    if _COMPARISON_COLUMNS & set(figure.columns):
        if last_row is not None:
            value_before = indicator_columns(indicator, before)["value"]
            further.append(_compare(figure.year - 1, "value", last_row["value"], value_before))
            units += _units_with_values(con, catalogue, indicator, before_scope, before)
        if "change_rate" in figure.columns:
            further.append(_compare(figure.year, "value", row["value"], computed["value"]))
    return _assemble_trace(figure, row, computed, further=further, parts_zh=parts, units=units)


def _units_with_values(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    indicator: Indicator,
    scope: Scope,
    values: Sequence[evidence.UnitValue],
) -> list[Unit]:
    """Return every expected unit with its value, or with the reason why it has none."""
    codes = {indicator.code, indicator.numerator, indicator.denominator} - {None}
    about = {code for code in codes if code is not None}
    about |= {r.rule_id for r in catalogue.rules.values() if about & set(r.indicator_codes)}
    kinds = {"performance"} | ({"plan"} if any(v.target is not None for v in values) else set())
    documents = evidence.documents(con, scope, kinds)
    remarks = evidence.remarks(con, scope, about)
    by_unit = {value.unit_code: value for value in values}
    found = []
    for unit in evidence.unit_years(con, scope):
        code = unit["unit_code"]
        value = by_unit.get(code)
        parts: dict[str, Number] = {}
        reason: tuple[str | None, str] = (None, _absence_reason(unit))
        if value is not None:
            parts = {"value": value.value, "target": value.target}
            if indicator.aggregation == "ratio":
                parts |= {"numerator": value.numerator, "denominator": value.denominator}
            if unit["is_on_time"] or value.counts(indicator):
                reason = value_reason(catalogue, indicator, value)
        own = [
            each
            for each in documents.get(code, ())
            if each.kind == "performance" or (value is not None and value.target is not None)
        ]
        found.append(
            Unit(
                year=scope.year,
                unit_code=code,
                unit_name=unit["unit_name"],
                province_code=unit["province_code"],
                task_code=unit["task_code"],
                parts=parts,
                counts=value is not None and value.counts(indicator),
                code=reason[0],
                reason_zh=reason[1],
                submitted_value=value.submitted_value if value else None,
                documents=tuple(own),
                remarks=tuple(remarks.get(code, ())),
            )
        )
    return found


def _absence_reason(unit: Mapping[str, Any]) -> str:
    if unit["is_on_time"]:
        return "未填报"
    return "逾期报送，未计入" if unit["has_reported"] else "未报送"


# -- counts of units ------------------------------------------------------------------------


def _trace_unit_counts(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    figure: FigureId,
    row: Mapping[str, Any],
) -> Trace:
    """Trace a count, rate or rank of units, or a national target."""
    scope = Scope(figure.year, figure.province_code, figure.task_code)
    rows = evidence.unit_years(con, scope)
    computed = unit_columns(rows)
    places: list[dict[str, Any]] = []
    summaries: list[Document] = []
    if figure.table == "agg_national_target":
        rows, computed = _national_target(con, catalogue, figure, rows)
        shown: tuple[str, ...] = ("units_expected",)
    else:
        measures = [column.removesuffix("_rank") for column in figure.columns]
        shown = tuple(dict.fromkeys(s for m in measures for s in RATES.get(m, (m,)) if s in SUMS))
        if {"summary_rate", "has_provincial_summary", "provincial_summaries"} & set(measures):
            summaries, places = _provincial_summaries(con, catalogue, figure, rows, computed)
            shown = ()
        else:
            # The suggestions for an unknown column name the columns about summaries too.
            _add_summary_columns(computed, [], figure)
        if any(column.endswith("_rank") for column in figure.columns):
            places = _recompute_ranks(con, catalogue, figure, computed)
    units = []
    if shown:
        units = _units_with_counts(con, scope, rows, shown)
    labels = {name: SUMS[name].label(catalogue) for name in shown}
    return _assemble_trace(
        figure, row, computed, parts_zh=labels, units=units, places=places, documents=summaries
    )


def _units_with_counts(
    con: duckdb.DuckDBPyConnection,
    scope: Scope,
    rows: Sequence[Mapping[str, Any]],
    shown: Sequence[str],
) -> list[Unit]:
    first: Sum = SUMS[shown[0]]
    documents = evidence.documents(con, scope, first.kinds)
    remarks = evidence.remarks(con, scope, None)
    found = []
    for unit in rows:
        code = unit["unit_code"]
        parts = {name: SUMS[name].of(unit) for name in shown}
        counts = bool(parts[shown[0]])
        reason = ""
        if not counts and not unit["is_on_time"]:
            reason = "逾期报送" if unit["has_reported"] else "未报送"
        elif counts and "units_watched" in shown:
            reason = unit["watched_for"] or ""
        found.append(
            Unit(
                year=scope.year,
                unit_code=code,
                unit_name=unit["unit_name"],
                province_code=unit["province_code"],
                task_code=unit["task_code"],
                parts=parts,
                counts=counts,
                reason_zh=reason,
                documents=tuple(documents.get(code, ())),
                remarks=tuple(remarks.get(code, ())),
            )
        )
    return found


def _national_target(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    figure: FigureId,
    units: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, Computed]]:
    """Return the units behind a figure of a national target, and its recomputed columns."""
    key = tuple(figure.key.values())
    [target] = [t for t in catalogue.targets if (t.task_code, t.level, t.category) == key]
    enough = _LEVELS[_LEVELS.index(target.level) :]
    last_year = evidence.unit_levels(con, figure.year - 1)
    reaching = [
        unit
        for unit in units
        if unit["level"] in enough and target.category in (None, unit["category"])
    ]
    exact = [unit for unit in reaching if unit["level"] == target.level]
    new = [unit for unit in exact if last_year.get(unit["unit_code"]) not in enough]
    first = int(project_var("first_reporting_year"))
    passed = min(figure.year, target.target_year) + 1 - first
    years = target.target_year + 1 - first
    computed = {
        "achieved_count": Computed(len(exact), "units of that level and kind, listed"),
        "achieved_with_higher": Computed(len(reaching), "units of that level or a higher one"),
        "newly_achieved": Computed(
            len(new) if last_year else None, "units below that level a year before, or new"
        ),
        "target_count": Computed(target.target_count, "the seed task_targets"),
        "target_year": Computed(target.target_year, "the seed task_targets"),
        "progress_rate": Computed(
            quotient(len(exact), target.target_count), f"{len(exact)} / {target.target_count}"
        ),
        "time_elapsed_rate": Computed(
            quotient(passed, years), f"{passed} of {years} reporting years"
        ),
    }
    listed = {"achieved_with_higher": reaching, "newly_achieved": new}
    return listed.get(figure.columns[0], exact), computed


def _provincial_summaries(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    figure: FigureId,
    rows: Sequence[Mapping[str, Any]],
    computed: dict[str, Computed],
) -> tuple[list[Document], list[dict[str, Any]]]:
    """Return the provincial summaries, and for each province and task whether there is one."""
    scope = Scope(figure.year, figure.province_code, figure.task_code)
    sent = evidence.documents(con, scope, {"provincial_summary"})
    expected: dict[tuple[str, str], int] = {}
    for unit in rows:
        key = (unit["province_code"], unit["task_code"])
        expected[key] = expected.get(key, 0) + 1
    places = [
        {
            "province_code": province,
            "province_name": region.name,
            "task_code": task,
            "units_expected": expected.get((province, task), 0),
            "has_provincial_summary": f"{task}-{province}" in sent,
        }
        for province, region in sorted(
            catalogue.regions.items(), key=lambda item: item[1].display_order
        )
        for task in catalogue.tasks
        if figure.province_code in (None, province) and figure.task_code in (None, task)
    ]
    _add_summary_columns(computed, places, figure)
    known = {f"{place['task_code']}-{place['province_code']}" for place in places}
    summaries = [document for key in sorted(known & set(sent)) for document in sent[key]]
    return summaries, places


def _add_summary_columns(
    computed: dict[str, Computed], places: Sequence[Mapping[str, Any]], figure: FigureId
) -> None:
    """Recompute the columns about provincial summaries into ``computed``."""
    has = [place for place in places if place["has_provincial_summary"]]
    wanted = [place for place in places if place["units_expected"]]
    got = sum(place["units_expected"] > 0 for place in has)
    computed["summary_rate"] = Computed(
        quotient(got, len(wanted)), f"summaries {got} / provinces' tasks with units {len(wanted)}"
    )
    computed["has_provincial_summary"] = Computed(
        len(has) == len(places), f"{len(has)} of {len(places)} provinces sent one"
    )
    if figure.table == "agg_national_task":
        computed["provincial_summaries"] = Computed(len(has), "provinces that sent one")


def _recompute_ranks(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    figure: FigureId,
    computed: dict[str, Computed],
) -> list[dict[str, Any]]:
    """Recompute the ranks into ``computed``; return the provinces' rows that they rank."""
    measures = [c.removesuffix("_rank") for c in figure.columns if c.endswith("_rank")]
    rows = rows_as_dicts(
        con.execute(
            f"select * from lake.marts.{figure.table} where year = $year", {"year": figure.year}
        )
    )
    known = [measure for measure in measures if f"{measure}_rank" in rows[0]]
    # A province with fewer units has no rank and does not push others down.
    least = project_var("scorecard_least_units")
    ranked = [r for r in rows if r["units_expected"] >= least]
    for measure in known:
        [own] = [r[measure] for r in ranked if r["province_code"] == figure.province_code] or [None]
        lowest = catalogue.measures[measure].best == "lowest"
        places = PRINTED_PLACES[catalogue.measures[measure].kind]
        rank = rank_of(own, (r[measure] for r in ranked), lowest=lowest, places=places)
        order = "lowest" if lowest else "highest"
        computed[f"{measure}_rank"] = Computed(
            rank, f"among {len(ranked)} provinces with {least} units or more, {order} first"
        )
    rows.sort(key=lambda r: catalogue.regions[r["province_code"]].display_order)
    return [
        {
            "province_code": r["province_code"],
            "province_name": catalogue.regions[r["province_code"]].name,
            **{name: r[name] for m in known for name in (m, f"{m}_rank")},
        }
        for r in rows
    ]


def _trace_calendar(
    con: duckdb.DuckDBPyConnection, figure: FigureId, row: Mapping[str, Any]
) -> Trace:
    """Trace the number of received or late documents."""
    documents = evidence.received(con, figure.year)
    late = [document for document in documents if document.is_late]
    computed = {
        "documents_received": Computed(len(documents), "documents listed"),
        "documents_late": Computed(len(late), "of them at or after the cut-off"),
    }
    only_late = figure.columns == ("documents_late",)
    return _assemble_trace(figure, row, computed, documents=late if only_late else documents)


# -- objects and gate findings ---------------------------------------------------------------


def _objects_behind(found: Trace) -> tuple[dict[str, Any], ...]:
    """Return each object behind the figure once, with how many of its documents were used."""
    objects: dict[tuple[str, str, str], set[str]] = {}
    for document in (*(d for unit in found.units for d in unit.documents), *found.documents):
        key = (document.object_key, document.etag, document.sha256)
        objects.setdefault(key, set()).add(document.document_id)
    return tuple(
        {"object_key": key, "etag": etag, "sha256": sha256, "documents": len(ids)}
        for (key, etag, sha256), ids in sorted(objects.items())
    )


def _gate_findings(
    catalogue: Catalogue, figure: FigureId, rows: Sequence[Mapping[str, Any]]
) -> tuple[tuple[GateFinding, ...], int | None]:
    """Return the failed checks that concern the figure, and the number of all checks."""
    own = {name: part for name, part in figure.key.items() if part and part != "ALL"}
    found = []
    for row in rows:
        if row["success"]:
            continue
        detail = json.loads(row["detail"] or "{}")
        for key in detail.get("keys", ()):
            place = {
                name: part for name, part in key.items() if name not in {"observed", "by"} and part
            }
            if _is_about(catalogue, place, own):
                found.append(
                    GateFinding(
                        suite=row["suite"],
                        expectation=row["expectation"],
                        severity=row["severity"],
                        title_zh=detail.get("title_zh", ""),
                        observed=str(key.get("observed", row["observed"])),
                        threshold=row["threshold"],
                        waived_by=row["waived_by"],
                        place=place,
                    )
                )
    return tuple(found), len(rows) or None


def _is_about(catalogue: Catalogue, place: Mapping[str, str], own: Mapping[str, str]) -> bool:
    """Whether a failing row shares a code with the figure and contradicts none of its codes."""
    rule = catalogue.rules.get(place.get("rule_id", ""))
    if rule is not None:
        return own.get("indicator_code") in rule.indicator_codes
    if not place:
        return "province_code" not in own
    shared = set(place) & set(own)
    return bool(shared) and all(place[name] == own[name] for name in shared)
