{#- Sensitivity of headline figures: whether the direction of a national total, or the set of provinces
    in the first ranks, would change in a scenario. Scenarios: warned values are left out, late units
    count, missing units have last year's values. `var('headline_places')` is the number of ranks that
    the bulletins name. -#}
with totals as (
    select
        figure.task_code,
        figure.indicator_code,
        figure.value,
        figure.previous_value
    from {{ ref('agg_national_indicator') }} as figure
    inner join {{ ref('indicators') }} as indicator
        on figure.indicator_code = indicator.indicator_code
    where
        indicator.aggregation = 'sum'
        and figure.task_code <> 'ALL'
        and figure.value is not null
        and figure.previous_value is not null
),

warned as (
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

facts as (
    select
        fact.unit_code,
        fact.province_code,
        fact.task_code,
        fact.indicator_code,
        fact.value,
        warned.document_id is not null as is_warned,
        fact.target is not null as has_target,
        coalesce(
            case
                when indicator.direction = 'lower' then fact.value <= fact.target
                else fact.value >= fact.target
            end,
            false
        ) as is_met
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    left join warned
        on
            fact.unit_code = warned.unit_code
            and fact.document_id = warned.document_id
            and fact.indicator_code = warned.indicator_code
    where indicator.is_submitted
),

late_documents as (
    select
        document.document_key,
        document.unit_code,
        row_number() over (
            partition by document.unit_code
            order by document.sent_at desc, document.document_id desc
        ) as version_rank
    from {{ ref('int_documents') }} as document
    inner join {{ ref('fct_unit_year') }} as unit on document.unit_code = unit.unit_code
    where
        document.document_type = 'performance'
        and document.has_values
        and unit.document_id is null
),

shifts as (
    select
        'warned_out' as scenario,
        task_code,
        indicator_code,
        -sum(value) as amount,
        count(*) as units
    from facts
    where is_warned and value is not null
    group by task_code, indicator_code

    union all

    select
        'late_in' as scenario,
        judged.task_code,
        judged.indicator_code,
        sum(judged.value) as amount,
        count(*) as units
    from late_documents
    inner join {{ ref('int_judged_values') }} as judged
        on late_documents.document_key = judged.document_key
    where late_documents.version_rank = 1 and judged.value is not null
    group by judged.task_code, judged.indicator_code

    union all

    select
        'missing_as_last_year' as scenario,
        unit.task_code,
        former.indicator_code,
        sum(former.value) as amount,
        count(*) as units
    from {{ ref('fct_unit_year') }} as unit
    inner join {{ ref('stg_last_year_values') }} as former
        on unit.unit_code = former.unit_code
    where not unit.has_reported and former.value is not null
    group by unit.task_code, former.indicator_code
),

directions as (
    select
        shift.scenario,
        'value' as measure,
        cast(null as {{ type_text() }}) as province_code,
        total.task_code,
        total.indicator_code,
        total.value as present,
        total.value + shift.amount as alternative,
        total.previous_value as reference,
        shift.units,
        case
            when total.value > total.previous_value then 1
            when total.value < total.previous_value then -1
            else 0
        end
        <> case
            when total.value + shift.amount > total.previous_value then 1
            when total.value + shift.amount < total.previous_value then -1
            else 0
        end as flips
    from totals as total
    inner join shifts as shift
        on
            total.task_code = shift.task_code
            and total.indicator_code = shift.indicator_code
),

reporting as (
    select
        province_code,
        count(*) as units_expected,
        count(*) filter (where is_on_time) as units_on_time,
        count(*) filter (where has_reported) as units_reported,
        count(*) filter (where has_reported and not is_on_time) as units_late
    from {{ ref('fct_unit_year') }}
    group by province_code
    having count(*) >= {{ var('scorecard_least_units') }}
),

targets as (
    select
        province_code,
        count(*) filter (where has_target) as targets_set,
        count(*) filter (where has_target and is_met) as targets_met,
        count(*) filter (where has_target and is_met and is_warned) as targets_warned
    from facts
    where province_code in (select reporting.province_code from reporting)
    group by province_code
),

rates as (
    select
        'late_in' as scenario,
        'on_time_rate' as measure,
        province_code,
        units_late as units,
        {{ exact_ratio('units_on_time', 'units_expected') }} as present,
        {{ exact_ratio('units_reported', 'units_expected') }} as alternative
    from reporting

    union all

    select
        'warned_out' as scenario,
        'target_met_rate' as measure,
        province_code,
        targets_warned as units,
        {{ exact_ratio('targets_met', 'targets_set') }} as present,
        {{ exact_ratio('(targets_met - targets_warned)', 'targets_set') }} as alternative
    from targets
),

places as (
    select
        scenario,
        measure,
        province_code,
        units,
        present,
        alternative,
        rank() over (partition by scenario, measure order by present desc nulls last) as place,
        rank() over (partition by scenario, measure order by alternative desc nulls last)
            as alternative_place
    from rates
)

select
    period.year,
    direction.scenario,
    concat_ws(
        '/', 'agg_national_indicator', direction.task_code, direction.indicator_code, direction.measure
    ) as figure,
    direction.measure,
    direction.province_code,
    direction.task_code,
    direction.indicator_code,
    cast(direction.present as decimal(24, 6)) as present,
    cast(direction.alternative as decimal(24, 6)) as alternative,
    cast(direction.reference as decimal(24, 6)) as reference,
    cast(direction.units as integer) as units,
    direction.flips
from directions as direction
cross join {{ ref('stg_reporting_period') }} as period

union all

select
    period.year,
    place.scenario,
    concat_ws('/', 'province_scorecard', place.province_code, place.measure) as figure,
    place.measure,
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
