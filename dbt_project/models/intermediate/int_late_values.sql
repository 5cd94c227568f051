{#- The values of units that reported after the cut-off alone: those of their last late document. -#}
with late_documents as (
    select
        document.document_key,
        document.unit_code,
        unit.province_code,
        row_number() over (
            partition by document.unit_code
            order by document.sent_at desc, document.document_id desc
        ) as version_rank
    from {{ ref('int_documents') }} as document
    inner join {{ ref('fct_unit_year') }} as unit on document.unit_code = unit.unit_code
    where
        document.document_type = 'performance'
        and document.has_values
        and unit.document_id is null
)

select
    late.unit_code,
    late.province_code,
    judged.task_code,
    judged.indicator_code,
    judged.value
from late_documents as late
inner join {{ ref('int_judged_values') }} as judged on late.document_key = judged.document_key
where late.version_rank = 1 and judged.value is not null
