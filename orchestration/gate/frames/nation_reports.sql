select
    count(*) as reports,
    count(*) filter (where is_unsound) as reports_unsound,
    count(*) filter (where is_unsound) / cast(nullif(count(*), 0) as double) as unsound_share
from ({% include "parts/report.sql" %})
