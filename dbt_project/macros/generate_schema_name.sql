{#- Schemas have the names of the contract (staging, intermediate, marts, quality, seeds) without dbt's
    target prefix, so that the build file and the lake have the same names. A cluster's catalogue is
    shared, so there they begin with `tongbao_` (sources do too, models/staging/_sources.yml). -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ 'tongbao_' if target.type == 'spark' }}{{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
