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
    (`is_ranked`), where 1 is the best; NULL if the measure is NULL or the row is not ranked. The
    measure is rounded as it is printed, so that equal texts have equal ranks.

    `places`: of the measure as printed; 4 for rates, which are printed as percentages with two.
    `within`: a column within whose values the ranks are counted. -#}
{% macro competition_rank(measure, best='highest', places=4, within=none) -%}
    case
        when measured.{{ measure }} is not null and measured.is_ranked
            then
                cast(
                    rank() over (
                        partition by {{ 'measured.' ~ within ~ ', ' if within }}measured.is_ranked
                        order by
                            round(measured.{{ measure }}, {{ places }})
                            {{ 'desc' if best == 'highest' else 'asc' }} nulls last
                    ) as integer
                )
    end
{%- endmacro %}

{#- Group of a rate part / whole (relation `measured`) within a task, among ranked rows: `front` or
    `rear` if the rate is higher or lower than the nation's by more than chance explains, else
    `middle`; NULL if the rate is NULL or the row is not ranked.

    The score interval (Wilson 1927) of the rate x / m over n units leaves out the nation's rate K / N
    where n (xN - mK)^2 > z^2 m^2 K (N - K); so no root is taken and the comparison is exact. n is the
    number of units also for targets, because those of one unit are not independent. -#}
{% macro group_by_interval(part, whole) -%}
    {%- set wide = type_wide_integer() -%}
    {%- set x = 'cast(measured.' ~ part ~ ' as ' ~ wide ~ ')' -%}
    {%- set m = 'cast(measured.' ~ whole ~ ' as ' ~ wide ~ ')' -%}
    {%- set k = 'cast(nation.' ~ part ~ ' as ' ~ wide ~ ')' -%}
    {%- set n = 'cast(nation.' ~ whole ~ ' as ' ~ wide ~ ')' -%}
    {%- set gap = '(' ~ x ~ ' * ' ~ n ~ ' - ' ~ m ~ ' * ' ~ k ~ ')' -%}
    {%- set z = 'cast(rules.chance_deviations * 1000 as ' ~ wide ~ ')' -%}
    case
        when measured.is_ranked and measured.{{ whole }} > 0
            then
                case
                    when
                        {{ gap }} * {{ gap }} * measured.units_expected * 1000000
                        <= {{ z }} * {{ z }} * {{ m }} * {{ m }} * {{ k }} * ({{ n }} - {{ k }})
                        then 'middle'
                    when {{ gap }} > 0 then 'front'
                    else 'rear'
                end
    end
{%- endmacro %}
