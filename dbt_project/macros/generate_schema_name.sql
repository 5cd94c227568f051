{#- Schemas carry the names of the contract (staging, intermediate, marts, quality, seeds), without
    dbt's usual target prefix: the same names stand in the build file and in the lake. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
