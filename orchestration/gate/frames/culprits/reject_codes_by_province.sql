select
    province_code,
    code || '×' || count(*) as label
from ({% include "parts/standing_error.sql" %})
group by province_code, code
order by count(*) desc, code asc
