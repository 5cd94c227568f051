"""The stages as Dagster assets, one module a stage, read left to right.

landing → raw → (dbt) staging → intermediate → marts → gate → bulletins

Belongs here: names, partitions, metadata, checks. Doesn't belong here: what a stage does.
"""
