"""The versions that a change of a file changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration.core import versions
from orchestration.core.settings import PROJECT_ROOT
from orchestration.lakehouse import edition_rows, ensure_tables
from orchestration.publication import verifying


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code's files."""
    root = tmp_path_factory.mktemp("tree")
    for path in versions.project_files():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT_ROOT / path, root / path)
    return root


def _changed_versions(root: Path, path: str) -> set[str]:
    """The versions that change if a byte is appended to the file, or if the file is created."""
    before = {name: versions.version_of(name, root) for name in ("figures", "edition")}
    changed = root / path
    was = changed.read_bytes() if changed.exists() else None
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_bytes((was or b"") + b"\n")
    try:
        return {name for name in before if versions.version_of(name, root) != before[name]}
    finally:
        changed.unlink() if was is None else changed.write_bytes(was)


@pytest.mark.parametrize(
    "path",
    [
        "dbt_project/models/marts/fct_unit_year.sql",
        "dbt_project/macros/exact.sql",
        "dbt_project/seeds/indicators.csv",
        "dbt_project/dbt_project.yml",
        "orchestration/intake/contracts.py",
        "orchestration/intake/formats/xlsx.py",
        "orchestration/lakehouse/build.py",
        "orchestration/lakehouse/commit.py",
    ],
)
def test_files_that_decide_a_number_change_the_figures_version(tree: Path, path: str) -> None:
    assert (tree / path).exists()
    assert _changed_versions(tree, path) == {"figures"}


@pytest.mark.parametrize(
    "path",
    [
        "expectations/national.py",
        "orchestration/bulletin/render/bulletin.typ",
        "orchestration/bulletin/render/word_parts/_rels/.rels",
        "orchestration/bulletin/render/word_parts/word/styles.xml",
        "orchestration/bulletin/site/site.css",
        "orchestration/bulletin/site/units.js",
        "orchestration/bulletin/site/index.html.j2",
        "orchestration/bulletin/wording.py",
        "orchestration/figures/numbers.py",
        "orchestration/gate/judging.py",
        "orchestration/gate/report.html.j2",
        "orchestration/publication/changes.py",
        "orchestration/trace/pages.py",
        "orchestration/workbook.py",
    ],
)
def test_files_that_decide_bytes_change_the_edition_version(tree: Path, path: str) -> None:
    assert (tree / path).exists()
    assert _changed_versions(tree, path) == {"edition"}


def test_an_added_font_or_script_counts_whatever_its_name(tree: Path) -> None:
    assert _changed_versions(tree, "orchestration/bulletin/render/fonts/new.ttf") == {"edition"}
    assert _changed_versions(tree, "orchestration/bulletin/site/no_suffix") == {"edition"}
    assert _changed_versions(tree, "dbt_project/macros/new.sql") == {"figures"}


@pytest.mark.parametrize(
    "path", ["orchestration/core/catalogue.py", "orchestration/core/reporting_calendar.py"]
)
def test_the_catalogue_and_the_calendar_change_both_versions(tree: Path, path: str) -> None:
    assert (tree / path).exists()
    assert _changed_versions(tree, path) == {"figures", "edition"}


@pytest.mark.parametrize(
    "path",
    [
        "dbt_project/target/manifest.json",
        "dbt_project/logs/dbt.log",
        "expectations/waivers.csv",
        "orchestration/alarms/kinds.py",
        "orchestration/bulletin/__pycache__/wording.cpython-311.pyc",
        "orchestration/cli/yearly.py",
        "orchestration/definitions.py",
        "orchestration/defs/schedules.py",
        "orchestration/demo/world.py",
        "orchestration/receipts/unit.html.j2",
        "orchestration/stages.py",
    ],
)
def test_other_files_change_neither_version(tree: Path, path: str) -> None:
    assert _changed_versions(tree, path) == set()


def test_renaming_or_deleting_a_file_changes_its_version(tree: Path) -> None:
    before = versions.version_of("edition", tree)
    script = tree / "orchestration/bulletin/site/units.js"
    moved = script.rename(script.with_name("renamed.js"))
    renamed = versions.version_of("edition", tree)
    moved.rename(tree / "units.js")
    deleted = versions.version_of("edition", tree)
    (tree / "units.js").rename(script)
    assert len({before, renamed, deleted}) == 3
    assert versions.version_of("edition", tree) == before


def test_every_file_is_classified() -> None:
    """A new folder needs an entry in ``versions.PARTS``."""
    unclassified = [path for path in versions.project_files() if versions.versions_of(path) is None]
    assert unclassified == []
    assert versions.versions_of("orchestration/a_new_folder/module.py") is None


def test_every_entry_exists_and_differs_from_its_folders_entry() -> None:
    for part, (moved, reason) in versions.PARTS.items():
        assert (PROJECT_ROOT / part).exists(), part
        assert reason, part
        parent = os.path.dirname(part)  # noqa: PTH120
        if parent in versions.PARTS:
            assert versions.PARTS[parent][0] != moved, f"{part} repeats {parent}"


def test_each_file_of_the_dbt_project_changes_its_version(tree: Path) -> None:
    def version() -> str:
        versions.dbt_project_version.cache_clear()
        return versions.dbt_project_version(tree / "dbt_project")

    before = version()
    for path, moves in (
        ("orchestration/lakehouse/dbt.py", False),
        ("dbt_project/models/marts/dim_task.sql", True),
        ("dbt_project/seeds/tasks.csv", True),
    ):
        text = (tree / path).read_bytes()
        (tree / path).write_bytes(text + b"\n")
        assert (version() != before) is moves, path
        (tree / path).write_bytes(text)


def test_older_records_have_one_version_for_both() -> None:
    assert versions.recorded_versions({"code_version": "0.1.0+abc", "figures_version": None}) == {
        "figures_version": "0.1.0+abc",
        "edition_version": "0.1.0+abc",
    }
    named = {"figures_version": "f", "edition_version": "e"}
    assert versions.recorded_versions({"code_version": "0.1.0", **named}) == named


def test_an_older_lake_without_the_two_versions_can_be_read() -> None:
    """Readers must not depend on a writer that adds the columns first."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as lake")
        con.execute("create schema lake.publication")
        con.execute(
            "create table lake.publication.editions as select 2024 as year, 1 as edition, "
            "7 as snapshot_id, '0.1.0+abc' as code_version, now()::timestamp as published_at, "
            "'' as manifest_sha256, null::integer as supersedes, null::varchar as reason"
        )
        (edition,) = edition_rows(con, 2024)
        assert edition["figures_version"] == edition["edition_version"] == "0.1.0+abc"
        assert "code_version" not in edition
        ensure_tables(con)
        assert edition_rows(con, 2024) == [edition]


def test_verify_names_the_version_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    today = {"figures_version": "f2", "edition_version": "e"}
    monkeypatch.setattr(verifying, "code_versions", lambda: today)
    manifest = {"figures_version": "f1", "edition_version": "e", "environment": {}}
    assert verifying._causes(manifest, {}) == ["figures_version f1 → f2"]
    assert verifying._causes(manifest | today, {}) == []
