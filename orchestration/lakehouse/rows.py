"""Rows of a query as dictionaries.

Belongs here: converting a DuckDB result to plain Python rows. Doesn't belong here: the queries
themselves, which are in the modules that need their results.
"""

from __future__ import annotations

from typing import Any

import duckdb

__all__ = ["rows_as_dicts"]


def rows_as_dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Fetch all remaining rows of an executed query, each as column name → value."""
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
