select
    unit_code,
    province_code,
    task_code,
    level,
    document_id,
    has_reported,
    is_on_time,
    has_report_file,
    indicators_reported,
    indicators_excluded,
    targets_set,
    targets_met,
    assessment_score
from marts.fct_unit_year
where year = {{ year }}
