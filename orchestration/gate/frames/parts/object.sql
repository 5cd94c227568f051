-- The number of documents and of rejected documents of each object.
select
    province_code,
    greatest(coalesce(documents_total, 0), 1) as documents,
    case
        when status = 'rejected' then greatest(coalesce(documents_rejected, 0), 1)
        else coalesce(documents_rejected, 0)
    end as rejected
from raw.objects
where year = {{ year }}
