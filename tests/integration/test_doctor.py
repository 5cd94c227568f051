"""`tongbao doctor`: a sound home, and each fault with the setting that mends it."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from orchestration import lakehouse
from orchestration.core.settings import Settings
from orchestration.doctor import Finding, State, Subject, examine, machine
from orchestration.doctor.outside import alarm_channels
from orchestration.stages import open_workspace
from tests.conftest import Tongbao
from tests.fixtures.receivers import authority, webhook_server


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a small lake, which the environment names."""
    with open_workspace(settings) as ws, lakehouse.writer(settings, ws.store) as con:
        con.execute("create table lake.main.n as select range as n from range(10)")
    monkeypatch.setenv("TONGBAO_HOME", str(settings.home))
    return settings.home


def _faults() -> dict[str, Finding]:
    return {each.name: each for each in examine().findings if each.state is State.FAULT}


def _data_file(home: Path) -> Path:
    [path] = (home / "s3" / "lake" / "data").rglob("*.parquet")
    return path


def test_a_sound_home_has_no_fault(home: Path, tongbao: Tongbao) -> None:
    done = tongbao("doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    states = {each["name"]: each["state"] for each in found["checks"]}
    assert found["exit_code"] == 0
    # Other versions than the tested ones, and a home without alarms, are no faults.
    assert set(states.values()) <= {"ok", "warning"}
    assert states["alarms"] == "warning"
    assert states["buckets"] == states["dagster"] == "ok"
    [files] = [each for each in found["checks"] if each["name"] == "lake files"]
    assert files["seen"] == "1, none is missing"
    assert all(each["advice"] for each in found["checks"] if each["state"] != "ok")
    # It leaves nothing in the buckets.
    assert not list((home / "s3").rglob("*doctor*"))


def test_the_page_names_the_setting_that_is_wrong(tongbao: Tongbao) -> None:
    done = tongbao("doctor", TONGBAO_MAX_ROWS="many", TONGBAO_WEBHOOK_URL="https://x/a-secret")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    [line] = [line for line in lines if line.startswith("fault")]
    assert "settings" in line
    assert "TONGBAO_MAX_ROWS must be a whole number above 0, not 'many'" in line
    assert any(line.startswith("skipped  store") for line in lines)
    assert lines[-1].startswith("19 checks: 1 fault, ")


def test_lost_and_shortened_files_of_the_lake_are_found(home: Path) -> None:
    path = _data_file(home)
    body = path.read_bytes()
    path.write_bytes(body[:-1])
    assert "0 of 1 missing, 1 of another size: data/main/n/" in _faults()["lake files"].seen
    path.unlink()
    found = _faults()
    assert found.keys() == {"lake files"}
    assert "1 of 1 missing" in found["lake files"].seen
    assert "tongbao run --year Y --until gate" in found["lake files"].advice


def test_a_damaged_catalogue(home: Path) -> None:
    (home / "catalog.sqlite").write_bytes(b"no database" * 1000)
    found = _faults()
    assert found.keys() == {"catalogue"}
    assert "file is not a database" in found["catalogue"].seen
    # Nothing but the lake is moved away: its submissions are in the same home.
    [moved] = re.findall("'mv (.*) ELSEWHERE/'", found["catalogue"].advice)
    assert moved == f'"{home}/catalog.sqlite"* "{home}/s3/lake/data"'


def test_a_lost_catalogue_is_not_a_new_lake(home: Path) -> None:
    for path in home.glob("catalog.sqlite*"):
        path.unlink()
    found = _faults()
    assert found.keys() == {"lake files"}
    assert "1 in the bucket lake, and no catalogue" in found["lake files"].seen
    assert "check TONGBAO_HOME and TONGBAO_CATALOG" in found["lake files"].advice


@pytest.mark.parametrize(
    ("environment", "check", "seen", "advice", "exit_code"),
    [
        (
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"},
            "reach", "127.0.0.1:9", "profile); start the S3 server on this machine", 4,
        ),
        (
            {"AWS_ENDPOINT_URL_S3": "http://tongbao.invalid", "TONGBAO_S3_ADDRESSING": "virtual"},
            "reach", "tongbao.invalid", "set HTTPS_PROXY; where no name resolves", 4,
        ),
        (
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9/landing"},
            "store", "http://127.0.0.1:9 alone", "", 2,
        ),
        (
            {"AWS_ENDPOINT_URL_S3": "http://s3.example", "HTTP_PROXY": "http://u:pw@127.0.0.1:9"},
            "proxy", "http://127.0.0.1:9: ", "add s3.example to NO_PROXY", 4,
        ),
        ({"AWS_PROFILE": "nobody"}, "store", "nobody", "", 2),
        (
            {"TONGBAO_CATALOG": "postgresql://127.0.0.1:9/tongbao"},
            "catalogue", "postgresql://127.0.0.1:9/tongbao: ", "", 4,
        ),
        ({"TONGBAO_FONT_DIR": "/nowhere"}, "fonts", "/nowhere", "TONGBAO_FONT_DIR", 2),
        ({"TONGBAO_HOME": "/proc/tongbao"}, "disk", "/proc/tongbao", "set TONGBAO_HOME", 1),
        (
            {"TONGBAO_WEBHOOK_URL": "http://127.0.0.1:9/a-secret"},
            "alarms", "http://127.0.0.1:9: ", "correct TONGBAO_WEBHOOK_URL", 1,
        ),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("home")
def test_faults_by_setting(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    check: str,
    seen: str,
    advice: str,
    exit_code: int,
) -> None:
    monkeypatch.setattr("orchestration.storage.store._CLIENT_RETRIES", 0)
    monkeypatch.setattr("orchestration.lakehouse.postgres._RESTART_SECONDS", 0)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    if "AWS_ENDPOINT_URL_S3" in environment:
        environment = {**environment, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = _faults()
    assert seen in found[check].seen
    assert advice in found[check].advice
    assert found[check].exit_code == exit_code
    assert not any(text in repr(found) for text in ("a-secret", "u:pw"))


#: Status, headers, and the authority of a certificate → faults.
Answering = Callable[..., dict[str, Finding]]


@pytest.fixture
def answering(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Return the faults with a store that gives one answer to all requests."""
    monkeypatch.setattr("orchestration.storage.store._CLIENT_RETRIES", 0)
    monkeypatch.setenv("TONGBAO_HOME", str(settings.home))

    def examined(
        status: int, headers: dict[str, str], ca: trustme.CA | None = None
    ) -> dict[str, Finding]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(status)
                for name, value in {"content-length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_HEAD = do_PUT = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            if ca:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                ca.issue_cert("127.0.0.1").configure_cert(context)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            scheme = "https" if ca else "http"
            for name, value in {
                "AWS_ENDPOINT_URL_S3": f"{scheme}://127.0.0.1:{server.server_port}",
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_REGION": "cn-east-1",
            }.items():
                monkeypatch.setenv(name, value)
            found = _faults()
            server.shutdown()
        return found

    return examined


def test_a_clock_that_the_store_refuses_and_rights_that_are_missing(
    answering: Answering,
) -> None:
    found = answering(403, {"date": formatdate(0, usegmt=True)})
    assert "ahead of the store's: it refuses requests" in found["clock"].seen
    assert "landing (TONGBAO_LANDING_BUCKET): can't look for it: " in found["buckets"].seen
    assert "infra/policies/pipeline.json" in found["buckets"].advice
    assert "lake files" not in found  # Skipped.


def test_a_bucket_in_another_region(answering: Answering) -> None:
    found = answering(400, {"x-amz-bucket-region": "cn-north-1"})
    assert found["region"].advice == "set AWS_REGION=cn-north-1"


def test_a_certificate_of_an_unknown_authority(
    answering: Answering,
) -> None:
    found = answering(200, {}, trustme.CA())
    assert found.keys() == {"reach"}
    assert "certificate verify failed" in found["reach"].seen
    assert "set AWS_CA_BUNDLE" in found["reach"].advice


def _subject(settings: Settings) -> Subject:
    subject = Subject(ExitStack())
    subject.settings = settings
    return subject


def test_a_machine_that_is_too_small(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subject = _subject(settings)
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * 1024**3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert machine.disk(subject).state is State.WARNING
    usage = usage._replace(free=1000)
    assert machine.disk(subject).state is State.FAULT
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:  8388608 kB\n")
    (tmp_path / "limit").write_text("max\n")
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_CGROUP_LIMIT", tmp_path / "limit")
    assert machine.memory(subject).seen == "8.0 GB available"
    (tmp_path / "limit").write_text(f"{1024**3}\n")
    found = machine.memory(subject)
    assert (found.state, found.seen) == (State.WARNING, "1.0 GB available")
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 256))
    assert "LimitNOFILE" in machine.open_files(subject).advice


def test_libraries_that_differ_or_are_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "PROJECT_ROOT", tmp_path)
    lock = tmp_path / "requirements.lock"
    lock.write_text("click==0.0.1 \\\n    --hash=sha256:0\nno-such ; python_version < '3'\n")
    found = machine.versions(_subject(settings))
    assert found.state is State.WARNING
    assert "(tested: 0.0.1)" in found.seen
    lock.write_text("no-such-library==1 \\\n")
    assert machine.versions(_subject(settings)).state is State.FAULT


def test_a_channel_is_connected_to_and_gets_no_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ca, ca_file = authority(tmp_path)
    with webhook_server(ca) as inbox:
        monkeypatch.setenv("TONGBAO_WEBHOOK_URL", inbox.url)
        subject = _subject(Settings.from_env())
        found = alarm_channels(subject)
        assert found.state is State.FAULT
        assert "SSL_CERT_FILE" in found.advice
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        found = alarm_channels(subject)
    assert found.state is State.OK, found
    assert inbox.requests == []


def test_a_damaged_storage_of_dagster(settings: Settings, tongbao: Tongbao) -> None:
    home = settings.home / "dagster"
    (home / "history").mkdir(parents=True)
    (home / "history" / "runs.db").write_bytes(b"no database" * 1000)
    done = tongbao("doctor")
    assert done.returncode == 4
    assert "the storage of Dagster's runs" in done.stdout
