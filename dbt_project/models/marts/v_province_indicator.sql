{#- A table in the lake, although its name begins with v_: DuckLake has views, but no comments on their
    columns, and the text of a view would name the catalogue as the build attaches it. -#}

{{ named_figures(ref('agg_province_indicator'), ref('dim_region')) }}
