"""The schemas of the tables that Python writes: ``raw``, ``quality`` and ``publication``.

Belongs here: names and types of columns (those of a document type's own table are in
``core.document_types``), creating tables and appending rows. ``raw`` holds what
was submitted, without reference to the catalogue. Contact data is only in
``registration_contacts`` and in the objects' bodies; intake removes it from all other texts.
Doesn't belong here: the tables that dbt builds (``dbt_project``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.core.document_types import DOCUMENT_TYPES, ColumnType, DocumentType

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CONTACTS",
    "OTHER_TABLES",
    "RAW_TABLES",
    "TableSchema",
    "ensure_tables",
    "has_table",
    "insert_rows",
    "utc_naive",
]

_TEXT, _INT, _BIG, _BOOLEAN = "varchar", "integer", "bigint", "boolean"
_NUMBER, _FIGURE, _SCORE = "decimal(38,10)", "decimal(24,6)", "decimal(9,6)"
_DATE, _MOMENT, _BYTES, _TEXTS = "date", "timestamp", "blob", "varchar[]"


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table: name → SQL type."""

    columns: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.columns)

    @cached_property
    def arrow(self) -> pa.Schema:
        """The same as an Arrow schema, for rows to be written.

        pyarrow is imported here, because commands that only read don't need it.
        """
        import pyarrow as pa

        types = {
            _TEXT: pa.string(),
            _INT: pa.int32(),
            _BIG: pa.int64(),
            _BOOLEAN: pa.bool_(),
            _NUMBER: pa.decimal128(38, 10),
            _FIGURE: pa.decimal128(24, 6),
            _SCORE: pa.decimal128(9, 6),
            _DATE: pa.date32(),
            _MOMENT: pa.timestamp("us"),
            _BYTES: pa.binary(),
            _TEXTS: pa.list_(pa.string()),
        }
        return pa.schema([pa.field(name, types[kind]) for name, kind in self.columns.items()])

    def table_of(self, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Return rows (column → value) as an Arrow table; a column that a row lacks is NULL."""
        import pyarrow as pa

        return pa.Table.from_pylist([*rows], self.arrow)


#: Columns of every row of ``raw``: the object, its version and the run that took it in.
_LINEAGE = [
    ("object_key", _TEXT),
    ("etag", _TEXT),
    ("sha256", _TEXT),
    ("run_id", _TEXT),
    ("year", _INT),
    ("province_code", _TEXT),
]
_DOCUMENT = [
    *_LINEAGE,
    ("document_id", _TEXT),
    ("submitted_at", _TEXT),
    ("synthetic", _BOOLEAN),
]
_ERROR = [
    ("year", _INT),
    ("province_code", _TEXT),
    ("object_key", _TEXT),
    ("document_id", _TEXT),
    ("unit_code", _TEXT),
    ("indicator_code", _TEXT),
    ("code", _TEXT),
    ("severity", _TEXT),
    ("location", _TEXT),
    ("message_zh", _TEXT),
    ("message_en", _TEXT),
    ("etag", _TEXT),
    ("value", _TEXT),
]


def _schema(*columns: tuple[str, str]) -> TableSchema:
    return TableSchema(dict(columns))


_COLUMN_TYPES = {
    ColumnType.TEXT: _TEXT,
    ColumnType.INTEGER: _INT,
    ColumnType.DATE: _DATE,
    ColumnType.SCORE: _SCORE,
    ColumnType.JSON: _TEXT,
}


def _document_table(described: DocumentType) -> TableSchema:
    """The raw table of a document type."""
    own = [(column.name, _COLUMN_TYPES[column.type]) for column in described.columns]
    return _schema(*_DOCUMENT, *own)


#: Contact data; it is never copied from the lake's ``raw`` schema to a build file.
CONTACTS = "registration_contacts"

RAW_TABLES: dict[str, TableSchema] = {
    "objects": _schema(
        *_LINEAGE,
        ("document_type", _TEXT),
        ("size", _BIG),
        ("last_modified", _MOMENT),
        ("status", _TEXT),
        ("documents_total", _INT),
        ("documents_accepted", _INT),
        ("documents_rejected", _INT),
        ("receipt_name", _TEXT),
        ("body", _BYTES),
    ),
    # Objects that no longer stand at their key: deleted, or overwritten by another version.
    "gone_objects": _schema(*_LINEAGE),
    **{each.raw_table: _document_table(each) for each in DOCUMENT_TYPES.values()},
    CONTACTS: _schema(
        *_LINEAGE,
        ("document_id", _TEXT),
        ("unit_code", _TEXT),
        ("contact_name", _TEXT),
        ("contact_phone", _TEXT),
        ("contact_email", _TEXT),
    ),
    "plan_targets": _schema(
        *_LINEAGE,
        ("document_id", _TEXT),
        ("unit_code", _TEXT),
        ("target_year", _INT),
        ("indicator_code", _TEXT),
        ("target_text", _TEXT),
        ("target_number", _NUMBER),
        ("location", _TEXT),
    ),
    "performance_values": _schema(
        *_LINEAGE,
        ("document_id", _TEXT),
        ("unit_code", _TEXT),
        ("indicator_code", _TEXT),
        ("value_text", _TEXT),
        ("value_kind", _TEXT),
        ("value_number", _NUMBER),
        ("location", _TEXT),
    ),
    # The current state of the report files that documents name.
    "attachments": _schema(
        *_LINEAGE, ("size", _BIG), ("is_too_large", _BOOLEAN), ("is_what_it_says", _BOOLEAN)
    ),
    "document_errors": _schema(*_ERROR, ("run_id", _TEXT)),
    # All accepted documents by content, so that a document_id is never accepted twice.
    "documents": _schema(
        *_LINEAGE, ("document_id", _TEXT), ("document_type", _TEXT), ("content_sha256", _TEXT)
    ),
    # One row for each run that found something new; listed_at decides freshness.
    "intake_runs": _schema(
        ("run_id", _TEXT),
        ("year", _INT),
        ("finished_at", _MOMENT),
        ("objects", _INT),
        ("listed_at", _MOMENT),
    ),
}

OTHER_TABLES: dict[str, TableSchema] = {
    "quality.submission_errors": _schema(*_ERROR, ("explained_by", _TEXT), ("explanation", _TEXT)),
    "quality.gate_results": _schema(
        ("year", _INT),
        ("run_id", _TEXT),
        ("snapshot_id", _BIG),
        ("suite", _TEXT),
        ("expectation", _TEXT),
        ("severity", _TEXT),
        ("success", _BOOLEAN),
        ("observed", _TEXT),
        ("threshold", _TEXT),
        ("waived_by", _TEXT),
        ("reason", _TEXT),
        ("detail", _TEXT),
        ("figures_version", _TEXT),
        ("edition_version", _TEXT),
    ),
    "quality.transform_runs": _schema(
        ("year", _INT),
        ("inputs_digest", _TEXT),
        ("figures_version", _TEXT),
        ("run_id", _TEXT),
        ("engine", _TEXT),
    ),
    # The readable receipts in the publication bucket, with a digest of what each was made from.
    "publication.receipt_pages": _schema(
        ("year", _INT), ("province_code", _TEXT), ("page", _TEXT), ("digest", _TEXT)
    ),
    # A province's numbers of a day, for the comparison on the next day.
    "publication.daily_digests": _schema(
        ("year", _INT),
        ("province_code", _TEXT),
        ("day", _DATE),
        ("units_expected", _INT),
        ("units_reported", _INT),
        ("units_with_errors", _INT),
        ("units_late", _INT),
        ("objects_rejected", _INT),
        ("units_unassessed", _INT),
        ("summaries_missing", _INT),
        ("documents_returned", _INT),
    ),
    # What a province may sign: its digests, each with the digests of the figures of its tasks.
    "publication.signable_digests": _schema(
        ("year", _INT),
        ("province_code", _TEXT),
        ("day", _DATE),
        ("document_digest", _TEXT),
        ("task_code", _TEXT),
        ("figures_digest", _TEXT),
    ),
    # Letters to those who submit, and what each was about; no addresses. Without a unit: the digest
    # of a province.
    "publication.letters": _schema(
        ("year", _INT),
        ("province_code", _TEXT),
        ("unit_code", _TEXT),
        ("day", _DATE),
        ("told_at", _MOMENT),
        ("message_id", _TEXT),
        ("reasons", _TEXT),
        ("documents_digest", _TEXT),
        ("state_digest", _TEXT),
        ("figures_version", _TEXT),
        ("outcome", _TEXT),
        ("detail", _TEXT),
    ),
    "publication.editions": _schema(
        ("year", _INT),
        ("edition", _INT),
        ("snapshot_id", _BIG),
        ("figures_version", _TEXT),
        ("edition_version", _TEXT),
        ("published_at", _MOMENT),
        ("manifest_sha256", _TEXT),
        ("supersedes", _INT),
        ("reason", _TEXT),
    ),
    # What a corrected edition changed, a row for each figure and rank.
    "publication.figure_revisions": _schema(
        ("year", _INT),
        ("figure_id", _TEXT),
        ("edition", _INT),
        ("value", _FIGURE),
        ("previous_value", _FIGURE),
        ("reason_code", _TEXT),
        ("document_ids", _TEXTS),
    ),
}

_SCHEMAS = ("raw", "staging", "intermediate", "marts", "quality", "publication")


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas, tables and columns that ``lake`` lacks, in one transaction.

    If nothing is missing, nothing is written. New columns of existing tables are NULL.
    """
    have: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where database_name = 'lake'"
    ).fetchall():
        have.setdefault(table, set()).add(column)
    wanted = {f"raw.{name}": schema for name, schema in RAW_TABLES.items()} | OTHER_TABLES
    changes: list[str] = []
    for name, schema in wanted.items():
        columns = schema.columns.items()
        if name not in have:
            listed = ", ".join(f"{column} {kind}" for column, kind in columns)
            changes.append(f"create table lake.{name} ({listed})")
        else:
            changes += [
                f"alter table lake.{name} add column {column} {kind}"
                for column, kind in columns
                if column not in have[name]
            ]
    if not changes:
        return
    con.execute("begin")
    for schema_name in _SCHEMAS:
        con.execute(f"create schema if not exists lake.{schema_name}")
    for change in changes:
        con.execute(change)
    con.execute("commit")


def has_table(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether ``lake`` has a table, as of the connection's snapshot.

    ``duckdb_columns()`` and not ``duckdb_tables()``, which reads the statistics of every table.

    Args:
        name: schema and table, e.g. ``quality.gate_results``.
    """
    query = (
        "select true from duckdb_columns() where database_name = 'lake' "
        "and schema_name || '.' || table_name = ? limit 1"
    )
    return con.execute(query, [name]).fetchone() is not None


def utc_naive(moment: datetime) -> datetime:
    """An instant (aware) in UTC without a zone, as the lake's tables hold it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def insert_rows(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Append rows to a table of the lake, in one statement because each one makes a data file.

    Args:
        name: schema and table, e.g. ``quality.gate_results``.
        rows: with the table's columns.
    """
    con.register("incoming", rows)
    # By name: in an older lake, columns that were added later come last.
    con.execute(f"insert into lake.{name} by name select * from incoming")
    con.unregister("incoming")
