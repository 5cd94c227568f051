"""Queries of analysts: checked, run on a restricted connection, and written in a format.

Belongs here: what ``tongbao sql``, ``tongbao tables`` and ``tongbao describe`` do; this module has
the names of the formats only, because ``--help`` must not wait for DuckDB. Doesn't belong here: the
connection to the lake (``lakehouse``) and the command line (``cli``).
"""

__all__ = ["BINARY_FORMATS", "FORMATS", "TEXT_FORMATS"]

TEXT_FORMATS = ("table", "csv", "json")
BINARY_FORMATS = ("parquet", "xlsx")
FORMATS = TEXT_FORMATS + BINARY_FORMATS
