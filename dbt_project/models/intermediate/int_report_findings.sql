{#- Problems of the report files that documents of the year name. A document has at most one finding,
    the first that applies, because e.g. a missing file has no size to check. -#}
with named as (
    select
        performance.document_key,
        performance.report_object_key,
        lower(performance.report_sha256) as report_sha256,
        concat_ws(
            '', 'attachments/year=', cast(performance.year as {{ type_text() }}), '/province=',
            performance.province_code, '/', performance.unit_code, '/'
        ) as own_prefix,
        performance.location
    from {{ ref('stg_performances') }} as performance

    union all

    select
        summary.document_key,
        summary.report_object_key,
        lower(summary.report_sha256) as report_sha256,
        concat_ws(
            '', 'attachments/year=', cast(summary.year as {{ type_text() }}), '/province=',
            summary.province_code, '/'
        ) as own_prefix,
        '' as location
    from {{ ref('stg_provincial_summaries') }} as summary
),

judged as (
    select
        named.document_key,
        named.report_object_key,
        named.location,
        case
            when position(named.own_prefix in named.report_object_key) <> 1 then 'E406'
            when attachment.object_key is null then 'E401'
            when attachment.size = 0 then 'E404'
            when attachment.is_too_large then 'E405'
            when not attachment.is_what_it_says then 'E403'
            when named.report_sha256 <> attachment.sha256 then 'E402'
        end as code
    from named
    inner join {{ ref('int_documents') }} as document on named.document_key = document.document_key
    left join {{ source('raw', 'attachments') }} as attachment
        on named.report_object_key = attachment.object_key
    where named.report_object_key is not null
)

select
    document_key,
    code,
    case
        when location = '' or location like '/%' then concat_ws('', location, '/report/object_key')
        else location
    end as location,
    report_object_key as value
from judged
where code is not null
