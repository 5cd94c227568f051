select
    sender as province_code,
    cast(sum(documents) as integer) as documents,
    cast(sum(rejected) as integer) as rejected,
    sum(rejected) / cast(nullif(sum(documents), 0) as double) as rejected_share
from ({% include "parts/object.sql" %})
group by sender
order by sender
