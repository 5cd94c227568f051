{#- A return is answered when a newer document of the unit stands in place of the returned one. -#}
select
    period.year,
    returned.unit_province as province_code,
    returned.unit_code,
    target.task_code,
    target.document_type,
    target.document_id,
    returned.document_id as return_document_id,
    returned.returned_by,
    returned.reason,
    returned.due_on,
    returned.sent_at as returned_at,
    returned.withdrawn_at,
    case
        when not returned.is_in_time then 'too_late'
        when not returned.is_in_force then 'withdrawn'
        when answer.document_key is not null then 'answered'
        else 'pending'
    end as state,
    case when returned.is_in_force then answer.document_id end as answered_by,
    case when returned.is_in_force then answer.sent_at end as answered_at
from {{ ref('int_returns') }} as returned
inner join {{ ref('int_documents') }} as target on returned.target_key = target.document_key
cross join {{ ref('stg_reporting_period') }} as period
left join {{ ref('int_documents') }} as answer
    on
        target.document_type = answer.document_type
        and target.subject = answer.subject
        and target.series is not distinct from answer.series
        and answer.is_effective
        and (
            target.sent_at < answer.sent_at
            or (target.sent_at = answer.sent_at and target.document_id < answer.document_id)
        )
