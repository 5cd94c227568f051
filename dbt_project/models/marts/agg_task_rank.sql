with rules as (
    {{ aggregate_rules() }}
),

measured as (
    select
        province.*,
        province.units_expected >= {{ var('scorecard_least_units') }} as is_ranked
    from {{ ref('agg_province_task') }} as province
)

select
    measured.year,
    measured.province_code,
    measured.task_code,
    measured.units_expected,
    measured.is_ranked,
    measured.reporting_rate,
    {{ competition_rank('reporting_rate', within='task_code') }} as reporting_rate_rank,
    {{ group_by_interval('units_reported', 'units_expected') }} as reporting_rate_group,
    measured.on_time_rate,
    {{ competition_rank('on_time_rate', within='task_code') }} as on_time_rate_rank,
    {{ group_by_interval('units_on_time', 'units_expected') }} as on_time_rate_group,
    measured.target_met_rate,
    {{ competition_rank('target_met_rate', within='task_code') }} as target_met_rate_rank,
    {{ group_by_interval('targets_met', 'targets_set') }} as target_met_rate_group,
    measured.mean_assessment_score,
    {{ competition_rank('mean_assessment_score', places=2, within='task_code') }}
        as mean_assessment_score_rank,
    measured.units_national,
    {{ competition_rank('units_national', places=0, within='task_code') }} as units_national_rank
from measured
inner join {{ ref('agg_national_task') }} as nation on measured.task_code = nation.task_code
cross join rules
