-- A unit counts as explained if it has explained all of its warnings.
select
    unit_code,
    bool_and(is_explained) as is_explained
from ({% include "parts/rule_warning.sql" %})
group by unit_code
