with counted as (
    select
        cast(sum(units_expected) as integer) as units_expected,
        cast(sum(units_national) as integer) as units_national,
        cast(sum(units_reported) as integer) as units_reported,
        cast(sum(units_on_time) as integer) as units_on_time,
        cast(sum(units_assessed) as integer) as units_assessed,
        cast(sum(units_excellent) as integer) as units_excellent,
        cast(sum(units_scored) as integer) as units_scored,
        cast(sum(targets_set) as integer) as targets_set,
        cast(sum(targets_met) as integer) as targets_met,
        cast(sum(values_submitted) as integer) as values_submitted,
        cast(sum(values_excluded) as integer) as values_excluded,
        cast(sum(summaries_expected) as integer) as summaries_expected,
        cast(sum(summaries_received) as integer) as summaries_received,
        cast(sum(units_watched) as integer) as units_watched,
        cast(sum(score_sum) as decimal(38, 6)) as score_sum,
        cast(sum(arrived) as decimal(38, 6)) as arrived,
        cast(sum(planned) as decimal(38, 6)) as planned,
        cast(sum(spent) as decimal(38, 6)) as spent,
        cast(sum(spendable) as decimal(38, 6)) as spendable,
        cast(sum(from_enterprises) as decimal(38, 6)) as from_enterprises,
        cast(sum(received) as decimal(38, 6)) as received
    from {{ ref('int_scorecard_counts') }}
)

select
    period.year,
    counted.units_expected,
    counted.units_reported,
    counted.units_on_time,
    counted.units_watched,
    {{ scorecard_measures() }}
from counted
cross join {{ ref('stg_reporting_period') }} as period
