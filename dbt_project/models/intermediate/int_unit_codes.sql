with code_systems as (
    select
        indicator.task_code,
        indicator.indicator_code,
        coalesce(code_system.code_system, 'country') as code_system
    from {{ ref('int_task_indicators') }} as indicator
    left join {{ ref('indicator_code_systems') }} as code_system
        on indicator.indicator_code = code_system.indicator_code
    where indicator.value_type = 'code_list' and indicator.is_submitted
),

parts as (
    select
        document.document_key,
        document.unit_code,
        code_systems.indicator_code,
        code_systems.code_system,
        {{ split_to_rows('submitted.value_text', ';') }} as part
    from {{ ref('stg_performance_values') }} as submitted
    inner join {{ ref('stg_documents') }} as document
        on submitted.document_key = document.document_key
    inner join code_systems
        on
            document.task_code = code_systems.task_code
            and submitted.indicator_code = code_systems.indicator_code
    where document.document_type = 'performance'
),

codes as (
    select distinct
        document_key,
        unit_code,
        indicator_code,
        code_system,
        upper(trim(part)) as code
    from parts
    where trim(part) <> ''
),

known_codes as (
    select
        'province' as code_system,
        province_code as code
    from {{ ref('regions') }}

    union all

    select
        'country' as code_system,
        country_code as code
    from {{ ref('countries') }}
)

select
    codes.document_key,
    codes.unit_code,
    codes.indicator_code,
    codes.code,
    known_codes.code is not null as is_known
from codes
left join known_codes
    on codes.code_system = known_codes.code_system and codes.code = known_codes.code
