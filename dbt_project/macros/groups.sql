{#- The aggregates of the units of a level, category or city, by the catalogue's methods.

    `kinds`: the column of int_units that each kind of group takes its code from.
    `grain`: the columns that a group is counted within, besides the task. -#}
{% macro group_figures(kinds, grain) -%}
{%- set key = grain + ['task_code', 'group_kind', 'group_code'] -%}
with members as (
    {%- for kind, column in kinds.items() %}
    {{ 'union all' if not loop.first }}
    select
        unit_code,
        province_code,
        task_code,
        '{{ kind }}' as group_kind,
        {{ column }} as group_code
    from {{ ref('int_units') }}
    where is_expected and {{ column }} is not null
    {%- endfor %}
),

expected as (
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        cast(count(*) as integer) as units_expected
    from members
    group by {{ key | join(', ') }}
),

facts as (
    select
        {%- for column in key %}
        members.{{ column }},
        {%- endfor %}
        fact.indicator_code,
        fact.is_excluded,
        fact.value,
        ratio.numerator,
        ratio.denominator,
        case indicator.aggregation
            when 'ratio' then ratio.numerator is not null
            when 'none' then false
            else fact.value is not null
        end as is_counted
    from members
    inner join {{ ref('fct_unit_indicator') }} as fact on members.unit_code = fact.unit_code
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    left join {{ ref('int_unit_ratios') }} as ratio
        on
            fact.unit_code = ratio.unit_code
            and fact.indicator_code = ratio.indicator_code
),

totals as (
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        indicator_code,
        cast(count(*) filter (where is_counted) as integer) as units_counted,
        cast(count(*) filter (where is_excluded) as integer) as units_excluded,
        cast(sum(value) filter (where is_counted) as decimal(38, 6)) as value_sum,
        max(value) filter (where is_counted) as value_max,
        cast(sum(numerator) filter (where is_counted) as decimal(38, 6)) as numerator_sum,
        cast(sum(denominator) filter (where is_counted) as decimal(38, 6)) as denominator_sum
    from facts
    group by {{ key | join(', ') }}, indicator_code
),

code_unions as (
    select
        {%- for column in key %}
        members.{{ column }},
        {%- endfor %}
        fact.indicator_code,
        count(distinct code.code) as codes
    from members
    inner join {{ ref('fct_unit_indicator') }} as fact on members.unit_code = fact.unit_code
    inner join {{ ref('int_unit_codes') }} as code
        on
            code.document_key = {{ document_key("'performance'", 'fact.') }}
            and fact.indicator_code = code.indicator_code
    where fact.value is not null
    group by
        {%- for column in key %}
        members.{{ column }},
        {%- endfor %}
        fact.indicator_code
)

select
    period.year,
    {%- for column in key %}
    expected.{{ column }},
    {%- endfor %}
    coalesce(level.name_zh, category.name_zh, expected.group_code) as group_name,
    indicator.indicator_code,
    cast({{ aggregated_value() }} as decimal(24, 6)) as value,
    expected.units_expected,
    coalesce(total.units_counted, 0) as units_counted,
    coalesce(total.units_excluded, 0) as units_excluded
from expected
cross join {{ ref('stg_reporting_period') }} as period
inner join {{ ref('indicators') }} as indicator
    on coalesce(indicator.task_code, expected.task_code) = expected.task_code
left join {{ ref('dim_level') }} as level
    on expected.group_kind = 'level' and expected.group_code = level.level
left join {{ ref('dim_category') }} as category
    on
        expected.group_kind = 'category'
        and expected.task_code = category.task_code
        and expected.group_code = category.category
left join totals as total
    on
        {%- for column in key %}
        expected.{{ column }} = total.{{ column }} and
        {%- endfor %}
        indicator.indicator_code = total.indicator_code
left join code_unions as code_union
    on
        {%- for column in key %}
        expected.{{ column }} = code_union.{{ column }} and
        {%- endfor %}
        indicator.indicator_code = code_union.indicator_code
{%- endmacro %}
