{#- The aggregation of indicators (contract, "How indicators aggregate"), shared by the provinces and
    the nation. The macros expect the relations `total` (columns of int_indicator_totals),
    `indicator` (the catalogue) and `code_union` (column codes). -#}

{#- 100 for a ratio in %, 1 for any other (days per person). -#}
{% macro ratio_factor() -%}
    {{ return("case when indicator.unit = '%' then 100 else 1 end") }}
{%- endmacro %}

{% macro aggregated_value() -%}
    case indicator.aggregation
        when 'sum' then cast(total.value_sum as decimal(24, 6))
        when 'count_true' then cast(total.value_sum as decimal(24, 6))
        when 'max' then total.value_max
        when 'mean' then {{ exact_ratio('total.value_sum', 'total.units_counted', 24) }}
        when 'ratio' then
            {{ exact_ratio('total.numerator_sum', 'total.denominator_sum', 24, ratio_factor()) }}
        when 'count_distinct' then cast(code_union.codes as decimal(24, 6))
    end
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
    cast(sum(targeted_weight_sum) as {{ type_wide_integer() }}) as targeted_weight_sum
{%- endmacro %}
