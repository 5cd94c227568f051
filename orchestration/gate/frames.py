"""The tables that the gate judges, and the queries that name who causes a failure.

Belongs here: SQL over ``marts``, ``quality`` and ``raw`` of one year, with all arithmetic on
published figures exact (DECIMAL, HUGEINT; half up, once). A frame has few rows and a key that is
unique; what is compared to the last digit arrives as text. Doesn't belong here: thresholds
(``expectations``) and wording (``findings``).

Every query takes ``$year``. NULL in a judged column means that there is nothing to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.core.catalogue import load_catalogue

__all__ = ["CULPRITS", "FRAMES", "Frame"]


@dataclass(frozen=True)
class Frame:
    """A table to judge.

    Attributes:
        key: the columns that name a row (unique); empty for the one row of the nation.
        sql: the query; None when the gate is handed the row (freshness).
    """

    key: tuple[str, ...]
    sql: str | None


def _decimal(micro: str) -> str:
    """SQL: a HUGEINT of millionths as DECIMAL(38,6)."""
    return f"cast(cast({micro} as decimal(31,0)) * cast(0.000001 as decimal(7,6)) as decimal(38,6))"


def _millionths(decimal: str) -> str:
    """SQL: a DECIMAL with six places as HUGEINT."""
    return f"cast({decimal} * 1000000 as hugeint)"


def _quotient(numerator: str, denominator: str) -> str:
    """SQL: numerator / denominator as DECIMAL(38,6), half up; NULL when the latter is 0 or NULL.

    Both are non-negative integers (or both counted in millionths).
    """
    num, den = f"cast({numerator} as hugeint)", f"nullif(cast({denominator} as hugeint), 0)"
    return _decimal(f"(2 * {num} * 1000000 + {den}) // (2 * {den})")


def _text(*expressions: str) -> str:
    """SQL: the values side by side as one text, NULLs visible."""
    return (
        "concat_ws(' / ', "
        + ", ".join(f"coalesce(cast({e} as varchar), '—')" for e in expressions)
        + ")"
    )


# -- building blocks (common table expressions) ---------------------------------------------
_FACT = "fact as (select * from marts.fct_unit_indicator where year = $year)"
_UNIT = "unit as (select * from marts.fct_unit_year where year = $year)"
_NAME = "name as (select unit_code, unit_name, status from marts.dim_unit where year = $year)"

#: Every fact with what may be wrong with it.
_FLAGGED = f"""{_FACT}, {_UNIT}, {_NAME}, flagged as (
    select
        f.unit_code, f.province_code, f.task_code, f.indicator_code, f.value, f.exclusion_code,
        row_number() over (
            partition by f.unit_code, f.indicator_code order by f.document_id nulls last
        ) > 1 as duplicate_facts,
        (r.province_code is null or t.task_code is null or i.indicator_code is null
            or (nullif(i.task_code, '') is not null and i.task_code <> f.task_code)
        ) as unknown_codes,
        u.unit_code is null as unexpected_unit_facts,
        coalesce(i.is_submitted and (f.value < i.hard_min or f.value > i.hard_max), false)
            as outside_bounds,
        coalesce(i.value_type in
            ('count', 'person_times', 'person_days', 'year', 'yesno', 'code_list')
            and (f.value < 0 or f.value % 1 <> 0), false) as bad_counts,
        coalesce(f.value is not null and u.document_id is null, false) as values_without_document,
        (coalesce(f.is_excluded, false) and (f.value is not null or f.exclusion_code is null))
            or (not coalesce(f.is_excluded, false) and f.exclusion_code is not null)
            as contradictory_exclusions
    from fact as f
    left join (select distinct unit_code, document_id from unit) as u on u.unit_code = f.unit_code
    left join marts.dim_region as r on r.province_code = f.province_code
    left join marts.dim_task as t on t.task_code = f.task_code
    left join marts.dim_indicator as i on i.indicator_code = f.indicator_code
)"""

#: Every expected unit with what may be wrong with it.
_FLAGGED_UNIT = f"""{_UNIT}, {_NAME}, flagged as (
    select
        u.unit_code, u.province_code, u.task_code, cast(null as varchar) as indicator_code,
        cast(null as decimal(24,6)) as value, cast(null as varchar) as exclusion_code,
        row_number() over (
            partition by u.unit_code order by u.document_id nulls last
        ) > 1 as duplicate_units,
        r.province_code is null or t.task_code is null as unknown_codes,
        u.unit_code is distinct from
            concat_ws('-', u.task_code, u.province_code, split_part(u.unit_code, '-', 3))
            as misfiled_rows,
        (u.is_on_time and not u.has_reported)
            or (u.has_report_file and u.document_id is null)
            or u.indicators_excluded > u.indicators_reported
            or u.targets_met > u.targets_set
            or (u.document_id is null and u.indicators_reported > 0)
            or (u.is_on_time and u.document_id is null)
            or (not u.is_on_time and u.document_id is not null and y.edition = 1)
            or u.is_on_time is null or u.has_reported is null as contradictory_units
    from unit as u
    cross join (select edition from marts.dim_reporting_year where year = $year) as y
    left join marts.dim_region as r on r.province_code = u.province_code
    left join marts.dim_task as t on t.task_code = u.task_code
)"""

_FACT_FLAGS = (
    "duplicate_facts",
    "unknown_codes",
    "unexpected_unit_facts",
    "outside_bounds",
    "bad_counts",
    "values_without_document",
    "contradictory_exclusions",
)
_UNIT_FLAGS = ("duplicate_units", "misfiled_rows", "contradictory_units")


def _facts() -> str:
    fact_sums = ", ".join(f"count(*) filter (where {c}) as {c}" for c in _FACT_FLAGS)
    unit_sums = ", ".join(
        f"count(*) filter (where {c}) as {c}" for c in (*_UNIT_FLAGS, "unknown_codes")
    )
    columns = ", ".join(
        [f"coalesce(f.{c}, 0) as {c}" for c in _FACT_FLAGS if c != "unknown_codes"]
        + [f"coalesce(u.{c}, 0) as {c}" for c in _UNIT_FLAGS]
    )
    return f"""
        with {_FLAGGED},
        flagged_unit as (with {_FLAGGED_UNIT} select * from flagged),
        f as (
            select province_code, task_code, count(*) as facts, {fact_sums}
            from flagged group by province_code, task_code
        ),
        u as (
            select province_code, task_code, count(*) as units, {unit_sums}
            from flagged_unit group by province_code, task_code
        )
        select
            coalesce(f.province_code, u.province_code) as province_code,
            coalesce(f.task_code, u.task_code) as task_code,
            coalesce(f.facts, 0) as facts, coalesce(u.units, 0) as units,
            coalesce(f.unknown_codes, 0) + coalesce(u.unknown_codes, 0) as unknown_codes, {columns}
        from f full join u
            on u.province_code is not distinct from f.province_code
            and u.task_code is not distinct from f.task_code
        order by 1 nulls last, 2 nulls last"""


def _values(key: tuple[str, ...]) -> str:
    keys = ", ".join(f"f.{k}" for k in key)
    group = f"group by {keys} order by {keys}" if key else ""
    return f"""
        with {_FACT}, {_UNIT}
        select
            {keys + "," if key else ""}
            count(distinct f.unit_code) as units_on_time,
            count(*) as submitted,
            count(*) filter (where f.is_excluded) as excluded,
            count(*) filter (where f.is_excluded) / count(*)::double as excluded_share
        from fact as f join marts.dim_indicator as i on i.indicator_code = f.indicator_code
        where i.is_submitted and (f.value is not null or f.is_excluded)
        {group}"""


_RULE_WARNING = f"""{_UNIT}, rule_warning as (
    select distinct e.unit_code, e.code, u.task_code, e.explained_by is not null as is_explained
    from quality.submission_errors as e
    join unit as u on u.unit_code = e.unit_code and u.is_on_time
    where e.year = $year and e.severity = 'warning' and e.code not similar to '[EW][0-9].*'
),
-- A unit has explained itself when it has explained all of its warnings.
warned_unit as (
    select unit_code, bool_and(is_explained) as is_explained from rule_warning group by unit_code
)"""

#: The report file of each unit that reported on time, and whether anything is wrong with it.
_REPORT = f"""{_UNIT}, report as (
    select u.unit_code, u.province_code, bad.document_id is not null as is_unsound
    from unit as u
    left join (
        select distinct document_id from quality.submission_errors
        where year = $year and code similar to 'E4[0-9]{{2}}'
    ) as bad on bad.document_id = u.document_id
    where u.has_report_file
)"""

_OBJECTS = """object as (
    select province_code,
        greatest(coalesce(documents_total, 0), 1) as documents,
        case when status = 'rejected'
            then greatest(coalesce(documents_rejected, 0), 1)
            else coalesce(documents_rejected, 0) end as rejected
    from raw.objects where year = $year
)"""

#: Values 5,000 to 20,000 times (or that part of) the unit's last year: the band of the seeds'
#: unit_scale rules.
_SLIP = f"""{_FACT}, slip as (
    select f.unit_code, f.province_code, f.task_code, f.indicator_code, f.value,
        p.value as previous_value
    from fact as f
    join marts.fct_unit_indicator as p on p.year = $year - 1
        and p.unit_code = f.unit_code and p.indicator_code = f.indicator_code
    join marts.dim_indicator as i on i.indicator_code = f.indicator_code
    where i.value_type = 'amount' and f.value > 0 and p.value > 0
        and (f.value between 5000 * p.value and 20000 * p.value
            or p.value between 5000 * f.value and 20000 * f.value)
)"""

_LOST = """lost as (
    select p.unit_code, p.province_code, p.task_code
    from marts.fct_unit_year as p
    left join marts.fct_unit_year as u on u.year = $year and u.unit_code = p.unit_code
    left join marts.dim_unit as d on d.year = $year and d.unit_code = p.unit_code
    where p.year = $year - 1 and u.unit_code is null and d.status is distinct from 'removed'
)"""


_COUNT_COLUMNS = (
    "units_expected",
    "units_national",
    "units_provincial",
    "units_municipal",
    "units_school",
    "units_reported",
    "units_on_time",
    "targets_set",
    "targets_met",
)
_RATE_COLUMNS = (
    "reporting_rate",
    "on_time_rate",
    "report_file_rate",
    "assessed_rate",
    "target_met_rate",
    "mean_assessment_score",
)


def _tally(key: tuple[str, ...]) -> str:
    """SQL: counts and rates recomputed from the unit rows, by ``key``."""
    keys = "".join(f"{k}, " for k in key)
    group = f"group by {', '.join(key)}" if key else ""
    return f"""
        select {keys}
            count(*) as units_expected,
            count(*) filter (where level = 'national') as units_national,
            count(*) filter (where level = 'provincial') as units_provincial,
            count(*) filter (where level = 'municipal') as units_municipal,
            count(*) filter (where level = 'school') as units_school,
            count(*) filter (where has_reported) as units_reported,
            count(*) filter (where is_on_time) as units_on_time,
            count(*) filter (where has_report_file) as units_with_report,
            count(*) filter (where assessment_score is not null) as units_assessed,
            sum(cast(assessment_score * 1000000 as hugeint)) as score_micro,
            coalesce(sum(targets_set), 0) as targets_set,
            coalesce(sum(targets_met), 0) as targets_met
        from unit {group}"""


def _rates(t: str) -> str:
    """SQL: the text of the rates recomputed from a tally ``t``."""
    of_units = [
        _quotient(f"{t}.{c}", f"{t}.units_expected")
        for c in ("units_reported", "units_on_time", "units_with_report", "units_assessed")
    ]
    met = _quotient(f"{t}.targets_met", f"{t}.targets_set")
    # millionths of a point over millionths of a unit
    score = _quotient(f"{t}.score_micro", f"{t}.units_assessed * 1000000")
    return _text(*of_units, met, score)


_EXTREME_RATE = """case
    when least(a.reporting_rate, a.on_time_rate, a.report_file_rate, a.assessed_rate,
        a.target_met_rate) < 0
    then least(a.reporting_rate, a.on_time_rate, a.report_file_rate, a.assessed_rate,
        a.target_met_rate)
    else greatest(a.reporting_rate, a.on_time_rate, a.report_file_rate, a.assessed_rate,
        a.target_met_rate)
    end::double"""

_COUNT_TEXT = _text(*(f"a.{c}" for c in _COUNT_COLUMNS))
_RATE_TEXT = _text(*(f"a.{c}" for c in _RATE_COLUMNS))
_ZERO_TALLY = _text(*(f"coalesce(n.{c}, 0)" for c in _COUNT_COLUMNS))

_CELLS = f"""
    with {_UNIT}, {_LOST},
    tally as ({_tally(("province_code", "task_code"))}),
    published as (
        select a.*, count(*) over (partition by province_code, task_code) as copies,
            row_number() over (partition by province_code, task_code order by units_expected) as n
        from marts.agg_province_task as a where year = $year
    ),
    before as (
        select province_code, task_code, count(*) as units
        from marts.fct_unit_year where year = $year - 1 group by province_code, task_code
    ),
    gone as (select province_code, task_code, count(*) as units from lost
        group by province_code, task_code)
    select
        r.province_code, t.task_code,
        coalesce(a.copies, 0) as copies,
        {_COUNT_TEXT} as counts_published, {_ZERO_TALLY} as counts_recomputed,
        {_RATE_TEXT} as rates_published, {_rates("n")} as rates_recomputed,
        {_EXTREME_RATE} as extreme_rate,
        coalesce(a.units_expected, 0) as units_expected,
        coalesce(a.units_on_time, 0) as units_on_time,
        coalesce(n.units_assessed, 0) as units_assessed,
        a.on_time_rate::double as on_time_rate,
        a.report_file_rate::double as report_file_rate,
        a.assessed_rate::double as assessed_rate,
        case when a.has_provincial_summary then 0 else 1 end as summary_missing,
        coalesce(b.units, 0) as units_previous,
        coalesce(g.units, 0) as units_lost,
        coalesce(g.units, 0) / nullif(b.units, 0)::double as lost_share
    from marts.dim_region as r cross join marts.dim_task as t
    left join published as a
        on a.province_code = r.province_code and a.task_code = t.task_code and a.n = 1
    left join tally as n on n.province_code = r.province_code and n.task_code = t.task_code
    left join before as b on b.province_code = r.province_code and b.task_code = t.task_code
    left join gone as g on g.province_code = r.province_code and g.task_code = t.task_code
    order by r.display_order, t.display_order"""

_PROVINCES = f"""
    with {_RULE_WARNING}, tally as ({_tally(("province_code",))}),
    warned as (
        select u.province_code, count(*) filter (where not w.is_explained) as units_warned,
            count(*) filter (where w.is_explained) as units_explained
        from warned_unit as w join unit as u on u.unit_code = w.unit_code
        group by u.province_code
    )
    select r.province_code,
        coalesce(n.units_expected, 0) as units_expected,
        coalesce(n.units_on_time, 0) as units_on_time,
        coalesce(n.units_assessed, 0) as units_assessed,
        n.units_on_time / nullif(n.units_expected, 0)::double as on_time_rate,
        n.units_assessed / nullif(n.units_expected, 0)::double as assessed_rate,
        coalesce(w.units_warned, 0) as units_warned,
        coalesce(w.units_explained, 0) as units_explained,
        coalesce(w.units_warned, 0) / nullif(n.units_on_time, 0)::double as warned_share
    from marts.dim_region as r left join tally as n on n.province_code = r.province_code
    left join warned as w on w.province_code = r.province_code
    order by r.display_order"""

#: Figures recomputed from the units' counted values; `scope` holds a province and/or 'ALL' rows.
_MEASURED = f"""{_FACT},
indicator as (select * from marts.dim_indicator),
counted as (
    select unit_code, province_code, task_code, indicator_code, value
    from fact where value is not null
),
part as (
    select c.province_code, c.task_code, c.indicator_code, i.aggregation, c.value,
        c.value as numerator, null as denominator
    from counted as c join indicator as i on i.indicator_code = c.indicator_code
    where i.aggregation not in ('ratio', 'none')
    union all
    select n.province_code, n.task_code, i.indicator_code, i.aggregation, null, n.value, d.value
    from indicator as i
    join counted as n on n.indicator_code = i.numerator
    join counted as d on d.indicator_code = i.denominator and d.unit_code = n.unit_code
    left join fact as x on x.unit_code = n.unit_code and x.indicator_code = i.indicator_code
    where i.aggregation = 'ratio' and not coalesce(x.is_excluded, false)
),
scoped as (
    select * from part
    union all
    select province_code, 'ALL', indicator_code, aggregation, value, numerator, denominator
    from part where indicator_code in
        (select indicator_code from indicator where nullif(task_code, '') is null)
)"""


def _measure(key: str) -> str:
    return f"""
        select {key}task_code, indicator_code, count(*) as units_counted,
            {_millionths("sum(numerator)")} as micro,
            {_millionths("sum(denominator)")} as denominator, max(value) as top,
            count(*) filter (where value = 1) as yes
        from scoped group by {key}task_code, indicator_code"""


def _recomputed(m: str) -> str:
    factor = "case when i.unit = '%' then 100 else 1 end"
    return f"""case i.aggregation
        when 'sum' then {_decimal(f"{m}.micro")}
        when 'count_true' then cast({m}.yes as decimal(38,6))
        when 'max' then cast({m}.top as decimal(38,6))
        when 'mean' then {_quotient(f"{m}.micro", f"{m}.units_counted * 1000000")}
        when 'ratio' then {_quotient(f"{m}.micro * {factor}", f"{m}.denominator")}
    end"""


#: Which movements can be judged: additive figures by unit, means and ratios as they are.
_MOVEMENT = """
        least(a.units_counted, b.units_counted) as units_both,
        case when i.aggregation in ('sum', 'count_true') then b.value::double
            when i.aggregation in ('mean', 'ratio') then b.value::double * b.units_counted
        end as previous_size,
        case when i.aggregation in ('sum', 'count_true', 'mean', 'ratio') and b.value > 0
            then a.value::double / b.value::double end as total_factor,
        case when b.value <= 0 then null
            when i.aggregation in ('sum', 'count_true') then
                (a.value::double / nullif(a.units_counted, 0))
                / (b.value::double / nullif(b.units_counted, 0))
            when i.aggregation in ('mean', 'ratio') then a.value::double / b.value::double
        end as unit_factor,
        coalesce(format('{:,}', cast(round(a.value) as hugeint)), '—') || i.unit as value_text,
        coalesce(format('{:,}', cast(round(b.value) as hugeint)), '—') || i.unit as previous_text"""

_DUE_INDICATORS = """due as (
    select t.task_code, i.indicator_code, i.aggregation, i.unit
    from (select task_code from marts.dim_task union all select 'ALL') as t
    join marts.dim_indicator as i
        on nullif(i.task_code, '') is null or i.task_code = t.task_code
)"""

_FIGURE = _text("a.value", "a.units_counted", "a.units_expected")

_PROVINCE_TOTALS = f"""
    with {_MEASURED}, {_UNIT}, {_DUE_INDICATORS},
    measured as ({_measure("province_code, ")}),
    expected as (
        select province_code, task_code, count(*) as units from unit group by 1, 2
        union all
        select province_code, 'ALL', count(*) from unit group by 1
    ),
    grid as (
        select e.province_code, d.task_code, d.indicator_code, e.units
        from expected as e join due as d on d.task_code = e.task_code
    ),
    published as (
        select a.*, count(*) over (partition by province_code, task_code, indicator_code) as n,
            row_number() over (
                partition by province_code, task_code, indicator_code order by value nulls last
            ) as nth
        from marts.agg_province_indicator as a where year = $year
    ),
    before as (select * from marts.agg_province_indicator where year = $year - 1)
    select
        coalesce(g.province_code, a.province_code) as province_code,
        coalesce(g.task_code, a.task_code) as task_code,
        coalesce(g.indicator_code, a.indicator_code) as indicator_code,
        coalesce(a.n, 0) + case when g.units is null then 1 else 0 end as copies,
        case when i.aggregation in ('count_distinct', 'none')
            then {_text("a.units_counted", "a.units_expected")} else {_FIGURE}
        end as figure_published,
        case when i.aggregation = 'none' then {_text("0", "g.units")}
            when i.aggregation = 'count_distinct'
            then {_text("coalesce(m.units_counted, 0)", "g.units")}
            else {_text(_recomputed("m"), "coalesce(m.units_counted, 0)", "g.units")}
        end as figure_recomputed,
        {_MOVEMENT}
    from grid as g
    full join (select * from published where nth = 1) as a
        on a.province_code = g.province_code and a.task_code = g.task_code
        and a.indicator_code = g.indicator_code
    left join marts.dim_indicator as i
        on i.indicator_code = coalesce(g.indicator_code, a.indicator_code)
    left join measured as m
        on m.province_code = g.province_code and m.task_code = g.task_code
        and m.indicator_code = g.indicator_code
    left join before as b
        on b.province_code = a.province_code and b.task_code = a.task_code
        and b.indicator_code = a.indicator_code
    order by 1, 2, 3"""

#: A union can't be added up from the provinces': it lies between the largest and their sum.
_FROM_PROVINCES = f"""case
        when i.aggregation in ('sum', 'count_true') then {_text("p.total", "p.counted", "p.due")}
        when i.aggregation = 'max' then {_text("p.top", "p.counted", "p.due")}
        when i.aggregation = 'none' then {_text("cast(null as integer)", "0", "p.due")}
        when i.aggregation = 'count_distinct' and (
            (a.value is null and p.total is null) or a.value between p.top and p.total
        ) then {_text("a.value", "p.counted", "p.due")}
        when i.aggregation = 'count_distinct'
            then concat('{{', p.top, '…', p.total, '}} / ', p.counted, ' / ', p.due)
        else {_text(_recomputed("m"), "p.counted", "p.due")}
    end"""

_TOTALS = f"""
    with {_MEASURED}, {_DUE_INDICATORS},
    measured as ({_measure("")}),
    province as (
        select task_code, indicator_code, cast(sum(value) as decimal(38,6)) as total,
            cast(max(value) as decimal(38,6)) as top, sum(units_counted) as counted,
            sum(units_expected) as due
        from marts.agg_province_indicator where year = $year group by 1, 2
    ),
    published as (
        select a.*, count(*) over (partition by task_code, indicator_code) as n,
            row_number() over (
                partition by task_code, indicator_code order by value nulls last
            ) as nth
        from marts.agg_national_indicator as a where year = $year
    ),
    expected as (
        select task_code, units_expected from marts.agg_national_task where year = $year
        union all
        select 'ALL', sum(units_expected) from marts.agg_national_task where year = $year
    ),
    before as (select * from marts.agg_national_indicator where year = $year - 1)
    select
        d.task_code, d.indicator_code,
        coalesce(a.n, case when coalesce(e.units_expected, 0) = 0 then 1 else 0 end) as copies,
        case when a.n is not null then {_FIGURE} end as figure_published,
        case when a.n is not null then {_FROM_PROVINCES} end as figure_from_provinces,
        coalesce(e.units_expected, 0) as units_expected,
        case when i.aggregation <> 'none' then coalesce(a.units_counted, 0) end as units_counted,
        case when i.aggregation = 'sum' and a.value > 0
            then m.top::double / a.value::double end as top_share,
        {_MOVEMENT}
    from due as d
    join marts.dim_indicator as i on i.indicator_code = d.indicator_code
    left join (select * from published where nth = 1) as a
        on a.task_code = d.task_code and a.indicator_code = d.indicator_code
    left join province as p on p.task_code = d.task_code and p.indicator_code = d.indicator_code
    left join measured as m on m.task_code = d.task_code and m.indicator_code = d.indicator_code
    left join expected as e on e.task_code = d.task_code
    left join before as b on b.task_code = d.task_code and b.indicator_code = d.indicator_code
    order by 1, 2"""

_TASKS = f"""
    with {_UNIT},
    tally as ({_tally(("task_code",))}),
    province as (
        select task_code, {", ".join(f"sum({c}) as {c}" for c in _COUNT_COLUMNS)},
            count(*) filter (where has_provincial_summary) as provincial_summaries
        from marts.agg_province_task where year = $year group by task_code
    )
    select t.task_code,
        {_text(*(f"a.{c}" for c in (*_COUNT_COLUMNS, "provincial_summaries")))}
            as counts_published,
        {_text(*(f"p.{c}" for c in (*_COUNT_COLUMNS, "provincial_summaries")))}
            as counts_recomputed,
        {_RATE_TEXT} as rates_published,
        {_rates("n")} as rates_recomputed,
        coalesce(a.units_expected, 0) as units_expected,
        coalesce(a.units_on_time, 0) as units_on_time,
        a.on_time_rate::double as on_time_rate
    from marts.dim_task as t
    left join marts.agg_national_task as a on a.task_code = t.task_code and a.year = $year
    left join tally as n on n.task_code = t.task_code
    left join province as p on p.task_code = t.task_code
    order by t.display_order"""

_NATION = f"""
    with {_UNIT}, {_LOST},
    tally as ({_tally(())}),
    summary as (
        select count(*) filter (where units_expected > 0) as due,
            count(*) filter (
                where units_expected > 0 and not coalesce(has_provincial_summary, false)
            ) as missing
        from marts.agg_province_task where year = $year
    ),
    before as (select count(*) as units from marts.fct_unit_year where year = $year - 1),
    gone as (select count(*) as units from lost),
    watched as (
        select count(distinct w.unit_code) as units
        from marts.unit_watchlist as w join unit as u on u.unit_code = w.unit_code
        where w.year = $year
    )
    select
        n.units_expected, n.units_on_time, n.units_with_report, n.units_assessed,
        n.units_on_time / nullif(n.units_expected, 0)::double as on_time_rate,
        n.units_with_report / nullif(n.units_expected, 0)::double as report_file_rate,
        n.units_assessed / nullif(n.units_expected, 0)::double as assessed_rate,
        s.due as summaries_due, s.missing as summaries_missing,
        s.missing / nullif(s.due, 0)::double as summaries_missing_share,
        b.units as units_previous, g.units as units_lost,
        g.units / nullif(b.units, 0)::double as lost_share,
        w.units as units_watched, w.units / nullif(n.units_expected, 0)::double as watched_share
    from tally as n, summary as s, before as b, gone as g, watched as w"""

_TARGETS = f"""
    with {_UNIT}
    select a.task_code, a.level, coalesce(a.category, '') as category,
        {_text("a.achieved_count", "a.target_count")} as achieved_published,
        {
    _text(
        '''(
            select count(*) from unit as u
            where u.task_code = a.task_code and u.level = a.level
                and (nullif(a.category, '') is null or u.category = a.category)
        )''',
        "a.target_count",
    )
} as achieved_recomputed,
        a.achieved_count, a.target_count,
        a.achieved_count / nullif(a.target_count, 0)::double as progress
    from marts.agg_national_target as a where a.year = $year
    order by 1, 2, 3"""

_COMPLETENESS = """
    select
        (select count(distinct a.province_code) from marts.agg_province_task as a
            join marts.dim_region as r on r.province_code = a.province_code
            where a.year = $year) as provinces,
        (select count(distinct a.task_code) from marts.agg_national_task as a
            join marts.dim_task as t on t.task_code = a.task_code
            where a.year = $year) as tasks,
        (select count(*) from marts.dim_region where province_code not in
            (select province_code from marts.fct_unit_year where year = $year))
            as provinces_without_units,
        (select count(*) from marts.dim_task where task_code not in
            (select task_code from marts.fct_unit_year where year = $year))
            as tasks_without_units"""

_NATION_UNITS = f"""
    with {_RULE_WARNING}
    select count(*) as units_expected,
        count(*) filter (where is_on_time) as units_on_time,
        count(*) filter (where has_reported and not is_on_time) as units_late,
        count(*) filter (where has_reported and not is_on_time) / nullif(count(*), 0)::double
            as late_share,
        (select count(*) from warned_unit where not is_explained) as units_warned,
        (select count(*) from warned_unit where is_explained) as units_explained,
        (select count(*) from warned_unit where not is_explained)
            / nullif(count(*) filter (where is_on_time), 0)::double as warned_share
    from unit"""

_NATION_REPORTS = f"""
    with {_REPORT}
    select count(*) as reports, count(*) filter (where is_unsound) as reports_unsound,
        count(*) filter (where is_unsound) / nullif(count(*), 0)::double as unsound_share
    from report"""

_RULES = f"""
    with {_RULE_WARNING},
    reported as (
        select task_code, count(*) as units from unit where is_on_time group by task_code
    ),
    fired as (
        select code, task_code, count(distinct unit_code) as units
        from rule_warning group by code, task_code
    )
    select f.code as rule_id, cast(sum(f.units) as integer) as units_fired,
        cast(sum(r.units) as integer) as units_judged,
        sum(f.units) / sum(r.units)::double as fired_share
    from fired as f join reported as r on r.task_code = f.task_code
    group by f.code order by f.code"""

_SLIPS = f"""
    with {_SLIP},
    slipped as (
        select indicator_code, count(*) as units,
            sum(abs(value - previous_value))::double as distance
        from slip group by indicator_code
    )
    select f.indicator_code, coalesce(s.units, 0) as slip_units,
        coalesce(s.distance / nullif(sum(f.value)::double, 0), 0) as slip_share
    from fact as f
    join marts.dim_indicator as i on i.indicator_code = f.indicator_code
    left join slipped as s on s.indicator_code = f.indicator_code
    where i.value_type = 'amount' and f.value is not null
    group by f.indicator_code, s.units, s.distance order by f.indicator_code"""


def _scenarios(name: str, comma: str) -> str:
    """The scenarios that turn a headline round, in words."""
    words = " ".join(
        f"when '{row.scenario}' then '{getattr(row, name)}'"
        for row in load_catalogue().scenarios.values()
    )
    said = f"case when flips then case scenario {words} end end"
    return f"string_agg(distinct {said}, '{comma}' order by {said}) as scenarios_{name[-2:]}"


def _firm(*key: str) -> str:
    """How many ways of settling what is open would turn a headline round."""
    listed = ", ".join(key)
    return f"""
        select {listed}, cast(count(*) filter (where flips) as integer) as flips,
            {_scenarios("name_zh", "、")}, {_scenarios("name_en", ", ")}
        from quality.figure_sensitivity where year = $year and {key[0]} is not null
        group by {listed} order by {listed}"""


def _documents(key: str) -> str:
    return f"""
        with {_OBJECTS}
        select {key + ", " if key else ""}
            cast(sum(documents) as integer) as documents,
            cast(sum(rejected) as integer) as rejected,
            sum(rejected) / nullif(sum(documents), 0)::double as rejected_share
        from object {f"group by {key} order by {key}" if key else ""}"""


FRAMES: dict[str, Frame] = {
    "facts": Frame(("province_code", "task_code"), _facts()),
    "nation_values": Frame((), _values(())),
    "cell_values": Frame(("province_code", "task_code"), _values(("province_code", "task_code"))),
    "indicator_values": Frame(("indicator_code",), _values(("indicator_code",))),
    "nation_units": Frame((), _NATION_UNITS),
    "nation_reports": Frame((), _NATION_REPORTS),
    "rules": Frame(("rule_id",), _RULES),
    "nation_documents": Frame((), _documents("")),
    "province_documents": Frame(("province_code",), _documents("province_code")),
    "slips": Frame(("indicator_code",), _SLIPS),
    "cells": Frame(("province_code", "task_code"), _CELLS),
    "provinces": Frame(("province_code",), _PROVINCES),
    "province_totals": Frame(("province_code", "task_code", "indicator_code"), _PROVINCE_TOTALS),
    "completeness": Frame((), _COMPLETENESS),
    "freshness": Frame((), None),
    "nation": Frame((), _NATION),
    "tasks": Frame(("task_code",), _TASKS),
    "totals": Frame(("task_code", "indicator_code"), _TOTALS),
    "targets": Frame(("task_code", "level", "category"), _TARGETS),
    "directions": Frame(("task_code", "indicator_code"), _firm("task_code", "indicator_code")),
    "places": Frame(("province_code",), _firm("province_code")),
}

# -- who causes it --------------------------------------------------------------------------
# Each query gives some columns of the frame's key (named as there) and `label`, a Chinese name
# of a culprit, the weightiest first; the gate matches them to the failing rows.

_LABEL = "coalesce(d.unit_name, '') || '（' || x.unit_code || '）'"


def _units(source: str, key: str, where: str, order: str = "x.unit_code", extra: str = "") -> str:
    return f"""
        select {key}, {_LABEL}{extra} as label
        from {source} as x
        left join marts.dim_unit as d on d.year = $year and d.unit_code = x.unit_code
        where {where} order by {order}"""


def _flag_culprits(flag: str) -> str:
    # A unit-level flag, a fact-level flag, or (unknown codes) both.
    sources = []
    if flag in _FACT_FLAGS:
        sources.append(f"with {_FLAGGED} select * from flagged where {flag}")
    if flag in _UNIT_FLAGS or flag == "unknown_codes":
        sources.append(f"with {_FLAGGED_UNIT} select * from flagged where {flag}")
    rows = " union all ".join(
        f"select unit_code, province_code, task_code, indicator_code, value, exclusion_code "
        f"from ({source})"
        for source in sources
    )
    extra = """ || coalesce(' ' || x.indicator_code, '')
            || coalesce('=' || cast(x.value as varchar), '')"""
    return _units(
        f"({rows})", "x.province_code, x.task_code", "true", "x.unit_code, x.indicator_code", extra
    )


def _movers(key: str, rank: str) -> str:
    columns = ", ".join(f"f.{k}" for k in key.split(", "))
    return f"""
        with {_FACT},
        scoped as (
            select * from fact where value is not null
            union all by name
            select * replace ('ALL' as task_code) from fact
            where value is not null and indicator_code in
                (select indicator_code from marts.dim_indicator where nullif(task_code, '') is null)
        ),
        moved as (
            select {columns}, unnest(min_by(
                {{'unit_code': f.unit_code, 'value': f.value, 'before': p.value, 'rank': {rank}}},
                {{'rank': -({rank}), 'unit_code': f.unit_code}}, 3
            ), recursive := true)
            from scoped as f
            left join marts.fct_unit_indicator as p on p.year = $year - 1
                and p.unit_code = f.unit_code and p.indicator_code = f.indicator_code
            group by {columns}
        )
        select {", ".join(f"x.{k}" for k in key.split(", "))},
            {_LABEL} || '：'
            || coalesce(format('{{:,}}', cast(round(x.before) as hugeint)), '无')
            || '→' || format('{{:,}}', cast(round(x.value) as hugeint)) as label
        from moved as x
        left join marts.dim_unit as d on d.year = $year and d.unit_code = x.unit_code
        order by {", ".join(f"x.{k}" for k in key.split(", "))}, x.rank desc, x.unit_code"""


def _by_province(condition: str, of: str = "unit", key: str = "") -> str:
    """Provinces by how many units fulfil a condition: ``广东 12/480``."""
    columns = f"x.{key}, " if key else ""
    return f"""
        with {_UNIT}, {_LOST}
        select {columns}
            r.short_name || ' ' || count(*) filter (where {condition}) || '/' || count(*) as label
        from {of} as x join marts.dim_region as r on r.province_code = x.province_code
        group by {columns}r.short_name, r.display_order
        having count(*) filter (where {condition}) > 0
        order by {columns}count(*) filter (where {condition}) desc, r.display_order"""


_SILENT_EXTRA = " || case when x.has_reported then '（已迟报）' else '' end"
_MOVE = "abs(f.value - coalesce(p.value, 0))"

CULPRITS: dict[str, str] = {
    **{flag: _flag_culprits(flag) for flag in (*_FACT_FLAGS, *_UNIT_FLAGS)},
    "silent_units": _units(
        "(select * from marts.fct_unit_year where year = $year)",
        "x.province_code, x.task_code",
        "not x.is_on_time",
        extra=_SILENT_EXTRA,
    ),
    "late_units": _units(
        "(select * from marts.fct_unit_year where year = $year)",
        "x.province_code",
        "x.has_reported and not x.is_on_time",
    ),
    "warned_units": f"""
        with {_RULE_WARNING}
        select r.short_name || ' ' || count(*) as label
        from warned_unit as x join unit as u on u.unit_code = x.unit_code
        join marts.dim_region as r on r.province_code = u.province_code
        where not x.is_explained
        group by r.short_name, r.display_order
        order by count(*) desc, r.display_order""",
    "warned_units_of_province": f"""
        with {_RULE_WARNING}, unexplained as (
            select u.province_code, w.unit_code, string_agg(w.code, '、' order by w.code) as codes
            from rule_warning as w join unit as u on u.unit_code = w.unit_code
            where not w.is_explained group by u.province_code, w.unit_code
        )
        {_units("unexplained", "x.province_code", "true", extra=" || ' ' || x.codes")}""",
    "units_with_unsound_reports": f"""
        with {_REPORT}
        select r.short_name || ' ' || count(*) as label
        from report as x join marts.dim_region as r on r.province_code = x.province_code
        where x.is_unsound group by r.short_name, r.display_order
        order by count(*) desc, r.display_order""",
    "silent_by_province": _by_province("not x.is_on_time"),
    "silent_by_province_of_task": _by_province("not x.is_on_time", key="task_code"),
    "unassessed_by_province": _by_province("x.assessment_score is null"),
    "lost_by_province": _by_province("true", of="lost"),
    "lost_units": f"""
        with {_LOST}
        select x.province_code, x.task_code, {_LABEL} as label
        from lost as x
        left join marts.dim_unit as d on d.year = $year - 1 and d.unit_code = x.unit_code
        order by x.unit_code""",
    "excluded_values": f"""
        with {_FACT}
        select x.province_code, x.task_code,
            x.indicator_code || ' ' || i.name_zh || '（' || x.exclusion_code || '）×' || count(*)
                as label
        from fact as x join marts.dim_indicator as i on i.indicator_code = x.indicator_code
        where x.is_excluded and i.is_submitted
        group by x.province_code, x.task_code, x.indicator_code, i.name_zh, x.exclusion_code
        order by count(*) desc, x.indicator_code, x.exclusion_code""",
    "excluded_by_indicator": f"""
        with {_FACT}
        select x.indicator_code || ' ' || i.name_zh || '（' || x.exclusion_code || '）×' || count(*)
            as label
        from fact as x join marts.dim_indicator as i on i.indicator_code = x.indicator_code
        where x.is_excluded and i.is_submitted
        group by x.indicator_code, i.name_zh, x.exclusion_code
        order by count(*) desc, x.indicator_code, x.exclusion_code""",
    "excluded_by_code": f"""
        with {_FACT}
        select x.indicator_code, r.short_name || '（' || x.exclusion_code || '）×' || count(*)
            as label
        from fact as x join marts.dim_region as r on r.province_code = x.province_code
        where x.is_excluded
        group by x.indicator_code, r.short_name, x.exclusion_code, r.display_order
        order by count(*) desc, r.display_order, x.exclusion_code""",
    "reject_codes": """
        select code || '×' || count(*) as label from quality.submission_errors
        where year = $year and severity = 'error' and code similar to 'E[01][0-9]{2}'
        group by code order by count(*) desc, code""",
    "reject_codes_by_province": """
        select province_code, code || '×' || count(*) as label from quality.submission_errors
        where year = $year and severity = 'error' and code similar to 'E[01][0-9]{2}'
        group by province_code, code order by count(*) desc, code""",
    "slips": f"""
        with {_SLIP}
        select x.indicator_code,
            {_LABEL} || '：' || format('{{:,}}', cast(round(x.previous_value) as hugeint))
            || '→' || format('{{:,}}', cast(round(x.value) as hugeint)) as label
        from slip as x
        left join marts.dim_unit as d on d.year = $year and d.unit_code = x.unit_code
        order by abs(x.value - x.previous_value) desc, x.unit_code""",
    "province_movers": _movers("province_code, task_code, indicator_code", _MOVE),
    "national_movers": _movers("task_code, indicator_code", _MOVE),
    "national_tops": _movers("task_code, indicator_code", "f.value"),
    "missing_summaries_by_province": """
        select r.short_name || '缺' || count(*) || '份' as label
        from marts.agg_province_task as x
        join marts.dim_region as r on r.province_code = x.province_code
        where x.year = $year and x.units_expected > 0
            and not coalesce(x.has_provincial_summary, false)
        group by r.short_name, r.display_order order by count(*) desc, r.display_order""",
    "watchlist_reasons": """
        select case reason when 'not_reported' then '未上报'
                when 'targets_missed_two_years' then '连续两年未达目标'
                when 'assessment_failed' then '考核不合格'
                when 'warned' then '已预警' else reason end
            || ' ' || count(distinct x.unit_code) as label
        from marts.unit_watchlist as x
        join marts.fct_unit_year as u on u.year = x.year and u.unit_code = x.unit_code
        where x.year = $year
        group by reason order by count(distinct x.unit_code) desc, reason""",
    "provinces_without_units": """
        select short_name as label from marts.dim_region where province_code not in
            (select province_code from marts.fct_unit_year where year = $year)
        order by display_order""",
    "tasks_without_units": """
        select task_code || ' ' || task_name as label from marts.dim_task where task_code not in
            (select task_code from marts.fct_unit_year where year = $year)
        order by display_order""",
}
