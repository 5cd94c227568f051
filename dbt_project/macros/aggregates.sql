{#- The aggregation of indicators (contract, "How indicators aggregate"), shared by the provinces and
    the nation. The macros expect the relations `total` (columns of int_indicator_totals),
    `indicator` (the catalogue) and `code_union` (column codes). -#}

{#- 100 for a ratio in %, 1 for any other (days per person). -#}
{% macro ratio_factor() -%}
    {{ return("case when indicator.unit = '%' then 100 else 1 end") }}
{%- endmacro %}

{#- The aggregate of all counted units; with a prefix, of a part of them (`targeted_`: those with a
    target), this year or the year before (`matched_`, `matched_previous_`: those that count in both
    years). Maxima have no matched aggregate, distinct counts have that of all units alone. -#}
{% macro aggregated_value(prefix='', units='units_counted') -%}
    case indicator.aggregation
        when 'sum' then cast(total.{{ prefix }}value_sum as decimal(24, 6))
        when 'count_true' then cast(total.{{ prefix }}value_sum as decimal(24, 6))
        {%- if not prefix.startswith('matched_') %}
        when 'max' then total.{{ prefix }}value_max
        {%- endif %}
        when 'mean' then {{ exact_ratio('total.' ~ prefix ~ 'value_sum', 'total.' ~ units, 24) }}
        when 'ratio' then
            {{ exact_ratio(
                'total.' ~ prefix ~ 'numerator_sum',
                'total.' ~ prefix ~ 'denominator_sum',
                24,
                ratio_factor()
            ) }}
        {%- if not prefix %}
        when 'count_distinct' then cast(code_union.codes as decimal(24, 6))
        {%- endif %}
    end
{%- endmacro %}

{#- All that is aggregated from the sums of a province or of the nation. -#}
{% macro aggregated_figures() -%}
    coalesce(total.units_counted, 0) as units_counted,
    coalesce(total.units_excluded, 0) as units_excluded,
    {{ aggregated_value() }} as value,
    {{ aggregated_target() }} as target,
    {{ aggregated_value('targeted_', 'units_targeted') }} as value_with_target,
    coalesce(total.units_targeted, 0) as units_with_target,
    {{ aggregated_attainment() }} as attainment,
    indicator.unit,
    case
        when indicator.aggregation not in ('max', 'count_distinct')
            then coalesce(total.matched_units, 0)
    end as matched_units,
    {{ aggregated_value('matched_', 'matched_units') }} as matched_value,
    {{ aggregated_value('matched_previous_', 'matched_units') }} as matched_previous_value
{%- endmacro %}

{#- The published columns (relation `aggregated`, see aggregated_figures), compared with the row of
    the year before (relation `previous`) and judged by the rules of the seeds (relations `rules`,
    see aggregate_rules, `incomparable` and `series_break`). -#}
{% macro published_figures() -%}
    aggregated.value,
    aggregated.target,
    aggregated.value_with_target,
    aggregated.units_with_target,
    aggregated.attainment,
    aggregated.units_expected,
    aggregated.units_counted,
    previous.value as previous_value,
    previous.units_counted as previous_units_counted,
    {{ exact_ratio('aggregated.value - previous.value', 'previous.value') }} as change_rate,
    aggregated.matched_units,
    aggregated.matched_value,
    aggregated.matched_previous_value,
    {{ exact_ratio(
        'aggregated.matched_value - aggregated.matched_previous_value',
        'aggregated.matched_previous_value'
    ) }} as matched_change_rate,
    cast(
        case
            when aggregated.unit = '%'
                then aggregated.matched_value - aggregated.matched_previous_value
        end as decimal(24, 6)
    ) as matched_change_points,
    case
        when incomparable.indicator_code is not null then 'incomparable'
        when series_break.indicator_code is not null then 'series_break'
        when
            aggregated.matched_previous_value is null
            or (aggregated.matched_previous_value = 0 and aggregated.unit <> '%')
            then 'no_matched_value'
        when aggregated.matched_units < rules.least_matched_units then 'least_matched_units'
        when aggregated.matched_units < rules.least_matched_share * aggregated.units_counted
            then 'least_matched_share'
    end as growth_withheld_by,
    case
        when aggregated.value is null then rules.no_value_status
        when aggregated.units_counted < rules.few_units then rules.few_units_status
        when aggregated.units_counted < rules.low_coverage * aggregated.units_expected
            then rules.low_coverage_status
        when
            previous.value is not null
            and (
                series_break.indicator_code is not null
                or aggregated.matched_units < rules.broken_series * aggregated.units_counted
            )
            then rules.broken_series_status
        when
            period.edition = 1
            and aggregated.units_counted < rules.provisional * aggregated.units_expected
            then rules.provisional_status
        else rules.normal_status
    end as observation_status,
    aggregated.units_excluded,
    aggregated.task_code = 'ALL' as is_total
{%- endmacro %}

{#- The thresholds of observation_rules.csv (also with the status that each rule sets) and of
    comparison_rules.csv, as one row with a column for each. -#}
{% macro aggregate_rules() -%}
    select
        {%- for rule in [
            'no_value', 'few_units', 'low_coverage', 'broken_series', 'provisional', 'normal'
        ] %}
        max(case when rule = '{{ rule }}' then threshold end) as {{ rule }},
        max(case when rule = '{{ rule }}' then observation_status end) as {{ rule }}_status,
        {%- endfor %}
        max(case when rule = 'least_matched_units' then threshold end) as least_matched_units,
        max(case when rule = 'least_matched_share' then threshold end) as least_matched_share,
        max(case when rule = 'chance_deviations' then threshold end) as chance_deviations
    from (
        select
            rule,
            threshold,
            observation_status
        from {{ ref('observation_rules') }}
        union all
        select
            rule,
            threshold,
            cast(null as {{ type_text() }}) as observation_status
        from {{ ref('comparison_rules') }}
    ) as listed
{%- endmacro %}

{#- The aggregated target of units that have both a value and a target. -#}
{% macro aggregated_target() -%}
    case indicator.aggregation
        when 'sum' then cast(total.targeted_target_sum as decimal(24, 6))
        when 'count_true' then cast(total.targeted_target_sum as decimal(24, 6))
        when 'max' then total.targeted_target_max
        when 'mean' then {{ exact_ratio('total.targeted_target_sum', 'total.units_targeted', 24) }}
        when 'ratio' then
            {{ rounded_quotient(
                'total.targeted_weight_sum', millionths('total.targeted_denominator_sum'), 24, shift=0
            ) }}
    end
{%- endmacro %}

{#- Computed from the sums, not from the rounded value and target, so that it is rounded only once. -#}
{% macro aggregated_attainment() -%}
    case indicator.aggregation
        when 'max' then {{ exact_ratio('total.targeted_value_max', 'total.targeted_target_max') }}
        when 'ratio' then
            {{ rounded_quotient(
                millionths('total.targeted_numerator_sum') ~ ' * 1000000 * (' ~ ratio_factor() ~ ')',
                'total.targeted_weight_sum'
            ) }}
        when 'sum' then {{ exact_ratio('total.targeted_value_sum', 'total.targeted_target_sum') }}
        when 'count_true' then
            {{ exact_ratio('total.targeted_value_sum', 'total.targeted_target_sum') }}
        when 'mean' then {{ exact_ratio('total.targeted_value_sum', 'total.targeted_target_sum') }}
    end
{%- endmacro %}

{#- The columns of int_indicator_totals, summed over a coarser grain. -#}
{% macro sum_indicator_totals() -%}
    cast(sum(units_counted) as integer) as units_counted,
    cast(sum(units_excluded) as integer) as units_excluded,
    cast(sum(units_targeted) as integer) as units_targeted,
    cast(sum(value_sum) as decimal(38, 6)) as value_sum,
    max(value_max) as value_max,
    cast(sum(numerator_sum) as decimal(38, 6)) as numerator_sum,
    cast(sum(denominator_sum) as decimal(38, 6)) as denominator_sum,
    cast(sum(targeted_value_sum) as decimal(38, 6)) as targeted_value_sum,
    max(targeted_value_max) as targeted_value_max,
    cast(sum(targeted_target_sum) as decimal(38, 6)) as targeted_target_sum,
    max(targeted_target_max) as targeted_target_max,
    cast(sum(targeted_numerator_sum) as decimal(38, 6)) as targeted_numerator_sum,
    cast(sum(targeted_denominator_sum) as decimal(38, 6)) as targeted_denominator_sum,
    cast(sum(targeted_weight_sum) as {{ type_wide_integer() }}) as targeted_weight_sum,
    cast(sum(matched_units) as integer) as matched_units,
    cast(sum(matched_value_sum) as decimal(38, 6)) as matched_value_sum,
    cast(sum(matched_numerator_sum) as decimal(38, 6)) as matched_numerator_sum,
    cast(sum(matched_denominator_sum) as decimal(38, 6)) as matched_denominator_sum,
    cast(sum(matched_previous_value_sum) as decimal(38, 6)) as matched_previous_value_sum,
    cast(sum(matched_previous_numerator_sum) as decimal(38, 6)) as matched_previous_numerator_sum,
    cast(sum(matched_previous_denominator_sum) as decimal(38, 6)) as matched_previous_denominator_sum
{%- endmacro %}
