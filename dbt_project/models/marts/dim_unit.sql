select
    period.year,
    unit.unit_code,
    unit.unit_name,
    unit.task_code,
    unit.province_code,
    unit.city_name,
    unit.level,
    unit.category,
    unit.status,
    unit.is_expected,
    unit.lead_organisation_name,
    unit.lead_organisation_type,
    {{ organisation_id('unit') }} as lead_organisation_id,
    unit.is_synthetic
from {{ ref('int_units') }} as unit
cross join {{ ref('stg_reporting_period') }} as period
