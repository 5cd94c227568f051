with counted as (
    select
        province_code,
        task_code,
        cast(count(*) as integer) as units_expected
    from {{ ref('int_units') }}
    where is_expected
    group by province_code, task_code
)

select
    province_code,
    task_code,
    units_expected
from counted

union all

select
    province_code,
    'ALL' as task_code,
    cast(sum(units_expected) as integer) as units_expected
from counted
group by province_code
