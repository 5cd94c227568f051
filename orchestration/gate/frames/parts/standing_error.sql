-- Errors of objects and documents that stand at their key.
select
    e.province_code,
    e.code
from quality.submission_errors as e
left join raw.gone_objects as g
    -- A published key has no contacts.
    on e.etag = g.etag and (e.object_key = g.object_key or e.object_key like '%〔联系方式略〕%')
where
    e.year = {{ year }}
    and e.severity = 'error'
    and e.code similar to 'E[01][0-9]{2}'
    and g.object_key is null
