{#- Schemas have the names of the contract (staging, intermediate, marts, quality, seeds) without dbt's
    target prefix, so that the build file and the lake have the same names. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
