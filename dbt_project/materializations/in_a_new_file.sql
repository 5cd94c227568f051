{#- How models become tables and views. Each build has a new file, which is deleted if the build fails:
    there is no relation to replace and none to keep until the new one is complete. dbt's own
    materializations build under another name, rename and drop: a fifth of a build's CPU. -#}

{#- A development database stays, and its models are built again. -#}
{% macro drop_in_development() -%}
    {%- set old = load_cached_relation(this) -%}
    {%- if old -%}
        {%- do adapter.drop_relation(old) -%}
    {%- endif -%}
{%- endmacro %}

{%- materialization table, adapter="duckdb" -%}
    {%- set target = this.incorporate(type="table") -%}
    {{- drop_in_development() -}}
    {%- call statement("main") -%}
        {{ create_table_as(False, target, compiled_code) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ return({"relations": [target]}) }}
{%- endmaterialization -%}

{%- materialization view, adapter="duckdb" -%}
    {%- set target = this.incorporate(type="view") -%}
    {{- drop_in_development() -}}
    {%- call statement("main") -%}
        {{ get_create_view_as_sql(target, compiled_code) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ return({"relations": [target]}) }}
{%- endmaterialization -%}
