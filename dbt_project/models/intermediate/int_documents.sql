{#- Chooses the effective version: of the documents about one subject, the latest before the cut-off
    (contract, "What counts"). A corrected edition uses its own cut-off (`counts_until`), except for
    reviews: the units expected to report are fixed at the first cut-off. -#}
with received as (
    select
        'registration' as document_type,
        document_id,
        year,
        province_code,
        unit_code,
        task_code,
        cast(null as {{ type_text() }}) as stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_registrations') }}

    union all

    select
        'plan' as document_type,
        document_id,
        year,
        province_code,
        unit_code,
        split_part(unit_code, '-', 1) as task_code,
        cast(null as {{ type_text() }}) as stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_plans') }}

    union all

    select
        'review' as document_type,
        document_id,
        year,
        province_code,
        unit_code,
        split_part(unit_code, '-', 1) as task_code,
        stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_reviews') }}

    union all

    select
        'performance' as document_type,
        document_id,
        year,
        province_code,
        unit_code,
        split_part(unit_code, '-', 1) as task_code,
        cast(null as {{ type_text() }}) as stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_performances') }}

    union all

    select
        'assessment' as document_type,
        document_id,
        year,
        province_code,
        unit_code,
        split_part(unit_code, '-', 1) as task_code,
        cast(null as {{ type_text() }}) as stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_assessments') }}

    union all

    select
        'provincial_summary' as document_type,
        document_id,
        year,
        province_code,
        cast(null as {{ type_text() }}) as unit_code,
        task_code,
        cast(null as {{ type_text() }}) as stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_provincial_summaries') }}

    union all

    select
        'explanation' as document_type,
        document_id,
        year,
        province_code,
        unit_code,
        split_part(unit_code, '-', 1) as task_code,
        rule_id as stage,
        submitted_at,
        object_key,
        etag,
        is_synthetic
    from {{ ref('stg_explanations') }}
),

-- Registrations, plans and reviews stay effective in later years; the other types concern one year.
within_period as (
    select
        received.*,
        received.year = period.year as is_of_year,
        received.submitted_at >= period.cutoff_at as is_late,
        received.submitted_at
        < case when received.document_type = 'review' then period.cutoff_at else period.counts_until end
            as is_in_time_to_count,
        coalesce(received.unit_code, concat_ws('-', received.task_code, received.province_code))
            as subject
    from received
    cross join {{ ref('stg_reporting_period') }} as period
    where
        received.year = period.year
        or (
            received.year < period.year
            and received.document_type in ('registration', 'plan', 'review')
        )
),

ranked as (
    select
        within_period.*,
        row_number() over (
            partition by document_type, subject, stage, is_in_time_to_count
            order by submitted_at desc, document_id desc
        ) as version_rank
    from within_period
)

select
    document_id,
    document_type,
    year,
    province_code,
    unit_code,
    task_code,
    stage,
    submitted_at,
    object_key,
    etag,
    is_synthetic,
    is_of_year,
    is_late,
    is_in_time_to_count,
    is_in_time_to_count and version_rank = 1 as is_effective
from ranked
