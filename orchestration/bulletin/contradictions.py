"""Contradictions that bulletins name: how many there are, of which units and provinces.

Belongs here: the numbers and names that the sentences on contradictions share, and how they are
recomputed. Doesn't belong here: finding contradictions (``quality.contradictions``), their titles
and thresholds (the seed ``contradiction_rules``), and sentences (``sections``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestration.bulletin.content import Column, Table
from orchestration.bulletin.marts import Marts
from orchestration.core.catalogue import load_catalogue
from orchestration.figures.claims import Evidence, Recomputations, counts, texts
from orchestration.figures.wording import UNIT_NAME, clean
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = [
    "contradiction_claims",
    "contradiction_table",
    "contradictions_by_kind",
    "named_subjects",
]

#: As many units as are named one by one; of more the provinces with the most are named. The
#: bulletins' lists of names have ten, too.
_UNITS_NAMED = 10
#: Provinces named with their number of units, as in the other paragraphs on problems; one with a
#: single unit is not among those that have many.
_PROVINCES_NAMED = 5

#: Kind → condition on a row ``y`` of ``fct_unit_year``, with the rule's values in braces.
_OF_UNITS = {
    "assessed_not_reported": (
        "not y.has_reported and (y.assessment_grade is not null or y.assessment_score is not null)"
    ),
    "excellent_short_of_targets": (
        "y.assessment_grade = 'excellent' and y.targets_counted > 0 "
        "and y.targets_set >= {least_cases} and y.targets_met < {threshold} * y.targets_set"
    ),
    "failed_on_targets": (
        "y.assessment_grade = 'fail' and y.targets_counted > 0 "
        "and y.targets_set >= {least_cases} and y.targets_met >= {threshold} * y.targets_set"
    ),
    "excellent_though_warned": (
        "y.assessment_grade = 'excellent' and y.unit_code in (select w.unit_code "
        "from lake.marts.unit_watchlist w where w.year = $year and w.reason = 'warned')"
    ),
    "identical_values": (
        "y.unit_code in (select f.unit_code from lake.marts.fct_unit_indicator f "
        "join lake.marts.fct_unit_indicator p on p.year = f.year - 1 "
        "and p.unit_code = f.unit_code and p.indicator_code = f.indicator_code "
        "join lake.marts.dim_indicator i on i.indicator_code = f.indicator_code "
        "where f.year = $year and i.is_submitted and i.stock_flow = 'flow' "
        "and f.value > 1 and p.value > 1 group by 1 having count(*) >= {least_cases} "
        "and count(*) filter (where f.value = p.value) >= {threshold} * count(*))"
    ),
    "national_watched": (
        "y.level = 'national' and y.unit_code in (select w.unit_code "
        "from lake.marts.unit_watchlist w where w.year = $year and w.reason <> 'not_reported')"
    ),
}
#: The provinces that grade most of their units alike, with the numbers behind it.
_GRADES_ALIKE = (
    "select 'grades_alike' as kind, g.province_code, cast(null as varchar) as unit_code, "
    "cast(null as varchar) as unit_name, "
    "format('被考核单位{{}}个，其中{{}}{{}}个', sum(n), case arg_max(grade, n) "
    "when 'excellent' then '优秀' when 'good' then '良好' when 'pass' then '合格' "
    "else '不合格' end, max(n)) as evidence "
    "from (select province_code, assessment_grade as grade, count(*) as n "
    "from lake.marts.fct_unit_year where year = $year and assessment_grade is not null "
    "group by 1, 2) as g group by 2 "
    "having sum(n) >= {least_cases} and max(n) >= {threshold} * sum(n)"
)


def _recomputed() -> str:
    """Return SQL that finds every contradiction again, from the published marts."""
    rules = load_catalogue().contradictions
    parts = [
        f"select '{kind}' as kind, y.province_code, y.unit_code, d.unit_name, '' as evidence "
        "from lake.marts.fct_unit_year y join lake.marts.dim_unit d using (year, unit_code) "
        f"where y.year = $year and {condition.format(**rules[kind].model_dump())}"
        for kind, condition in _OF_UNITS.items()
    ]
    parts.append(_GRADES_ALIKE.format(**rules["grades_alike"].model_dump()))
    return " union all ".join(parts)


def contradiction_claims() -> Recomputations:
    """Return how the numbers and names of contradictions are recomputed.

    Scopes are ``kind`` and ``kind/province``.
    """
    found = _recomputed()
    named = (
        f"select c.*, r.short_name from ({found}) as c "
        "join lake.marts.dim_region r using (province_code) "
        "where c.kind = $kind order by r.display_order, c.unit_code"
    )

    def names(evidence: Evidence, kind: str) -> str:
        rows = rows_as_dicts(evidence.con.execute(named, {"year": evidence.year, "kind": kind}))
        return named_subjects(
            [row | {"unit_name": clean(row["unit_name"], UNIT_NAME)} for row in rows]
        )

    return {
        "contradictions": counts(
            "select s, count(*) from (select unnest([kind, kind || '/' || province_code]) as s "
            f"from ({found})) group by 1"
        ),
        "contradictory": names,
        "grades_alike": texts(
            f"select province_code, evidence from ({found}) where kind = 'grades_alike'"
        ),
    }


def contradictions_by_kind(
    marts: Marts, province_code: str = ""
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the kinds that were found with their rows, in display order.

    Args:
        province_code: only those of this province; empty for all.
    """
    chosen = [row for row in marts.contradictions if province_code in ("", row["province_code"])]
    kinds = marts.catalogue.contradictions
    by_kind = ((kind, [row for row in chosen if row["contradiction"] == kind]) for kind in kinds)
    return [(kind, rows) for kind, rows in by_kind if rows]


def named_subjects(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the names of the provinces or units of one kind.

    Args:
        rows: ``short_name``, ``unit_code``, ``unit_name`` and ``evidence``, in the order of print.
    """
    if rows[0]["unit_code"] is None:
        return "、".join(f"{row['short_name']}（{row['evidence']}）" for row in rows)
    if len(rows) <= _UNITS_NAMED:
        return "、".join(row["unit_name"] for row in rows)
    numbers = Counter(row["short_name"] for row in rows)
    if len(numbers) == 1:
        return f"均在{rows[0]['short_name']}"
    most = [each for each in numbers.most_common(_PROVINCES_NAMED) if each[1] > 1]
    if not most:
        return f"分布在{len(numbers)}个省份"
    return "较多的省份是" + "、".join(f"{name}{number}家" for name, number in most)


def contradiction_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table of a province's contradictory units, each with what is found and why."""
    return Table(
        "前后矛盾的单位",
        (Column("单位", 7, "left"), Column("情况", 5, "left"), Column("依据", 6, "left")),
        tuple(
            (
                f"{row['unit_name']}（{row['unit_code']}）",
                row["title_zh"],
                clean(row["evidence"], 80),
            )
            for row in rows
        ),
    )
