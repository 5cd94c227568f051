"""The script that makes one DuckDB file of an edition's open data: ``metadata/load.sql``.

A DuckDB file itself is no file of an edition, because its bytes are not repeatable: of two files
of the same 200,000 rows, written by one thread, three bytes differ (DuckDB 1.5.5), so ``tongbao
verify`` would report it each time. The script is text, and any DuckDB from 1.4 on runs it.

Belongs here: the statements. Doesn't belong here: running them (``publication.database``).
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestration.bulletin.open_data.dataset import Dataset
from orchestration.bulletin.open_data.rows import OpenTable

__all__ = ["SCRIPT", "load_script"]

#: Path of the script below the edition, from whose folder it is run.
SCRIPT = "metadata/load.sql"
#: Table with rows of all tasks together → the view without them.
_WITHOUT_TOTALS = {
    "agg_national_indicator": "v_national_indicator",
    "agg_province_indicator": "v_province_indicator",
}


def load_script(dataset: Dataset, tables: Iterable[OpenTable]) -> bytes:
    """Make the script; it reads the edition's Parquet files."""
    lines = [
        f"-- {dataset.title}",
        f"-- {dataset.title_en}, version {dataset.version}",
        f"-- duckdb tongbao-{dataset.year}.duckdb < {SCRIPT}",
    ]
    for table in tables:
        name = table.about.name
        lines.append(f"create table {name} as from read_parquet('data/{name}.parquet');")
        lines.append(
            _comment("table", name, table.about.description_zh, table.about.description_en)
        )
        lines += [
            _comment("column", f"{name}.{each.name}", each.description_zh, each.description_en)
            for each in table.columns
        ]
        if name in _WITHOUT_TOTALS and any(each.name == "is_total" for each in table.columns):
            view = _WITHOUT_TOTALS[name]
            lines.append(f"create view {view} as from {name} where not is_total;")
            lines.append(
                _comment(
                    "view",
                    view,
                    f"{name}中不含全部任务合计行的部分，可按任务加总。",
                    f"The rows of {name} without the totals over all tasks.",
                )
            )
    return "\n".join([*lines, ""]).encode()


def _comment(kind: str, name: str, chinese: str, english: str) -> str:
    text = f"{chinese} / {english}".replace("'", "''")
    return f"comment on {kind} {name} is '{text}';"
