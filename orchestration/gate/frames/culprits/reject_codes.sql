select code || '×' || count(*) as label
from ({% include "parts/standing_error.sql" %})
group by code
order by count(*) desc, code asc
