-- Documents that concern the year: those of the year, and earlier ones of the types that last.
-- noqa: disable=LT02
{% for table, years in document_tables.items() %}
select
    province_code,
    coalesce(synthetic, false) as is_synthetic
from raw.{{ table }}
where year {{ years }} {{ year }}
{% if not loop.last %}
union all
{% endif %}
{% endfor %}
