"""Handmade marts for the tests of the gate: a small but complete nation, in memory.

Facts come from a formula over the seeds, and this module aggregates them with its own statements.
A test changes facts and calls :func:`aggregate`, or changes an aggregate directly.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
YEAR = 2024
#: Provinces whose cells are large enough to be judged individually.
LARGE = ("110000", "440000")


def build(large: int = 12, small: int = 1) -> duckdb.DuckDBPyConnection:
    """Marts of two years that pass the gate.

    Args:
        large: units in each task of the two large provinces.
        small: units in each task of the other thirty.
    """
    con = duckdb.connect()
    con.execute("set threads to 2")
    for schema in ("marts", "quality", "raw"):
        con.execute(f"create schema {schema}")
    for table, seed in (
        ("dim_region", "regions"),
        ("dim_task", "tasks"),
        ("dim_indicator", "indicators"),
        ("dim_task_target", "task_targets"),
    ):
        con.execute(
            f"create table marts.{table} as from read_csv('{SEEDS / (seed + '.csv')}', "
            "header = true, all_varchar = true)"
        )
    con.execute(
        "alter table marts.dim_indicator alter hard_min type decimal(24,6);"
        "alter table marts.dim_indicator alter hard_max type decimal(24,6);"
        "alter table marts.dim_indicator alter is_submitted type boolean;"
        "alter table marts.dim_region alter display_order type integer;"
        "alter table marts.dim_task alter display_order type integer;"
        "alter table marts.dim_task_target alter target_count type integer"
    )
    con.execute(
        """
        create table marts.dim_reporting_year as
        select unnest([$year - 1, $year])::integer as year, 1 as edition, true as is_synthetic;

        create table marts.dim_unit as
        select y.year, concat_ws('-', t.task_code, r.province_code, lpad(k::varchar, 4, '0'))
                as unit_code,
            r.short_name || t.task_code || '单位' || k as unit_name, t.task_code, r.province_code,
            case when k % 3 = 0 then 'national' else 'provincial' end as level,
            cast(null as varchar) as category,
            'recommended' as status, true as is_expected, true as is_synthetic
        from marts.dim_reporting_year as y, marts.dim_region as r, marts.dim_task as t,
            range(1, 1 + case when r.province_code in ('110000', '440000')
                then $large else $small end) as n(k);

        create table marts.fct_unit_indicator as
        select u.year, u.unit_code, u.task_code, u.province_code, i.indicator_code,
            cast(case
                when not i.is_submitted then null
                when i.value_type = 'yesno' then 1
                when i.value_type = 'year' then 2020
                else least(i.hard_max, greatest(coalesce(i.hard_min, 0),
                    300 + hash(u.unit_code || i.indicator_code) % 200 + (u.year - $year) * 20))
            end as decimal(24,6)) as value,
            cast(null as decimal(24,6)) as target, cast(null as decimal(18,6)) as attainment,
            false as is_excluded, cast(null as varchar) as exclusion_code,
            'd-' || u.year || u.unit_code as document_id
        from marts.dim_unit as u join marts.dim_indicator as i
            on i.task_code is null or i.task_code = u.task_code;

        create table marts.fct_unit_year as
        select year, unit_code, task_code, province_code, level, category, true as has_reported,
            true as is_on_time, true as has_report_file,
            cast(80 + hash(unit_code) % 20 as decimal(9,6)) as assessment_score,
            'good' as assessment_grade, 20 as indicators_required, 20 as indicators_reported,
            0 as indicators_excluded, 3 as targets_set, 2 as targets_met, unit_code as document_id
        from marts.dim_unit;

        create table marts.unit_watchlist
            (year integer, unit_code varchar, reason varchar);
        create table marts.summary as
        select year, province_code, task_code from marts.dim_reporting_year, marts.dim_region,
            marts.dim_task;
        create table quality.submission_errors (year integer, province_code varchar,
            object_key varchar, document_id varchar, unit_code varchar, indicator_code varchar,
            code varchar, severity varchar, location varchar, message_zh varchar,
            message_en varchar, explained_by varchar, etag varchar);
        create table quality.returned_documents (year integer, province_code varchar,
            unit_code varchar, document_type varchar, document_id varchar, reason varchar,
            state varchar);
        create table quality.confirmations as
        select year, province_code, task_code, 'confirmed' as state from marts.dim_reporting_year,
            marts.dim_region, marts.dim_task;
        create table quality.figure_sensitivity (year integer, scenario varchar, measure varchar,
            province_code varchar, task_code varchar, indicator_code varchar, flips boolean);
        create table quality.contradictions (year integer, contradiction varchar, subject varchar,
            province_code varchar, unit_code varchar, title_zh varchar);
        create table raw.objects as
        select year, province_code, 'performance' as document_type, province_code as object_key,
            'e' as etag, 'accepted' as status, 100 as documents_total, 0 as documents_rejected
        from marts.dim_reporting_year, marts.dim_region;
        create table raw.gone_objects (year integer, object_key varchar, etag varchar);
        """.replace("$year", str(YEAR))
        .replace("$large", str(large))
        .replace("$small", str(small))
    )
    for each in DOCUMENT_TYPES.values():
        con.execute(
            f"create table raw.{each.raw_table} as select year, province_code, "
            "false as synthetic from marts.dim_reporting_year, marts.dim_region"
        )
    con.execute(
        "create macro exact(num, den) as "
        "cast(cast((2 * num::hugeint * 1000000 + nullif(den, 0)::hugeint) "
        "// (2 * nullif(den, 0)::hugeint) as decimal(24,0)) * 0.000001::decimal(7,6) "
        "as decimal(24,6))"
    )
    aggregate(con)
    return con


def aggregate(con: duckdb.DuckDBPyConnection) -> None:
    """Compute all aggregates from the facts again."""
    con.execute(
        """
        create or replace temp view scoped as
        select * from marts.fct_unit_indicator
        union all
        select * replace ('ALL' as task_code) from marts.fct_unit_indicator
        where indicator_code like 'C_%' escape '!' and indicator_code[1:2] = 'C_';

        create or replace temp view both_parts as
        select n.year, n.unit_code, n.province_code, n.task_code, i.indicator_code, i.unit,
            n.value * 1000000 as num, d.value * 1000000 as den
        from marts.dim_indicator as i
        join scoped as n on n.indicator_code = i.numerator
        join scoped as d on d.indicator_code = i.denominator and d.year = n.year
            and d.unit_code = n.unit_code and d.task_code = n.task_code
        where n.value is not null and d.value is not null and i.aggregation = 'ratio';

        create or replace temp macro matched(aggregation, unit, num, den, units) as
        cast(case aggregation
            when 'mean' then exact(cast(num * 1000000 as hugeint), units * 1000000)
            when 'ratio' then exact(cast(num as hugeint) * case when unit = '%'
                then 100 else 1 end, cast(den as hugeint))
            else num end as decimal(24,6))
        """
    )
    incomparable = ", ".join(f"'{code}'" for code in load_catalogue().incomparable)
    for table, key in (
        ("agg_province_indicator", "province_code, "),
        ("agg_national_indicator", ""),
    ):
        con.execute(
            f"""
            create or replace table marts.{table} as
            with measured as (
                select f.year, {key} f.task_code, f.indicator_code, i.aggregation,
                    count(f.value) as units_counted, count(distinct f.unit_code) as units_expected,
                    case i.aggregation when 'sum' then sum(f.value)
                        when 'count_true' then sum(f.value)
                        when 'max' then max(f.value) when 'count_distinct' then max(f.value)
                        when 'mean' then
                            exact(cast(sum(f.value) * 1000000 as hugeint), count(f.value) * 1000000)
                    end as value
                from scoped as f join marts.dim_indicator as i using (indicator_code)
                group by f.year, {key} f.task_code, f.indicator_code, i.aggregation
            ), ratio as (
                select year, {key} task_code, indicator_code, count(*) as n,
                    exact(cast(sum(num) as hugeint) * case when any_value(unit) = '%'
                        then 100 else 1 end, cast(sum(den) as hugeint)) as value
                from both_parts group by year, {key} task_code, indicator_code
            ), figure as (
                select m.year, {key.replace("province", "m.province")} m.task_code,
                    m.indicator_code,
                    cast(case when m.aggregation = 'ratio' then r.value
                        when m.aggregation <> 'none' then m.value end as decimal(24,6)) as value,
                    m.units_expected,
                    case when m.aggregation = 'none' then 0
                        when m.aggregation = 'ratio' then coalesce(r.n, 0)
                        else m.units_counted end as units_counted
                from measured as m left join ratio as r on r.year = m.year
                    {"and r.province_code = m.province_code" if key else ""}
                    and r.task_code = m.task_code and r.indicator_code = m.indicator_code
            ), part as (
                select year, {key} unit_code, task_code, indicator_code, value as num, null as den
                from scoped join (select indicator_code, aggregation from marts.dim_indicator) as i
                    using (indicator_code)
                where i.aggregation in ('sum', 'count_true', 'mean') and value is not null
                union all
                select year, {key} unit_code, task_code, indicator_code, num, den from both_parts
            ), matched as (
                select c.year, {key.replace("province", "c.province")} c.task_code,
                    c.indicator_code, count(*) as matched_units, sum(c.num) as num,
                    sum(c.den) as den, sum(p.num) as num_before, sum(p.den) as den_before
                from part as c join part as p on p.year = c.year - 1
                    and p.unit_code = c.unit_code and p.task_code = c.task_code
                    and p.indicator_code = c.indicator_code
                group by all
            ), growth as (
                select m.* exclude (num, den, num_before, den_before),
                    matched(i.aggregation, i.unit, num, den, matched_units) as matched_value,
                    matched(i.aggregation, i.unit, num_before, den_before, matched_units)
                        as matched_previous_value
                from matched as m join marts.dim_indicator as i using (indicator_code)
            )
            select f.*, p.value as previous_value, p.units_counted as previous_units_counted,
                g.matched_units, g.matched_value, g.matched_previous_value,
                cast(round(cast(matched_value as double) / nullif(matched_previous_value, 0) - 1, 6)
                    as decimal(18,6)) as matched_change_rate,
                case when coalesce(g.matched_previous_value, 0) = 0 then 'no_matched_value'
                    when f.indicator_code in ({incomparable}) then 'incomparable'
                    when g.matched_units < 3 then 'least_matched_units'
                    when g.matched_units < 0.6 * f.units_counted then 'least_matched_share'
                end as growth_withheld_by
            from figure as f
            left join figure as p on p.year = f.year - 1
                {"and p.province_code = f.province_code" if key else ""}
                and p.task_code = f.task_code and p.indicator_code = f.indicator_code
            left join growth as g on g.year = f.year
                {"and g.province_code = f.province_code" if key else ""}
                and g.task_code = f.task_code and g.indicator_code = f.indicator_code
            """
        )
    for table, key in (("agg_province_task", "province_code, "), ("agg_national_task", "")):
        grid = "select * from marts.dim_reporting_year, (select task_code from marts.dim_task)"
        grid += ", (select province_code from marts.dim_region)" if key else ""
        con.execute(
            f"""
            create or replace table marts.{table} as
            with tally as (
                select year, {key} task_code, count(*)::integer as units_expected,
                    count_if(level = 'national') as units_national,
                    count_if(level = 'provincial') as units_provincial,
                    count_if(level = 'municipal') as units_municipal,
                    count_if(level = 'school') as units_school,
                    count_if(has_reported) as units_reported,
                    count_if(is_on_time) as units_on_time,
                    count_if(has_report_file) as files, count(assessment_score) as scores,
                    sum(assessment_score * 1000000) as points,
                    sum(targets_set) as targets_set, sum(targets_met) as targets_met
                from marts.fct_unit_year group by all
            ), summary as (
                select year, {key} task_code, count(*) as summaries from marts.summary group by all
            )
            select y.year, {"y.province_code," if key else ""} y.task_code,
                coalesce(n.units_expected, 0) as units_expected,
                coalesce(n.units_national, 0) as units_national,
                coalesce(n.units_provincial, 0) as units_provincial,
                coalesce(n.units_municipal, 0) as units_municipal,
                coalesce(n.units_school, 0) as units_school,
                coalesce(n.units_reported, 0) as units_reported,
                coalesce(n.units_on_time, 0) as units_on_time,
                cast(exact(n.units_reported, n.units_expected) as decimal(18,6)) as reporting_rate,
                cast(exact(n.units_on_time, n.units_expected) as decimal(18,6)) as on_time_rate,
                cast(exact(n.files, n.units_expected) as decimal(18,6)) as report_file_rate,
                cast(exact(n.scores, n.units_expected) as decimal(18,6)) as assessed_rate,
                cast(exact(cast(n.points as hugeint), n.scores * 1000000) as decimal(18,6))
                    as mean_assessment_score,
                coalesce(n.targets_set, 0) as targets_set,
                coalesce(n.targets_met, 0) as targets_met,
                cast(exact(n.targets_met, n.targets_set) as decimal(18,6)) as target_met_rate,
                coalesce(s.summaries, 0) {"> 0" if key else "= 32"} as has_provincial_summary
                {"" if key else ", coalesce(s.summaries, 0) as provincial_summaries"}
            from ({grid}) as y
            left join tally as n on n.year = y.year and n.task_code = y.task_code
                {"and n.province_code = y.province_code" if key else ""}
            left join summary as s on s.year = y.year and s.task_code = y.task_code
                {"and s.province_code = y.province_code" if key else ""}
            """
        )
    con.execute(
        """
        create or replace table marts.agg_national_target as
        select y.year, t.task_code, t.level, t.category, t.target_count,
            (select count(*) from marts.fct_unit_year as u where u.year = y.year
                and u.task_code = t.task_code and u.level = t.level
                and (t.category is null or u.category = t.category)) as achieved_count
        from marts.dim_reporting_year as y, marts.dim_task_target as t
        """
    )
