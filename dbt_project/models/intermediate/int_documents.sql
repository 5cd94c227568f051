{#- Chooses the effective version: of the documents about one subject, the latest before the cut-off
    (contract, "What counts"). A corrected edition uses its own cut-off (`counts_until`), except for
    reviews: the units expected to report are fixed at the first cut-off. The build holds documents
    of earlier years only of the types that stay effective. -#}
with judged as (
    select
        received.*,
        received.year = period.year as is_of_year,
        received.has_cutoff and received.submitted_at >= period.cutoff_at as is_late,
        not received.has_cutoff
        or received.submitted_at
        < case when received.document_type = 'review' then period.cutoff_at else period.counts_until end
            as is_in_time_to_count
    from {{ ref('stg_documents') }} as received
    cross join {{ ref('stg_reporting_period') }} as period
),

ranked as (
    select
        judged.*,
        row_number() over (
            partition by document_type, subject, series, is_in_time_to_count
            order by submitted_at desc, document_id desc
        ) as version_rank
    from judged
)

select
    document_id,
    document_type,
    year,
    province_code,
    unit_code,
    task_code,
    series,
    submitted_at,
    object_key,
    etag,
    is_synthetic,
    is_of_year,
    is_late,
    is_in_time_to_count,
    is_in_time_to_count and version_rank = 1 as is_effective
from ranked
