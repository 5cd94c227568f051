with counted as (
    select
        fact.province_code,
        fact.task_code,
        fact.indicator_code,
        code.code
    from {{ ref('int_unit_codes') }} as code
    inner join {{ ref('fct_unit_indicator') }} as fact
        on
            code.document_key = {{ document_key("'performance'", 'fact.') }}
            and code.indicator_code = fact.indicator_code
    where fact.value is not null
)

select distinct
    province_code,
    task_code,
    indicator_code,
    code
from counted

union all

select distinct
    counted.province_code,
    'ALL' as task_code,
    counted.indicator_code,
    counted.code
from counted
inner join {{ ref('indicators') }} as indicator
    on counted.indicator_code = indicator.indicator_code
where indicator.task_code is null
