-- The number of documents and of rejected documents of each object that stands at its key. Keys
-- outside the layout are one sender: anybody could write a province into them.
select
    case when o.document_type = '' then 'unknown' else o.province_code end as sender,
    greatest(coalesce(o.documents_total, 0), 1) as documents,
    case
        when o.status = 'rejected' then greatest(coalesce(o.documents_rejected, 0), 1)
        else coalesce(o.documents_rejected, 0)
    end as rejected
from raw.objects as o
left join raw.gone_objects as g on o.object_key = g.object_key and o.etag = g.etag
where o.year = {{ year }} and g.object_key is null
