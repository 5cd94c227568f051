"""Rules of the architecture: imports, and facts that must be in one place only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from orchestration.core.settings import PROJECT_ROOT
from orchestration.intake.contracts import SCHEMA_FOLDER, json_schemas


def test_imports_follow_the_contracts() -> None:
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(command)], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_only_settings_reads_the_environment() -> None:
    readers = [
        path.name
        for path in (PROJECT_ROOT / "orchestration").rglob("*.py")
        if re.search(r"environ(\.get\(|\[)\s*\"(TONGBAO|AWS)_", path.read_text(encoding="utf-8"))
        # dbt_process.py sets a variable for dbt; group.py decides whether to show a traceback.
        and path.name not in {"settings.py", "dbt_process.py", "group.py"}
    ]
    assert readers == []


def test_every_module_has_a_docstring_about_its_content() -> None:
    silent = [
        str(path.relative_to(PROJECT_ROOT))
        for folder in ("orchestration", "expectations")
        for path in (PROJECT_ROOT / folder).rglob("*.py")
        if not path.read_text(encoding="utf-8").startswith('"""') and path.stat().st_size
    ]
    assert silent == []


def test_the_published_schemas_equal_the_contracts() -> None:
    published = {p.name: p.read_text(encoding="utf-8") for p in SCHEMA_FOLDER.glob("*.json")}
    assert published == json_schemas()


def test_the_lock_files_have_hashes_and_no_index() -> None:
    files = list(PROJECT_ROOT.glob("requirements*.lock"))
    assert PROJECT_ROOT / "requirements.lock" in files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "--index-url" not in text
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9][\w.\[\]-]*==", text, re.MULTILINE | re.IGNORECASE)
        assert len(pinned) <= text.count("--hash=sha256:")
        assert pinned


def test_listing_checks_and_stages_imports_no_heavy_library() -> None:
    """Libraries that only a judgement or a build needs take seconds of CPU to import."""
    code = (
        "import sys, expectations, orchestration.cli, orchestration.stages, orchestration.gate, "
        "orchestration.intake, orchestration.publication, orchestration.receipts\n"
        "print(sorted({'dagster', 'dbt', 'great_expectations'} & set(sys.modules)))"
    )
    assert _printed_by(code) == ["[]"]


def _printed_by(code: str) -> list[str]:
    """The lines that a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_trace_imports_only_what_it_needs() -> None:
    """A trace takes less than a second; each of these takes a part of that to import."""
    lines = _printed_by(
        "import sys, orchestration.cli, orchestration.stages, orchestration.trace\n"
        "print(sorted({'boto3', 'numpy', 'pandas', 'psycopg2', 'pyarrow', "
        "'orchestration.bulletin', 'orchestration.intake'} & set(sys.modules)))"
    )
    assert lines == ["[]"]


def test_duckdb_imports_pandas_only_where_it_may() -> None:
    lines = _printed_by(
        "import sys, duckdb\n"
        "from orchestration.lakehouse import without_pandas\n"
        "with without_pandas():\n"
        "    print(duckdb.execute('select ?', ['a']).fetchall(), 'numpy' in sys.modules)\n"
        "print('pandas' in sys.modules, duckdb.sql('select 1 as x').df().x[0])"
    )
    assert lines == ["[('a',)] False", "False 1"]
