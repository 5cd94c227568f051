{#- The cross-check rules as SQL. Rules and indicators are read from the seeds when a model is
    compiled, so a new rule or indicator only needs a row in rules.csv or indicators.csv. -#}

{#- Rows of the seed rules: [{rule_id, task_code or none, expression}]. Unit tests override it. -#}
{% macro load_rules() -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set found = [] -%}
    {%- set query -%}
        select rule_id, task_code, expression
        from {{ graph.nodes['seed.tongbao.rules'].relation_name }}
        order by rule_id
    {%- endset -%}
    {%- for row in run_query(query).rows -%}
        {%- do found.append(
            {'rule_id': row[0], 'task_code': row[1], 'expression': row[2]}
        ) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- Rows of the catalogue: [{indicator_code, task_code or none}]. -#}
{% macro load_indicator_codes() -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set found = [] -%}
    {%- set query -%}
        select indicator_code, task_code
        from {{ graph.nodes['seed.tongbao.indicators'].relation_name }}
        order by indicator_code
    {%- endset -%}
    {%- for row in run_query(query).rows -%}
        {%- do found.append({'indicator_code': row[0], 'task_code': row[1]}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- The rules of each task and their operands: [{task_code, rules, operands}]. Operands are names like
    C_04, prev_C_04, target_C_04; other names are refused before dbt starts. -#}
{% macro rules_by_task() -%}
    {%- set rules = load_rules() -%}
    {%- set indicators = load_indicator_codes() -%}
    {%- set tasks = indicators | map(attribute='task_code') | select | unique | sort -%}
    {%- set plans = [] -%}
    {%- for task_code in tasks -%}
        {%- set codes = indicators
            | selectattr('task_code', 'in', [none, task_code])
            | map(attribute='indicator_code') | list -%}
        {%- set own = rules | selectattr('task_code', 'in', [none, task_code]) | list -%}
        {%- set operands = [] -%}
        {%- for rule in own -%}
            {%- set words = modules.re.findall(
                '[A-Za-z_][A-Za-z0-9_]*', modules.re.sub("'[^']*'", '', rule.expression)
            ) -%}
            {%- for word in words -%}
                {%- set code = modules.re.sub('^(prev|target)_', '', word) -%}
                {%- if code in codes and word not in operands -%}
                    {%- do operands.append(word) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if operands -%}
            {%- do plans.append(
                {'task_code': task_code, 'rules': own, 'operands': operands | sort}
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(plans) }}
{%- endmacro %}

{#- Codes of all operands with a prefix ('' for this year's values, 'prev_', 'target_'). -#}
{% macro operand_codes(plans, prefix) -%}
    {%- set codes = [] -%}
    {%- for plan in plans -%}
        {%- for operand in plan.operands -%}
            {%- set kind = 'prev_' if operand.startswith('prev_')
                else 'target_' if operand.startswith('target_') else '' -%}
            {%- set code = operand[kind | length:] -%}
            {%- if kind == prefix and code not in codes -%}{%- do codes.append(code) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(codes | sort) }}
{%- endmacro %}

{#- `column in ('a', 'b')`, and false for an empty list. -#}
{% macro is_one_of(column, texts) -%}
    {%- if texts -%}
        {{ return(column ~ " in ('" ~ texts | join("', '") ~ "')") }}
    {%- else -%}
        {{ return('false') }}
    {%- endif -%}
{%- endmacro %}
