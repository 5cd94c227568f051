"""Whether Spark's SQL gives the same tables as DuckDB's: ``make parity``.

Belongs here: a collection with the values at which engines differ, and the comparison. Doesn't
belong here: tests of the models themselves (dbt unit tests).
"""
