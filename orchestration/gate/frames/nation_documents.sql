-- Each sender weighs the same, however much it sends.
with sender as (
    select
        sum(documents) as documents,
        sum(rejected) as rejected,
        sum(rejected) / cast(nullif(sum(documents), 0) as double) as share
    from ({% include "parts/object.sql" %})
    group by sender
)

select
    cast(sum(documents) as integer) as documents,
    cast(sum(rejected) as integer) as rejected,
    count(*) filter (where rejected > 0) as senders,
    avg(share) as rejected_share
from sender
