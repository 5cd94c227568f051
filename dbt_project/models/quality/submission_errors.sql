{#- The findings that an object may have in its receipt and here (contract §1, "Receipts and rejects"),
    and one more that counts all of them where there are others. Intake has counted those that it did
    not keep; its count stands. -#}
with counted_by_intake as (
    select
        object_key,
        etag
    from {{ ref('int_findings') }}
    where code = 'E050'
    group by object_key, etag
),

numbered as (
    select
        finding.year,
        finding.province_code,
        finding.object_key,
        finding.document_id,
        finding.unit_code,
        finding.indicator_code,
        finding.code,
        finding.severity,
        finding.location,
        finding.message_zh,
        finding.message_en,
        finding.etag,
        finding.value,
        finding.explained_by,
        finding.explanation,
        bound.max_findings,
        row_number() over (
            partition by finding.object_key, finding.etag
            order by
                coalesce(finding.document_id, ''),
                coalesce(finding.location, ''),
                finding.code,
                coalesce(finding.value, ''),
                coalesce(finding.indicator_code, ''),
                finding.message_zh
        ) as place
    from {{ ref('int_findings') }} as finding
    cross join {{ source('control', 'bounds') }} as bound
    where finding.code <> 'E050'
),

of_code as (
    select
        year,
        province_code,
        object_key,
        etag,
        code,
        max_findings,
        count(*) as findings,
        max(place) as last_place,
        max(case when place > max_findings and severity = 'error' then 1 else 0 end) as left_out_errors
    from numbered
    group by year, province_code, object_key, etag, code, max_findings
),

counted as (
    select
        of_code.year,
        of_code.province_code,
        of_code.object_key,
        of_code.etag,
        case when max(of_code.left_out_errors) = 1 then 'error' else 'warning' end as severity,
        cast(of_code.max_findings as {{ type_text() }}) as bound,
        {{ text_list("concat_ws(' ', of_code.code, cast(of_code.findings as string))", '; ') }} as value
    from of_code
    left join counted_by_intake as intake
        on of_code.object_key = intake.object_key and of_code.etag = intake.etag
    where intake.object_key is null
    group by
        of_code.year, of_code.province_code, of_code.object_key, of_code.etag, of_code.max_findings
    having max(of_code.last_place) > of_code.max_findings
)

select
    year,
    province_code,
    object_key,
    document_id,
    unit_code,
    indicator_code,
    code,
    severity,
    location,
    message_zh,
    message_en,
    etag,
    value,
    explained_by,
    explanation
from numbered
where place <= max_findings

union all

select
    year,
    province_code,
    object_key,
    document_id,
    unit_code,
    indicator_code,
    code,
    severity,
    location,
    message_zh,
    message_en,
    etag,
    value,
    explained_by,
    explanation
from {{ ref('int_findings') }}
where code = 'E050'

union all

select
    counted.year,
    counted.province_code,
    counted.object_key,
    cast(null as {{ type_text() }}) as document_id,
    cast(null as {{ type_text() }}) as unit_code,
    cast(null as {{ type_text() }}) as indicator_code,
    wording.code,
    counted.severity,
    '' as location,
    concat_ws(
        '',
        replace(replace(wording.message_zh, '{value}', counted.value), '{limit}', counted.bound),
        '。',
        wording.fix_zh
    ) as message_zh,
    concat_ws(
        '',
        replace(replace(wording.message_en, '{value}', counted.value), '{limit}', counted.bound),
        '. ',
        wording.fix_en
    ) as message_en,
    counted.etag,
    counted.value,
    cast(null as {{ type_text() }}) as explained_by,
    cast(null as {{ type_text() }}) as explanation
from counted
inner join {{ ref('error_codes') }} as wording on wording.code = 'E050'
