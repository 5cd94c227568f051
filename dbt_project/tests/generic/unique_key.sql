{#- The columns identify a row: no two rows have the same values, and none is NULL but the nullable ones.
    It is one query; dbt's own tests need a query for each column and can't test several columns together. -#}
{% test unique_key(model, columns, nullable=[]) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns if column not in nullable %}
    or {{ column }} is null
{%- endfor %}
{% endtest %}
