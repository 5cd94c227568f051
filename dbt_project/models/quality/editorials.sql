{#- The editorial texts that are effective: of each section of a bulletin the last one sent. Whether a
    text can be set is decided with the bulletin's figures (orchestration/bulletin/editorials.py). -#}
select
    period.year,
    editorial.bulletin,
    editorial.section,
    editorial.text,
    document.document_id,
    document.province_code,
    document.submitted_at,
    document.object_key,
    document.etag
from {{ ref('int_documents') }} as document
inner join {{ ref('stg_editorials') }} as editorial
    on document.document_key = editorial.document_key
cross join {{ ref('stg_reporting_period') }} as period
where
    document.document_type = 'editorial'
    and document.is_of_year
    and document.is_effective
