"""Fixtures that several tests share: a home of its own with a real S3 server, the command line."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import stages
from orchestration.cli import main
from orchestration.core.settings import Settings
from orchestration.intake.workers import workers_of_many_runs
from tests.fixtures.homes import PreparedYear, Shared, prepared_year
from tests.fixtures.landing import Landing
from tests.needs import missing

#: Files whose tests take a minute or longer, the longest first, so that the workers end together
#: (measured in November 2026). test_open_data makes the prepared year; test_intake doesn't need it
#: and keeps the other worker busy meanwhile.
_LONG_FILES = [
    *("test_runbook", "test_open_data", "test_intake", "test_publication", "test_topology"),
    *("test_editions", "test_history", "test_rebuilding", "test_gate", "test_trace"),
    *("test_receipt_pages", "test_rows", "test_watching", "test_explanations", "test_s3_access"),
    *("test_attachments", "test_returns", "test_confirmations", "test_story", "test_signing_off"),
    "test_check",
]

#: What would point a test at somebody's real store.
_FOREIGN = ("AWS_", "TONGBAO_", "DAGSTER_")

Tongbao = Callable[..., subprocess.CompletedProcess[str]]
Environment = Callable[..., None]


def pytest_sessionstart(session: pytest.Session) -> None:
    """The slow tier names what it lacks before it begins, and stops."""
    lacking = missing()
    if session.config.option.markexpr == "slow" and lacking:
        pytest.exit("\n".join(["the slow tests can't run here:", *lacking]), returncode=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first; the others keep their order."""
    ranks = {name: rank for rank, name in enumerate(_LONG_FILES)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where ``TONGBAO_TESTS_SKIP=fail`` is set (CI), a test that is skipped fails the session."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("TONGBAO_TESTS_SKIP") == "fail":
        reporter.write_line(f"{len(skipped)} tests skipped: here none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def leave_out_settings(patch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            patch.delenv(name)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees settings of the machine."""
    leave_out_settings(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def one_forker() -> Iterator[None]:
    """The tests of a process start the process that forks intake's workers once."""
    with workers_of_many_runs():
        yield


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Shared:
    """What all homes use: the dbt project, parsed and recorded once for a state of the project."""
    return Shared(pytestconfig.cache.mkdir("dbt"))


@pytest.fixture(scope="session")
def prepared(pytestconfig: pytest.Config, shared: Shared) -> PreparedYear:
    """The synthetic year that several modules look at, made once for each state of the code."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_settings(patch)
        return prepared_year(pytestconfig.cache.mkdir("prepared"), shared)


@pytest.fixture
def settings(tmp_path: Path, shared: Shared) -> Settings:
    """Settings over a home of the test's own."""
    return shared.settings(tmp_path / "home")


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


def run_command(
    arguments: Sequence[str], home: Path, cwd: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """``tongbao`` in this process, which has imported all that a command needs.

    The same as a process of its own in all but its imports: same arguments, environment, working
    directory, exit code and both streams.
    """
    wanted = clean_environment(home, environment)
    replaced = {name: wanted.get(name) for name in {*os.environ, *wanted}}
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(main, list(arguments), env=replaced, prog_name="tongbao")
    return subprocess.CompletedProcess(list(arguments), done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def tongbao(settings: Settings, tmp_path: Path) -> Tongbao:
    """Run the command line as a user does; the store starts with the command."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run_command(arguments, settings.home, tmp_path, environment)

    return run
