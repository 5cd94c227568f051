{#- The values with the state of their documents. -#}
select
    read_value.document_key,
    read_value.unit_code,
    read_value.task_code,
    read_value.province_code,
    read_value.indicator_code,
    read_value.submitted_value,
    read_value.location,
    document.is_effective,
    read_value.is_catalogued,
    read_value.finding_code,
    read_value.value
from {{ ref('int_read_values') }} as read_value
inner join {{ ref('int_documents') }} as document
    on read_value.document_key = document.document_key
