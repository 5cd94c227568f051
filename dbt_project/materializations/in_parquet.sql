{#- How seeds, models and views are made on Spark: each table is a folder of Parquet files below
    TONGBAO_SPARK_FOLDER, from which the build file is filled. The schemas are new in each build, so there
    is no relation to look for and none to replace. -#}

{%- macro in_parquet(relation) -%}
    create table {{ relation }} using parquet
    location '{{ env_var("TONGBAO_SPARK_FOLDER") }}/{{ relation.schema }}/{{ relation.identifier }}'
{%- endmacro -%}

{%- materialization table, adapter="spark" -%}
    {%- set target = this.incorporate(type="table") -%}
    {%- set query = compiled_code -%}
    {%- if config.get("contract").enforced -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
        {%- set query = get_select_subquery(compiled_code) -%}
    {%- endif -%}
    {%- call statement("main") -%}
        {{ in_parquet(target) }} as {{ query }}
    {%- endcall -%}
    {{ return({"relations": [target]}) }}
{%- endmaterialization -%}

{%- materialization view, adapter="spark" -%}
    {%- set target = this.incorporate(type="view") -%}
    {%- call statement("main") -%}
        {{ create_view_as(target, compiled_code) }}
    {%- endcall -%}
    {{ return({"relations": [target]}) }}
{%- endmaterialization -%}

{#- A text of a seed as a literal: Spark reads backslashes as escapes and drops a doubled quote. -#}
{%- macro spark_literal(text) -%}
    {%- if text is none -%}
        null
    {%- else -%}
        '{{ text | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
    {%- endif -%}
{%- endmacro -%}

{#- dbt-spark's own seeds paste texts without escapes and make a missing value the text None. -#}
{%- materialization seed, adapter="spark" -%}
    {%- set target = this.incorporate(type="table") -%}
    {%- set rows = load_agate_table() -%}
    {#- dbt prints a sample of it. -#}
    {%- do store_result("agate_table", response="OK", agate_table=rows) -%}
    {%- set types = config.get("column_types") -%}
    {%- call statement("main") -%}
        {{ in_parquet(target) }} as
        select
            {%- for name in rows.column_names %}
            cast({{ name }} as {{ types[name] }}) as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        from values
            {%- for row in rows.rows %}
            ({%- for text in row -%}{{ spark_literal(text) }}{{ ", " if not loop.last }}{%- endfor -%})
            {{- "," if not loop.last }}
            {%- else %}
            ({%- for _ in rows.column_names -%}null{{ ", " if not loop.last }}{%- endfor -%})
            {%- endfor %}
            as seed ({{ rows.column_names | join(", ") }})
        {%- if not rows.rows | length %}
        where 1 = 0
        {%- endif %}
    {%- endcall -%}
    {{ return({"relations": [target]}) }}
{%- endmaterialization -%}
