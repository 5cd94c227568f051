"""Lists the tables of the lake and describes one, from the comments in the catalogue.

Belongs here: the queries of ``tongbao tables`` and ``tongbao describe``. Doesn't belong here: the
descriptions, which are those of dbt's models and sources (``dbt_project``).
"""

from __future__ import annotations

from orchestration.core.errors import UsageError
from orchestration.query.session import SCHEMAS, Answer, Session

__all__ = ["describe_table", "list_tables"]

#: Tables and views, those of the schemas of a build left out.
_RELATIONS = f"""
    from (
        select schema_name, table_name as name, column_count, comment
        from duckdb_tables() where database_name = 'lake'
        union all
        select schema_name, view_name, column_count, comment
        from duckdb_views() where database_name = 'lake'
    )
    where schema_name in {SCHEMAS}
"""
#: A comment is the description in English, " / ", and in Chinese.
_COMMENT = (
    "regexp_extract(comment, '^(.*) / (.*)$', 2) as description_zh, "
    "regexp_extract(comment, '^(.*) / (.*)$', 1) as description_en"
)
_ORDER = f"list_position({list(SCHEMAS)}, schema_name)"


def list_tables(session: Session) -> Answer:
    """The tables: name, number of columns, description in Chinese and English."""
    return session.answer(
        f"select schema_name || '.' || name as table_name, column_count as columns, {_COMMENT} "
        f"{_RELATIONS} order by {_ORDER}, name"
    )


def describe_table(session: Session, table: str) -> Answer:
    """The columns of a table in order: name, type, description in Chinese and English.

    Args:
        table: with or without schema; without it, the first schema that has the table.

    Raises:
        UsageError: there is no such table.
    """
    *schema, name = table.lower().removeprefix("lake.").rsplit(".", 1)
    found = session.answer(
        f"select schema_name, name {_RELATIONS} and name = $name "
        f"and schema_name like $schema order by {_ORDER} limit 1",
        {"name": name, "schema": schema[0] if schema else "%"},
    ).rows()
    if not found:
        raise UsageError(f"describe: there is no table {table}: 'tongbao tables' lists them")
    return session.answer(
        f"select column_name, data_type, {_COMMENT} from duckdb_columns() "
        "where database_name = 'lake' and schema_name = $schema and table_name = $name "
        "order by column_index",
        dict(zip(("schema", "name"), found[0], strict=True)),
    )
