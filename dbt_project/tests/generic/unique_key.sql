{#- The columns identify a row: none of them NULL, no two
    rows alike. One query, where dbt's own tests would take one a column and could not take several. -#}
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
