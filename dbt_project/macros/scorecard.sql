{#- The measures for the five uses of the results, from summed counts (relation `counted`, columns of
    int_scorecard_counts). The descriptions of province_scorecard say what each is for. -#}
{% macro scorecard_measures() -%}
    {{ exact_ratio('counted.units_reported', 'counted.units_expected') }} as reporting_rate,
    {{ exact_ratio('counted.units_on_time', 'counted.units_expected') }} as on_time_rate,
    {{ exact_ratio('counted.targets_met', 'counted.targets_set') }} as target_met_rate,
    {{ exact_ratio('counted.score_sum', 'counted.units_scored') }} as mean_assessment_score,
    {{ exact_ratio('counted.units_excellent', 'counted.units_assessed') }} as excellent_rate,
    counted.units_national,
    {{ exact_ratio('counted.arrived', 'counted.planned') }} as funding_arrival_rate,
    {{ exact_ratio('counted.from_enterprises', 'counted.received') }} as enterprise_funding_rate,
    {{ exact_ratio('counted.spent', 'counted.spendable') }} as execution_rate,
    {{ exact_ratio('counted.summaries_received', 'counted.summaries_expected') }} as summary_rate,
    {{ exact_ratio('counted.values_excluded', 'counted.values_submitted') }} as excluded_rate,
    {{ exact_ratio('counted.units_watched', 'counted.units_expected') }} as watchlist_rate
{%- endmacro %}

{#- Competition rank (1, 2, 2, 4) of a measure (relation `measured`) among the rows that are ranked
    (`is_ranked`), where 1 is the best; NULL if the measure is NULL or the row is not ranked. -#}
{% macro competition_rank(measure, best='highest') -%}
    case
        when measured.{{ measure }} is not null and measured.is_ranked
            then
                cast(
                    rank() over (
                        partition by measured.is_ranked
                        order by
                            measured.{{ measure }} {{ 'desc' if best == 'highest' else 'asc' }} nulls last
                    ) as integer
                )
    end
{%- endmacro %}
