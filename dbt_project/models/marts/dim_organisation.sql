with led as (
    select
        {{ organisation_id('unit') }} as organisation_id,
        unit.lead_organisation_name as organisation_name,
        unit.lead_organisation_type as organisation_type,
        unit.province_code,
        unit.unit_code,
        unit.task_code,
        unit.is_expected
    from {{ ref('int_units') }} as unit
    where unit.lead_organisation_name is not null
)

-- Spellings that differ in blanks or in the case of letters have one id: the first one is the name.
select
    period.year,
    led.organisation_id,
    min(led.organisation_name) as organisation_name,
    led.organisation_type,
    led.province_code,
    cast(count(*) as integer) as units_registered,
    cast(count(*) filter (where led.is_expected) as integer) as units_expected,
    cast(count(distinct led.task_code) as integer) as tasks
from led
cross join {{ ref('stg_reporting_period') }} as period
group by period.year, led.organisation_id, led.organisation_type, led.province_code
