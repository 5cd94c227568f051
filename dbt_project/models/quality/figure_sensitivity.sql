{#- Sensitivity of headline figures: whether the direction of a national total's growth, or the set of
    provinces in the first ranks of targets met, would change in a scenario. Scenarios: warned values
    are left out, late units count, missing units have last year's values. Growth is that of the units
    that count in both years; missing units with last year's values don't change it. Late units stay
    late. `var('headline_places')` is the number of ranks that the bulletins name. -#}
with warned as (
    select distinct
        unit_code,
        document_id,
        indicator_code
    from {{ ref('int_findings') }}
    where
        severity = 'warning'
        and explained_by is null
        and document_id is not null
        and indicator_code is not null
),

late_values as (
    select
        unit_code,
        task_code,
        indicator_code,
        value
    from {{ ref('int_late_values') }}
),

facts as (
    select
        fact.province_code,
        fact.task_code,
        fact.indicator_code,
        fact.value,
        fact.target,
        former.value as former_value,
        late.value as late_value,
        indicator.direction,
        warned.document_id is not null as is_warned,
        not unit.has_reported as is_missing
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    inner join {{ ref('fct_unit_year') }} as unit on fact.unit_code = unit.unit_code
    left join {{ ref('stg_last_year_values') }} as former
        on
            fact.unit_code = former.unit_code
            and fact.indicator_code = former.indicator_code
    left join late_values as late
        on
            fact.unit_code = late.unit_code
            and fact.indicator_code = late.indicator_code
    left join warned
        on
            fact.unit_code = warned.unit_code
            and fact.document_id = warned.document_id
            and fact.indicator_code = warned.indicator_code
    where indicator.is_submitted
),

shifts as (
    select
        'warned_out' as scenario,
        task_code,
        indicator_code,
        -sum(value) as amount,
        -sum(former_value) as former_amount,
        count(*) as units
    from facts
    where is_warned and value is not null and former_value is not null
    group by task_code, indicator_code

    union all

    select
        'late_in' as scenario,
        late.task_code,
        late.indicator_code,
        sum(late.value) as amount,
        sum(former.value) as former_amount,
        count(*) as units
    from late_values as late
    inner join {{ ref('stg_last_year_values') }} as former
        on
            late.unit_code = former.unit_code
            and late.indicator_code = former.indicator_code
    where former.value is not null
    group by late.task_code, late.indicator_code
),

growths as (
    select
        shift.scenario,
        total.task_code,
        total.indicator_code,
        shift.units,
        total.matched_change_rate as present,
        {{ exact_ratio(
            '(total.matched_value + shift.amount)'
            ~ ' - (total.matched_previous_value + shift.former_amount)',
            'total.matched_previous_value + shift.former_amount'
        ) }} as alternative
    from {{ ref('agg_national_indicator') }} as total
    inner join {{ ref('indicators') }} as indicator
        on total.indicator_code = indicator.indicator_code
    inner join shifts as shift
        on
            total.task_code = shift.task_code
            and total.indicator_code = shift.indicator_code
    where
        indicator.aggregation = 'sum'
        and total.task_code <> 'ALL'
        and total.growth_withheld_by is null
),

targets as (
    select
        province_code,
        count(*) as targets_set,
        count(*) filter (where {{ meets_target('value') }}) as targets_met,
        count(*) filter (where is_warned and {{ meets_target('value') }}) as targets_warned,
        count(*) filter (where value is null and {{ meets_target('late_value') }}) as targets_late,
        count(*) filter (where is_missing and {{ meets_target('former_value') }}) as targets_missing
    from facts
    where target is not null
    group by province_code
),

ranked_provinces as (
    select province_code
    from {{ ref('fct_unit_year') }}
    group by province_code
    having count(*) >= {{ var('scorecard_least_units') }}
),

compared as (
    select target.*
    from targets as target
    inner join ranked_provinces on target.province_code = ranked_provinces.province_code
),

rates as (
    select
        'warned_out' as scenario,
        province_code,
        targets_warned as units,
        {{ exact_ratio('targets_met', 'targets_set') }} as present,
        {{ exact_ratio('(targets_met - targets_warned)', 'targets_set') }} as alternative
    from compared

    union all

    select
        'late_in' as scenario,
        province_code,
        targets_late as units,
        {{ exact_ratio('targets_met', 'targets_set') }} as present,
        {{ exact_ratio('(targets_met + targets_late)', 'targets_set') }} as alternative
    from compared

    union all

    select
        'missing_as_last_year' as scenario,
        province_code,
        targets_missing as units,
        {{ exact_ratio('targets_met', 'targets_set') }} as present,
        {{ exact_ratio('(targets_met + targets_missing)', 'targets_set') }} as alternative
    from compared
),

places as (
    select
        scenario,
        province_code,
        units,
        present,
        alternative,
        rank() over (partition by scenario order by present desc nulls last) as place,
        rank() over (partition by scenario order by alternative desc nulls last)
            as alternative_place
    from rates
)

select
    period.year,
    growth.scenario,
    concat_ws(
        '/', 'agg_national_indicator', growth.task_code, growth.indicator_code, 'matched_change_rate'
    ) as figure,
    'matched_change_rate' as measure,
    cast(null as {{ type_text() }}) as province_code,
    growth.task_code,
    growth.indicator_code,
    cast(growth.present as decimal(24, 6)) as present,
    cast(growth.alternative as decimal(24, 6)) as alternative,
    cast(0 as decimal(24, 6)) as reference,
    cast(growth.units as integer) as units,
    coalesce(sign(growth.present) <> sign(growth.alternative), false) as flips
from growths as growth
cross join {{ ref('stg_reporting_period') }} as period

union all

select
    period.year,
    place.scenario,
    concat_ws('/', 'province_scorecard', place.province_code, 'target_met_rate') as figure,
    'target_met_rate' as measure,
    place.province_code,
    cast(null as {{ type_text() }}) as task_code,
    cast(null as {{ type_text() }}) as indicator_code,
    cast(place.present as decimal(24, 6)) as present,
    cast(place.alternative as decimal(24, 6)) as alternative,
    cast(place.place as decimal(24, 6)) as reference,
    cast(place.units as integer) as units,
    (place.place <= {{ var('headline_places') }})
    <> (place.alternative_place <= {{ var('headline_places') }}) as flips
from places as place
cross join {{ ref('stg_reporting_period') }} as period
