{#- The columns identify a row: none is NULL and no two rows have the same values. It is one query;
    dbt's own tests need a query for each column and can't test several columns together. -#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns %}
    or {{ column }} is null
{%- endfor %}
{% endtest %}
