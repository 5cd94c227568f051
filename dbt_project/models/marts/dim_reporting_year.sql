with documents as (
    select
        coalesce(bool_or(is_synthetic), false) as is_synthetic,
        cast(count(*) filter (where is_of_year) as integer) as documents_received,
        cast(count(*) filter (where is_of_year and is_late) as integer) as documents_late
    from {{ ref('int_documents') }}
)

select
    period.year,
    period.edition,
    period.cutoff_at,
    period.counts_until,
    documents.is_synthetic,
    documents.documents_received,
    documents.documents_late
from {{ ref('stg_reporting_period') }} as period
cross join documents
