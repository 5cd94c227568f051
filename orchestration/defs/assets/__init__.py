"""The stages as Dagster assets, one module for each stage.

landing → raw → (dbt) staging → intermediate → marts → gate → bulletins

Belongs here: names, partitions, metadata, checks. Doesn't belong here: the work of a stage
(``orchestration.stages``).
"""
