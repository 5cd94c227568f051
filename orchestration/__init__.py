"""Tongbao (通报): makes published bulletins from submissions in object storage.

The package is Dagster's code location. Data flows one way:
landing bucket → intake → raw → dbt → lake commit → gate → bulletins → publication bucket.
"""
