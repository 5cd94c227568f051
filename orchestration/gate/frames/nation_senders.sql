-- Documents that concern the year, by whether they are marked synthetic; late arrivals.
with document as ({% include "parts/document.sql" %}),

tally as (
    select
        count(*) filter (where is_synthetic) as synthetic,
        count(*) filter (where not is_synthetic) as authentic
    from document
)

select
    synthetic,
    authentic,
    case when synthetic > 0 and authentic > 0 then 1 else 0 end as mixed,
    (
        select count(*) from quality.submission_errors as e
        where e.year = {{ year }} and e.code = 'W302'
    ) as late_arrivals
from tally
