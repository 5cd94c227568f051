with measured as (
    select
        counted.province_code,
        counted.units_expected,
        counted.units_reported,
        counted.units_on_time,
        counted.units_watched,
        counted.units_expected >= {{ var('scorecard_least_units') }} as is_ranked,
        {{ scorecard_measures() }}
    from {{ ref('int_scorecard_counts') }} as counted
)

select
    period.year,
    measured.province_code,
    measured.units_expected,
    measured.units_reported,
    measured.units_on_time,
    measured.units_watched,
    measured.is_ranked,
    measured.reporting_rate,
    {{ competition_rank('reporting_rate') }} as reporting_rate_rank,
    measured.on_time_rate,
    {{ competition_rank('on_time_rate') }} as on_time_rate_rank,
    measured.target_met_rate,
    {{ competition_rank('target_met_rate') }} as target_met_rate_rank,
    measured.mean_assessment_score,
    {{ competition_rank('mean_assessment_score', places=2) }} as mean_assessment_score_rank,
    measured.excellent_rate,
    {{ competition_rank('excellent_rate') }} as excellent_rate_rank,
    measured.units_national,
    {{ competition_rank('units_national') }} as units_national_rank,
    measured.funding_arrival_rate,
    {{ competition_rank('funding_arrival_rate') }} as funding_arrival_rate_rank,
    measured.enterprise_funding_rate,
    {{ competition_rank('enterprise_funding_rate') }} as enterprise_funding_rate_rank,
    measured.execution_rate,
    {{ competition_rank('execution_rate') }} as execution_rate_rank,
    measured.summary_rate,
    {{ competition_rank('summary_rate') }} as summary_rate_rank,
    measured.excluded_rate,
    {{ competition_rank('excluded_rate', best='lowest') }} as excluded_rate_rank,
    measured.watchlist_rate,
    {{ competition_rank('watchlist_rate', best='lowest') }} as watchlist_rate_rank
from measured
cross join {{ ref('stg_reporting_period') }} as period
