"""The lakehouse: DuckLake with its data files in the lake bucket.

Belongs here: connections to the catalogue, the schemas of the raw tables, the build file for dbt,
the transaction that commits a build, snapshots. Doesn't belong here: the definition of the
figures (dbt) and the decision whether they may be published (gate).
"""

from orchestration.lakehouse.attach import (
    data_path,
    open_lake,
    publisher,
    quoted,
    reader,
    without_pandas,
    writer,
)
from orchestration.lakehouse.build import PRIOR_TABLES, build_file, prepare_build
from orchestration.lakehouse.checksums import (
    LakeCheck,
    check_lake,
    check_marts,
    record_checksums,
)
from orchestration.lakehouse.commit import CommitSummary, LakeTable, commit_build, write_comments
from orchestration.lakehouse.dbt import DBT_PROJECT, lake_descriptions, lake_tables
from orchestration.lakehouse.engine import build_marts
from orchestration.lakehouse.files import recorded_files, recorded_rows, way_back
from orchestration.lakehouse.maintain import (
    KEEP_SNAPSHOTS,
    MaintainSummary,
    maintain,
    pinned_snapshots,
)
from orchestration.lakehouse.records import (
    blocking,
    blocks,
    edition_rows,
    gate_rows,
    newest_verdicts,
    record_edition,
    record_gate,
    revision_rows,
)
from orchestration.lakehouse.snapshots import (
    current_snapshot,
    has_marts_from,
    last_intake_at,
    marts_edition,
    same_rows,
    transform_engine,
    transform_record,
    transform_snapshot,
)
from orchestration.lakehouse.tables import CONTACTS, RAW_TABLES, ensure_tables, has_table
from orchestration.lakehouse.transform import (
    TransformSummary,
    marts_are_stale,
    transform_year,
    years_with_submissions,
)

__all__ = [
    "CONTACTS",
    "DBT_PROJECT",
    "KEEP_SNAPSHOTS",
    "PRIOR_TABLES",
    "RAW_TABLES",
    "CommitSummary",
    "LakeCheck",
    "LakeTable",
    "MaintainSummary",
    "TransformSummary",
    "blocking",
    "blocks",
    "build_file",
    "build_marts",
    "check_lake",
    "check_marts",
    "commit_build",
    "current_snapshot",
    "data_path",
    "edition_rows",
    "ensure_tables",
    "gate_rows",
    "has_marts_from",
    "has_table",
    "lake_descriptions",
    "lake_tables",
    "last_intake_at",
    "maintain",
    "marts_are_stale",
    "marts_edition",
    "newest_verdicts",
    "open_lake",
    "pinned_snapshots",
    "prepare_build",
    "publisher",
    "quoted",
    "reader",
    "record_checksums",
    "record_edition",
    "record_gate",
    "recorded_files",
    "recorded_rows",
    "revision_rows",
    "same_rows",
    "transform_engine",
    "transform_record",
    "transform_snapshot",
    "transform_year",
    "way_back",
    "without_pandas",
    "write_comments",
    "writer",
    "years_with_submissions",
]
