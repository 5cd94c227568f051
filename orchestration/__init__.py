"""Tongbao (通报): from submissions in object storage to published bulletins.

The package is Dagster's code location. Data flows one way:
landing bucket → intake → raw → dbt → lake commit → gate → bulletins → publication bucket.
"""
