"""``infra/nginx/dagster.conf``: what reaches Dagster's page through a real nginx, and what doesn't.

Only names of files and ports differ from the configuration as written.
"""

from __future__ import annotations

import base64
import getpass
import http.client
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.core.settings import PROJECT_ROOT
from tests.fixtures.receivers import authority
from tests.fixtures.topology import Server, free_port
from tests.needs import NGINX

#: Dagster's webserver and nginx start for it.
pytestmark = pytest.mark.slow

NAME = "tongbao.example"
_CONFIGURATION = PROJECT_ROOT / "infra/nginx/dagster.conf"
#: htpasswd's line of the name ``u`` and the password ``x``.
_PASSWORDS = "u:$apr1$NVlJZT7O$1VLhM7Iu6qconjPr.Zpbl0\n"
_SIGNED_IN = "Basic " + base64.b64encode(b"u:x").decode()
_QUERY = "/graphql?query=%7Bversion%7D"
_WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}


def _answers(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    return answers


@dataclass
class Proxy:
    """nginx before Dagster's page.

    Attributes:
        port: of nginx.
        page: port of Dagster's page itself.
        trusted: of the authority of nginx's certificate.
    """

    port: int
    page: int
    trusted: ssl.SSLContext

    def ask(
        self, method: str, path: str, body: str = "", *, host: str = NAME, **headers: str
    ) -> tuple[int, bytes]:
        """Send a request through nginx: status and body of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain:
            connection = http.client.HTTPSConnection(NAME, self.port)
            connection.sock = self.trusted.wrap_socket(plain, server_hostname=NAME)
            sent = {"Host": host, "Authorization": _SIGNED_IN} | {
                name.replace("_", "-"): value for name, value in headers.items()
            }
            if body:
                sent["Content-Type"] = "application/json"
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            return answer.status, b"" if answer.status == 101 else answer.read()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    ca, ca_file = authority(folder)
    certificate = ca.issue_cert(NAME)
    certificate.cert_chain_pems[0].write_to_path(str(folder / "tongbao.crt"))
    certificate.private_key_pem.write_to_path(str(folder / "tongbao.key"))
    (folder / "tongbao.htpasswd").write_text(_PASSWORDS, encoding="utf-8")
    port, page = free_port(), free_port()
    text = _CONFIGURATION.read_text(encoding="utf-8")
    for written, here in (
        ("127.0.0.1:3000", f"127.0.0.1:{page}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/tongbao.", f"{folder}/tongbao."),
    ):
        assert written in text
        text = text.replace(written, here)
    (folder / "dagster.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(
        # Of the superuser's nginx the workers must read the test's folder.
        f"user {getpass.getuser()}; daemon off; worker_processes 1; error_log stderr;\n"
        f"pid {folder}/nginx.pid;\n"
        f"events {{}}\nhttp {{ access_log off; include {folder}/dagster.conf; }}\n",
        encoding="utf-8",
    )
    environment = {"PATH": os.environ["PATH"], "DAGSTER_HOME": str(folder), "HOME": str(folder)}
    nginx = NGINX.found()
    assert nginx
    servers = [
        Server(
            name="webserver",
            folder=folder,
            command=[
                *(str(Path(sys.executable).with_name("dagster-webserver")), "--empty-workspace"),
                *("-h", "127.0.0.1", "-p", str(page)),
            ],
            environment=environment,
            ready=_answers(page),
        ),
        Server(
            name="nginx",
            folder=folder,
            command=[nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")],
            environment=environment,
            ready=_answers(port),
        ),
    ]
    try:
        for server in servers:
            server.start()
        yield Proxy(port, page, ssl.create_default_context(cafile=str(ca_file)))
    finally:
        for server in servers:
            server.kill()


def test_the_page_and_its_queries_pass(proxy: Proxy) -> None:
    status, body = proxy.ask("GET", "/")
    assert (status, b"<html" in body.lower()) == (200, True)
    query = json.dumps({"query": "{version}"})
    for headers in ({}, {"Origin": f"https://{NAME}"}):
        status, body = proxy.ask("POST", "/graphql", query, **headers)
        assert (status, "version" in json.loads(body)["data"]) == (200, True)
    assert proxy.ask("GET", "/graphql", **_WEBSOCKET, Origin=f"https://{NAME}")[0] == 101


def test_nobody_passes_without_a_password(proxy: Proxy) -> None:
    for method, path in (("GET", "/"), ("POST", "/graphql"), ("GET", "/server_info")):
        assert proxy.ask(method, path, Authorization="")[0] == 401
        assert proxy.ask(method, path, Authorization="Basic dTp5")[0] == 401


def test_graphql_by_get_is_refused(proxy: Proxy) -> None:
    """Dagster itself would answer it, so a link could start a run."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.page)
    connection.request("GET", _QUERY)
    assert connection.getresponse().status == 200
    for method in ("GET", "PUT", "DELETE"):
        assert proxy.ask(method, _QUERY)[0] == 405
    assert proxy.ask("GET", _QUERY, Upgrade="h2c", Connection="Upgrade")[0] == 405
    assert proxy.ask("POST", "/graphql", "{}", Upgrade="websocket", Connection="Upgrade")[0] == 405


@pytest.mark.parametrize("origin", ["https://other.example", "null", f"http://{NAME}"])
def test_a_request_that_another_site_caused_is_refused(proxy: Proxy, origin: str) -> None:
    query = json.dumps({"query": "{version}"})
    assert proxy.ask("POST", "/graphql", query, Origin=origin)[0] == 403
    assert proxy.ask("GET", "/graphql", **_WEBSOCKET, Origin=origin)[0] == 403
    assert proxy.ask("GET", "/", Origin=origin)[0] == 403


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1", ""])
def test_another_name_is_refused(proxy: Proxy, host: str) -> None:
    assert proxy.ask("GET", "/", host=host)[0] in {400, 421}


def test_no_connection_is_made_under_another_name(proxy: Proxy) -> None:
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", proxy.port)) as plain,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        unverified.wrap_socket(plain, server_hostname="other.example")
