{#- What the year's bulletin says of verifications: those made since the bulletin before it, earlier
    ones of which something is still to be put right, and those closed since. Everything is as of the
    day of publication, so that a correction made months later says the same. -#}
with period as (
    select
        this_year.year,
        this_year.publication_date,
        year_before.publication_date as published_before
    from {{ ref('stg_reporting_period') }} as period
    inner join {{ ref('reporting_calendar') }} as this_year on period.year = this_year.year
    left join {{ ref('reporting_calendar') }} as year_before on period.year - 1 = year_before.year
),

verifications as (
    select
        period.year,
        content.unit_code,
        content.year as verified_year,
        document.province_code as verified_by,
        document.document_id,
        content.verified_on,
        content.result,
        content.findings,
        content.requirement,
        content.due_on,
        case when content.closed_on <= period.publication_date then content.closed_on end as closed_on,
        content.requirement is not null
        and (content.closed_on is null or content.closed_on > period.publication_date) as is_open,
        period.published_before is null or content.verified_on > period.published_before as is_new,
        coalesce(content.due_on < period.publication_date, false) as is_past_due,
        period.published_before
    from {{ ref('stg_verifications') }} as content
    inner join {{ ref('int_documents') }} as document
        on content.document_key = document.document_key
    cross join period
    where document.is_effective and content.verified_on <= period.publication_date
)

select
    verification.year,
    verification.unit_code,
    verification.verified_year,
    verification.verified_by,
    verification.document_id,
    unit.unit_name,
    unit.task_code,
    unit.province_code,
    unit.level,
    verification.verified_on,
    verification.is_new,
    verification.result as verification_result,
    verification.findings,
    verification.requirement,
    verification.due_on,
    verification.closed_on,
    case
        when verification.requirement is null then 'none'
        when not verification.is_open then 'closed'
        when verification.is_past_due then 'overdue'
        else 'open'
    end as rectification_state
from verifications as verification
inner join {{ ref('int_units') }} as unit on verification.unit_code = unit.unit_code
where
    verification.is_new
    or verification.is_open
    or verification.closed_on > verification.published_before
