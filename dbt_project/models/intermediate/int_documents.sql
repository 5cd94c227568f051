{#- Chooses the effective version: of the documents about one subject, the latest before the cut-off
    (contract, "What counts"). A corrected edition uses its own cut-off (`counts_until`), except for
    reviews: the units expected to report are fixed at the first cut-off. A performance document of
    which no value counts replaces nothing. A returned document is not effective: what stands is the
    newest one that was not returned. The build holds documents of earlier years only of the types
    that stay effective. -#}
with read_values as (
    select
        document_key,
        count(value) as values_read
    from {{ ref('int_read_values') }}
    where is_catalogued
    group by document_key
),

returned as (
    select distinct target_key
    from {{ ref('int_returns') }}
    where is_in_force and target_key is not null
),

judged as (
    select
        received.*,
        returned.target_key is not null as is_returned,
        received.year = period.year as is_of_year,
        received.has_cutoff and received.judged_at >= period.cutoff_at as is_late,
        received.is_timed
        and received.has_cutoff
        and received.judged_at < period.cutoff_at
        and received.received_at >= period.cutoff_at as is_late_arrival,
        not received.has_cutoff
        or received.judged_at
        < case when received.document_type = 'review' then period.cutoff_at else period.counts_until end
            as is_in_time_to_count,
        received.document_type <> 'performance' or coalesce(read_values.values_read, 0) > 0
            as has_values
    from {{ ref('stg_documents') }} as received
    cross join {{ ref('stg_reporting_period') }} as period
    left join read_values on received.document_key = read_values.document_key
    left join returned on received.document_key = returned.target_key
),

ranked as (
    select
        judged.*,
        row_number() over (
            partition by
                document_type, subject, series, is_in_time_to_count, has_values, is_returned
            order by sent_at desc, document_id desc, province_code desc
        ) as version_rank
    from judged
)

select
    document_key,
    document_id,
    document_type,
    year,
    province_code,
    unit_code,
    task_code,
    subject,
    series,
    submitted_at,
    received_at,
    sent_at,
    object_key,
    etag,
    is_synthetic,
    is_of_year,
    is_late,
    is_late_arrival,
    has_wrong_clock,
    is_shared_id,
    has_values,
    is_in_time_to_count,
    is_returned,
    is_in_time_to_count and has_values and not is_returned and version_rank = 1 as is_effective
from ranked
