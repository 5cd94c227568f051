-- The seed has Beijing time, which has no summer time.
select
    year,
    {{ utc_timestamp("cast(collection_opens as " ~ type_text() ~ ") || '+08:00'") }} as collection_opens_at,
    {{ utc_timestamp("cast(submission_cutoff as " ~ type_text() ~ ") || '+08:00'") }} as submission_cutoff_at,
    {{ utc_timestamp("cast(correction_cutoff as " ~ type_text() ~ ") || '+08:00'") }} as correction_cutoff_at,
    publication_date,
    publication_time,
    reminder_days,
    transfer_hours
from {{ ref('reporting_calendar') }}
