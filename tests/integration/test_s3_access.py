"""Every S3 client reaches a store in the same way: address, keys, certificates and proxy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import trustme

from orchestration import lakehouse, stages
from orchestration.core.errors import Unreachable, UsageError
from orchestration.core.settings import Settings
from orchestration.lakehouse import attach
from orchestration.storage import Store, open_store, open_transfers, resolve_s3
from orchestration.storage.access import Access
from tests.fixtures.faulty_store import Faults, faulty_store
from tests.fixtures.homes import NOW, YEAR, PreparedYear, Shared
from tests.fixtures.progress import no_progress
from tests.fixtures.proxy import Proxy, forward_proxy
from tests.fixtures.topology import S3Server

_BUCKETS = ("landing", "lake", "publication")


def _use_every_client(settings: Settings, store: Store, n: int) -> None:
    """Write and read with boto3, obstore and DuckDB."""
    store.put("landing", f"boto3-{n}.txt", b"1")
    store.put_many("landing", [(f"obstore-{n}.txt", b"2")])
    assert {f"boto3-{n}.txt", f"obstore-{n}.txt"} <= {info.key for info in store.list("landing")}
    assert store.get("landing", f"obstore-{n}.txt") == b"2"
    _write_a_table(settings, store, n)


def _write_a_table(settings: Settings, store: Store, n: int) -> None:
    with lakehouse.writer(settings, store) as con:
        con.execute(f"create or replace table lake.main.n as select {n} as n")
        assert con.execute("select n from lake.main.n").fetchall() == [(n,)]


@dataclass
class Ministry:
    """A store that only knows virtual hosts, with a private authority's certificate.

    Attributes:
        server: the store; its name ``oss.example`` is known to the proxy alone.
        profile: the AWS configuration file with the profile ``ministry``.
        ca_file: the authority's certificate.
    """

    server: S3Server
    proxy: Proxy
    profile: Path
    ca_file: Path


@pytest.fixture(scope="module")
def ministry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministry]:
    folder = tmp_path_factory.mktemp("ministry")
    authority = trustme.CA()
    certificate = authority.issue_cert("oss.example", "*.oss.example")
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    (folder / "s3").mkdir()
    pem = str(folder / "server.pem")
    options = ["--cert", pem, "--key", pem, "--force-path-style=false"]
    server = S3Server(folder, folder / "s3", options=options)
    keys = server.config
    profile = folder / "config"
    profile.write_text(
        "[profile ministry]\n"
        "region = cn-beijing\n"
        "endpoint_url = https://oss.example\n"
        f"aws_access_key_id = {keys.access_key_id}\n"
        f"aws_secret_access_key = {keys.secret_access_key}\n"
        "aws_session_token = a-session-token\n"
        f"ca_bundle = {ca_file}\n"
        "s3 =\n  addressing_style = virtual\n"
    )
    server.start()
    try:
        with forward_proxy(int(keys.endpoint.rpartition(":")[2])) as proxy:
            yield Ministry(server, proxy, profile, ca_file)
    finally:
        server.stop()


@pytest.fixture
def ministry_settings(
    ministry: Ministry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(ministry.profile))
    monkeypatch.setenv("AWS_PROFILE", "ministry")
    monkeypatch.setenv("HTTPS_PROXY", ministry.proxy.url)
    monkeypatch.setenv("TONGBAO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ministry.proxy, "refuses", False)
    return Settings.from_env()


def test_a_profile_with_virtual_hosts_a_private_authority_and_a_proxy(
    ministry: Ministry, ministry_settings: Settings
) -> None:
    with open_store(ministry_settings) as store:
        _use_every_client(ministry_settings, store, 1)
        with open_transfers(store, 5000) as transfers:  # In a child process.
            assert transfers.put_many("landing", [("child", b"3")]).result() == 1
        assert store.get("landing", "child") == b"3"
        assert store.access.keys().session_token == "a-session-token"
    hosts = {line.split()[1] for line in ministry.proxy.requests}
    assert hosts == {f"{bucket}.oss.example:443" for bucket in _BUCKETS}


def test_a_refusal_names_the_proxy(
    ministry: Ministry, ministry_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.storage.store.FIRST_PAUSE", 0)
    monkeypatch.setattr("orchestration.lakehouse.attach.FIRST_PAUSE", 0)
    store = Store(*resolve_s3(ministry_settings))
    ministry.proxy.refuses = True
    named = f"proxy {ministry.proxy.url}"
    with pytest.raises(Unreachable, match=named):
        store.ensure_buckets(["landing"])
    with pytest.raises(Unreachable, match=named):
        store.put_many("landing", [("a", b"b")])
    with pytest.raises(Unreachable, match=named):
        _write_a_table(ministry_settings, store, 1)


def test_without_the_authority_no_client_talks_to_the_store(
    ministry: Ministry, ministry_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ministry.profile.parent / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(other))
    monkeypatch.setattr("orchestration.storage.store.FIRST_PAUSE", 0)
    monkeypatch.setattr("orchestration.lakehouse.attach.FIRST_PAUSE", 0)
    store = Store(*resolve_s3(ministry_settings))
    with pytest.raises(Unreachable, match="certificate"):
        store.ensure_buckets(["landing"])
    with pytest.raises(Unreachable):
        store.put_many("landing", [("a", b"b")])
    with pytest.raises(Unreachable):
        _write_a_table(ministry_settings, store, 1)


def test_keys_are_renewed_while_a_store_and_a_connection_are_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s3").mkdir()
    server = S3Server(tmp_path, tmp_path / "s3")
    keys = tmp_path / "keys.json"

    def issue(key_id: str) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=5)  # So near that botocore asks again.
        content = {"AccessKeyId": key_id, "SecretAccessKey": "a-secret-key", "Version": 1}
        keys.write_text(json.dumps(content | {"Expiration": soon.isoformat()}))

    (tmp_path / "config").write_text(
        f"[profile role]\ncredential_process = cat {keys}\nregion = us-east-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "role")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.config.endpoint)
    monkeypatch.setenv("TONGBAO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Access, "KEYS_VALID", timedelta(0))
    monkeypatch.setattr(attach, "_RENEWAL_SECONDS", 0.05)
    settings = Settings.from_env()
    issue("first-key")
    try:
        server.restart_with_keys("first-key", "a-secret-key")
        with open_store(settings) as store, lakehouse.writer(settings, store) as con:
            con.execute("create table lake.main.n as select 1 as n")
            store.put_many("landing", [("first", b"1")])
            issue("second-key")
            server.restart_with_keys("second-key", "a-secret-key")
            store.put_many("landing", [("second", b"2")])
            store.put("landing", "third", b"3")
            con.execute("insert into lake.main.n values (2)")
            assert con.execute("select sum(n) from lake.main.n").fetchall() == [(3,)]
            assert [info.key for info in store.list("landing")] == ["first", "second", "third"]
    finally:
        server.stop()


def test_loopback_never_goes_through_a_proxy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "intranet.example")
    monkeypatch.setenv("TONGBAO_HOME", str(settings.home))
    with open_store(Settings.from_env()) as store:
        _use_every_client(settings, store, 1)


@pytest.mark.slow
def test_a_run_ends_where_one_connection_in_fourteen_breaks(
    prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    """All of transform, gate and publication; the edition has the bytes of a quiet network."""
    settings = shared.copy(prepared.landed, tmp_path / "home", NOW)
    requests = count()
    breaks = Faults(storm=lambda *_: None if next(requests) % 14 else "lose")
    with open_store(settings) as store, faulty_store(store, breaks) as breaking:
        ws = stages.Workspace(settings, breaking)
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        stages.transform(ws, YEAR, run_id="r", progress=no_progress)
        assert not stages.gate(ws, YEAR, run_id="r", progress=no_progress).blocked
        stages.publish(ws, YEAR, run_id="r", progress=no_progress)
    edition = f"s3/publication/editions/{YEAR}/edition-1"
    listed = [
        json.loads((home / edition / "manifest.json").read_bytes())["files"]
        for home in (settings.home, prepared.published)
    ]
    assert listed[0] == listed[1]


def _resolved(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Store:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_CONFIG_FILE": "/dev/null",
        **environment,
    }.items():
        monkeypatch.setenv(name, value)
    return Store(*resolve_s3(Settings.from_env()))


def test_how_settings_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "")
    # AWS itself.
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = _resolved(monkeypatch, AWS_REGION="cn-north-1").config
    assert (config.region, config.endpoint) == (
        "cn-north-1",
        "https://s3.cn-north-1.amazonaws.com.cn",
    )
    assert config.is_aws
    assert config.has_virtual_host("lake")
    assert not config.has_virtual_host("lake.moe")
    # Another server: path style, unless a setting wants something else.
    endpoint = {"AWS_ENDPOINT_URL_S3": "https://10.1.2.3/", "AWS_ENDPOINT_URL": "http://other"}
    config = _resolved(monkeypatch, **endpoint).config
    assert (config.endpoint, config.is_virtual_hosted) == ("https://10.1.2.3", False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    assert not _resolved(monkeypatch).config.is_virtual_hosted
    config = _resolved(monkeypatch, TONGBAO_S3_ADDRESSING="virtual").config
    assert (config.endpoint, config.is_virtual_hosted) == ("http://other", True)
    # The proxy by scheme; its password is in no message.
    monkeypatch.setenv("HTTP_PROXY", "http://user:pa%40ss@proxy:3128")
    store = _resolved(monkeypatch)
    assert store.config.shown == "http://other through the proxy http://proxy:3128"
    assert "pa%40ss" in store.access.secrets()
    assert "pa%40ss" not in repr(store.config)
    for host in ("https://other", "http://10.1.2.3", "http://localhost:9000", "http://[::1]:9000"):
        config = _resolved(monkeypatch, AWS_ENDPOINT_URL=host, no_proxy="10.0.0.0/8").config
        assert config.proxy is None, host
    # The certificates: the S3 variable before that of all programs.
    (tmp_path / "a.pem").touch()
    (tmp_path / "b.pem").touch()
    ca = str(tmp_path / "a.pem")
    assert _resolved(monkeypatch, SSL_CERT_FILE=ca).config.ca_bundle == ca
    ca = str(tmp_path / "b.pem")
    assert _resolved(monkeypatch, AWS_CA_BUNDLE=ca).config.ca_bundle == ca


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AWS_ENDPOINT_URL_S3", "https://s3.example/bucket", "must be https://s3.example alone"),
        ("AWS_ENDPOINT_URL_S3", "https://a:secret@s3.example", "must be https://s3.example alone"),
        ("AWS_ENDPOINT_URL_S3", "s3.example:9000", "must start with http:// or https://"),
        ("AWS_CA_BUNDLE", "/nowhere/ca.pem", "/nowhere/ca.pem are no readable file"),
        ("AWS_PROFILE", "nobody", "profile .nobody. could not be found"),
        ("TONGBAO_S3_ADDRESSING", "vhost", "must be auto or path or virtual"),
    ],
)
def test_settings_that_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        _resolved(monkeypatch, **{name: value})
    assert "secret" not in str(error.value)
    assert error.value.exit_code == 2
