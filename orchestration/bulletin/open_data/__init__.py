"""Open data of an edition: the year's marts as CSV and Parquet, described for people and machines.

Belongs here: the data files and their descriptions. Doesn't belong here: figures (dbt makes them)
and workbooks for readers (``tables``).

No contact data: the marts hold none, and intake strikes out what somebody wrote into a text.
"""

from __future__ import annotations

from datetime import UTC

import duckdb

from orchestration.bulletin.open_data.catalogues import citation_cff, dcat_jsonld
from orchestration.bulletin.open_data.dataset import Dataset
from orchestration.bulletin.open_data.formats import csv_bytes, formula_safe, parquet_bytes
from orchestration.bulletin.open_data.load_script import SCRIPT, load_script
from orchestration.bulletin.open_data.package import (
    dictionary_csv,
    dictionary_lines,
    dictionary_resource,
    package_json,
    table_resources,
)
from orchestration.bulletin.open_data.rows import public_tables, read_table
from orchestration.bulletin.open_data.series import series_table

__all__ = ["SCRIPT", "formula_safe", "open_data", "public_tables"]


def open_data(con: duckdb.DuckDBPyConnection, year: int, edition: int) -> dict[str, bytes]:
    """Make the data files of the year's public marts and their descriptions.

    If the year has synthetic documents, every table, the package and its title say so.

    Args:
        con: a reader pinned at the edition's snapshot, with the lake attached as ``lake``.
        edition: number of the edition.

    Returns:
        path below the edition → bytes: ``data/{table}.csv``, ``data/{table}.parquet``, the tables
        being the marts and ``series`` (all published years),
        ``data/dictionary.csv``, ``data/datapackage.json``, ``metadata/load.sql``,
        ``metadata/dcat.jsonld``, ``CITATION.cff``.
    """
    [(is_synthetic, counts_until)] = con.execute(
        "select is_synthetic, counts_until from lake.marts.dim_reporting_year where year = ?",
        [year],
    ).fetchall()
    dataset = Dataset(year, edition, counts_until.replace(tzinfo=UTC), is_synthetic)
    files: dict[str, bytes] = {}
    resources = []
    lines = []
    tables = [read_table(con, name, year, is_synthetic=is_synthetic) for name in public_tables()]
    tables.append(series_table(con, year, edition))
    for table in tables:
        name = table.about.name
        csv_body = csv_bytes(table.rows)
        parquet_body = parquet_bytes(table, year, is_synthetic=is_synthetic)
        files[f"data/{name}.csv"] = csv_body
        files[f"data/{name}.parquet"] = parquet_body
        resources += table_resources(table, csv_body, parquet_body)
        lines += dictionary_lines(table)
    files["data/dictionary.csv"] = dictionary_csv(lines)
    resources.append(dictionary_resource(files["data/dictionary.csv"]))
    files[SCRIPT] = load_script(dataset, tables)
    files["data/datapackage.json"] = package_json(dataset, resources)
    files["metadata/dcat.jsonld"] = dcat_jsonld(dataset, resources)
    files["CITATION.cff"] = citation_cff(dataset)
    return files
