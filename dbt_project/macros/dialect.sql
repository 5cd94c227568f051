{#- All SQL that differs between engines, and nothing else. Models call these macros. To support another
    engine, add its `<adapter>__` macros below; the default macros are written for DuckDB. -#}

{#- An unbounded string type. All engines know this name; `varchar` needs a length on Spark. -#}
{% macro type_text() -%}
    {{ return('string') }}
{%- endmacro %}

{#- The widest integer type, for exact arithmetic. -#}
{% macro type_wide_integer() -%}
    {{ return(adapter.dispatch('type_wide_integer', 'tongbao')()) }}
{%- endmacro %}
{% macro default__type_wide_integer() -%}
    {{ return('hugeint') }}
{%- endmacro %}
{% macro spark__type_wide_integer() -%}
    {{ return('decimal(38, 0)') }}
{%- endmacro %}

{#- Integer quotient of two non-negative wide integers, rounded down. -#}
{% macro integer_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('integer_quotient', 'tongbao')(dividend, divisor)) }}
{%- endmacro %}
{% macro default__integer_quotient(dividend, divisor) -%}
    {{ return('((' ~ dividend ~ ') // (' ~ divisor ~ '))') }}
{%- endmacro %}
{#- Not `div`: its result is a bigint, which wraps above 9.2e18. The remainder is taken off first, so that
    the division is exact. -#}
{% macro spark__integer_quotient(dividend, divisor) -%}
    {%- set n = 'cast(' ~ dividend ~ ' as decimal(38, 0))' -%}
    {%- set d = 'cast(' ~ divisor ~ ' as decimal(38, 0))' -%}
    {{ return('cast((' ~ n ~ ' - ' ~ n ~ ' % ' ~ d ~ ') / ' ~ d ~ ' as decimal(38, 0))') }}
{%- endmacro %}

{#- ISO 8601 text with an offset, as a UTC timestamp without zone. -#}
{% macro utc_timestamp(iso_text) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'tongbao')(iso_text)) }}
{%- endmacro %}
{% macro default__utc_timestamp(iso_text) -%}
    {{ return("timezone('UTC', cast(" ~ iso_text ~ " as timestamptz))") }}
{%- endmacro %}
{#- The session's time zone is UTC. -#}
{% macro spark__utc_timestamp(iso_text) -%}
    {{ return("cast(cast(" ~ iso_text ~ " as timestamp_ltz) as timestamp_ntz)") }}
{%- endmacro %}

{#- One row for each part of a separated text; to be used as a whole item of a select list. -#}
{% macro split_to_rows(text, separator) -%}
    {{ return(adapter.dispatch('split_to_rows', 'tongbao')(text, separator)) }}
{%- endmacro %}
{% macro default__split_to_rows(text, separator) -%}
    {{ return("unnest(string_split(" ~ text ~ ", '" ~ separator ~ "'))") }}
{%- endmacro %}
{% macro spark__split_to_rows(text, separator) -%}
    {{ return("explode(split(" ~ text ~ ", '" ~ separator ~ "'))") }}
{%- endmacro %}

{#- The texts of a group, sorted and joined; NULL if there are none. -#}
{% macro text_list(text, separator) -%}
    {{ return(adapter.dispatch('text_list', 'tongbao')(text, separator)) }}
{%- endmacro %}
{% macro default__text_list(text, separator) -%}
    {{ return("string_agg(" ~ text ~ ", '" ~ separator ~ "' order by " ~ text ~ ")") }}
{%- endmacro %}
{% macro spark__text_list(text, separator) -%}
    {{ return(
        "case when count(" ~ text ~ ") > 0 then array_join(sort_array(collect_list(" ~ text ~ ")), '"
        ~ separator ~ "') end"
    ) }}
{%- endmacro %}

{#- Two groups of different texts have the same digest only if they have the same texts. An engine has
    digests of its own: they are compared within one build and never stored. DuckDB's keep one number
    for a group; a sorted list keeps all texts of all groups in memory. -#}
{% macro set_digest(text) -%}
    {{ return(adapter.dispatch('set_digest', 'tongbao')(text)) }}
{%- endmacro %}
{% macro default__set_digest(text) -%}
    {{ return("bit_xor(md5_number(" ~ text ~ "))") }}
{%- endmacro %}
{% macro spark__set_digest(text) -%}
    {{ return("md5(array_join(sort_array(collect_list(" ~ text ~ ")), ';'))") }}
{%- endmacro %}

{#- A decimal without trailing zeros: 100.000000 -> 100, 0.500000 -> 0.5. -#}
{% macro plain_number(number) -%}
    {{ return("regexp_replace(cast(cast(" ~ number ~ " as decimal(24, 6)) as string), '[.]?0+$', '')") }}
{%- endmacro %}

{#- A decimal(38, 10) rounded half up to the published decimal(24, 6). The operand must fit. -#}
{% macro published_decimal(number) -%}
    {{ return(adapter.dispatch('published_decimal', 'tongbao')(number)) }}
{%- endmacro %}
{#- Scaling down a 128-bit decimal needs a slow division for each row. Nearly all values have at most
    six places, so a double gives a candidate, which is used only if it equals the operand exactly. -#}
{% macro default__published_decimal(number) -%}
    {%- set candidate = 'cast(cast(' ~ number ~ ' as double) as decimal(24, 6))' -%}
    {{ return(
        'case when ' ~ candidate ~ ' = ' ~ number ~ ' then ' ~ candidate
        ~ ' else cast(' ~ number ~ ' as decimal(24, 6)) end'
    ) }}
{%- endmacro %}
{% macro spark__published_decimal(number) -%}
    {{ return('cast(' ~ number ~ ' as decimal(24, 6))') }}
{%- endmacro %}
