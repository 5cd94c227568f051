"""Opening the lake: DuckDB's extensions are those whose signatures were checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import Unreachable
from orchestration.core.settings import Settings


def _swap(path: Path, body: bytes) -> None:
    """Another file under the name; the one that is mapped stays what it is."""
    other = path.with_suffix(".other")
    other.write_bytes(body)
    other.replace(path)


def test_an_extension_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    """Its signature is checked again, although this process has loaded it before."""
    settings = Settings(home=tmp_path, catalog=str(tmp_path / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        for _ in range(2):
            with lakehouse.writer(settings, ws.store) as con:
                assert con.execute("select 1").fetchone() == (1,)
        [extension] = (tmp_path / "duckdb_extensions").rglob("httpfs.duckdb_extension")
        sound = extension.read_bytes()
        _swap(extension, sound.replace(b"S3", b"s3", 1))
        with pytest.raises(Unreachable, match="signature"), lakehouse.writer(settings, ws.store):
            pass
        _swap(extension, sound)
        with lakehouse.writer(settings, ws.store) as con:
            assert con.execute("select 1").fetchone() == (1,)
        known = lakehouse.checked_extensions()
        assert {Path(name).name.partition(".")[0] for name, _, _ in known} >= {
            "httpfs", "ducklake", "sqlite_scanner",
        }  # fmt: skip
