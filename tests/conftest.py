"""Fixtures that several tests share: a home of its own with a real S3 server, the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from orchestration import stages
from orchestration.core.settings import Settings
from tests.fixtures.landing import Landing

#: What would point a test at somebody's real store.
_FOREIGN = ("AWS_", "TONGBAO_", "DAGSTER_")

Tongbao = Callable[..., subprocess.CompletedProcess[str]]
Environment = Callable[..., None]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees settings of the machine."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of DuckDB's extensions for all homes of a process.

    A library loaded from another place is loaded once more: 60 MB of memory for each home.
    """
    return tmp_path_factory.mktemp("duckdb_extensions")


@pytest.fixture
def settings(tmp_path: Path, extensions: Path) -> Settings:
    """Settings over a home of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "duckdb_extensions").symlink_to(extensions)
    return Settings(home=home, catalog=str(home / "catalog.sqlite"))


@pytest.fixture
def ws(settings: Settings) -> Iterator[stages.Workspace]:
    """A workspace with the project's own S3 server."""
    with stages.open_workspace(settings) as opened:
        yield opened


@pytest.fixture
def landing(ws: stages.Workspace) -> Landing:
    """The landing zone of the workspace."""
    return Landing(ws.store)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set a workspace's settings in this process's environment, as Dagster's processes see it."""

    def point(ws: stages.Workspace, now: str | None = None) -> None:
        for name, value in {
            "TONGBAO_HOME": str(ws.settings.home),
            "AWS_ENDPOINT_URL_S3": str(ws.store.config.endpoint),
            "AWS_ACCESS_KEY_ID": ws.store.config.access_key_id,
            "AWS_SECRET_ACCESS_KEY": ws.store.config.secret_access_key,
            "AWS_REGION": "us-east-1",
            **({"TONGBAO_NOW": now} if now else {}),
        }.items():
            monkeypatch.setenv(name, value)

    return point


def clean_environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: this machine's without settings, a home, and ``more``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    return {**kept, "TONGBAO_HOME": str(home), **(more or {})}


@pytest.fixture
def tongbao(settings: Settings, tmp_path: Path) -> Tongbao:
    """Run the command line as a user does; the store starts with the command."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "tongbao"), *arguments],
            env=clean_environment(settings.home, environment),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run
