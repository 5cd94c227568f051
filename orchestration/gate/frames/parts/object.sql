-- How many documents each object holds, and how many of them were rejected.
select
    province_code,
    greatest(coalesce(documents_total, 0), 1) as documents,
    case
        when status = 'rejected' then greatest(coalesce(documents_rejected, 0), 1)
        else coalesce(documents_rejected, 0)
    end as rejected
from raw.objects
where year = {{ year }}
