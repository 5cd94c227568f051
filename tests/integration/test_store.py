"""The S3 access layer against the project's own server, and against one that falters."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestration import stages
from orchestration.errors import Unreachable
from orchestration.storage import Store, open_carrier


def test_a_listing_follows_every_page(ws: stages.Workspace) -> None:
    items = [(f"many/{number:05d}.txt", b"%d" % number) for number in range(2500)]
    assert ws.store.put_many("landing", items) == 2500
    listing = ws.store.list("landing", "many/")
    assert [info.key for info in listing] == [key for key, _ in items]
    fetched = list(ws.store.get_many("landing", listing))
    assert [(f.info.key, f.body) for f in fetched] == items


@pytest.mark.parametrize("objects", [10, 5000])
def test_a_carrier_reads_and_writes_the_same(ws: stages.Workspace, objects: int) -> None:
    items = [(f"carried/{number}.txt", b"x%d" % number) for number in range(40)]
    with open_carrier(ws.store, objects) as carrier:
        assert carrier.put_many("landing", items).result() == 40
        listing = ws.store.list("landing", "carried/")
        bodies = {f.info.key: f.body for f in carrier.get_many("landing", listing).result()}
    assert bodies == dict(items)


@pytest.mark.parametrize("objects", [10, 5000])
def test_a_carrier_says_that_the_store_is_gone(objects: int) -> None:
    from orchestration.settings import S3Config

    store = Store(S3Config("http://127.0.0.1:9", "us-east-1", "a", "b"))
    with (
        open_carrier(store, objects) as carrier,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"),
    ):
        carrier.put_many("landing", [("a", b"b")]).result()


def test_an_object_deleted_or_overwritten_since_it_was_listed(ws: stages.Workspace) -> None:
    ws.store.put_many("landing", [("a.txt", b"one"), ("b.txt", b"two"), ("c.txt", b"three")])
    listing = ws.store.list("landing")
    ws.store.delete("landing", ["a.txt", "never-there.txt"])
    ws.store.put("landing", "b.txt", b"two, changed")
    fetched = {f.info.key: f for f in ws.store.get_many("landing", listing)}
    assert {key: f.body for key, f in fetched.items()} == {
        "b.txt": b"two, changed",
        "c.txt": b"three",
    }
    # It comes with the ETag of what was read, so that the manifest tells the truth.
    before = {info.key: info.etag for info in listing}
    assert fetched["b.txt"].info.etag != before["b.txt"]
    assert fetched["c.txt"].info.etag == before["c.txt"]


def test_write_unless_there_is_one_and_copy(ws: stages.Workspace) -> None:
    assert ws.store.put_new("landing", "once.json", b"1")
    assert not ws.store.put_new("landing", "once.json", b"2")
    ws.store.copy("landing", "once.json", "deep/er/once.json")
    assert ws.store.get("landing", "deep/er/once.json") == b"1"


class _Faltering(BaseHTTPRequestHandler):
    """Passes requests on; the first ones of each path are answered with 503."""

    target = ""
    refusals = 2
    seen: dict[str, int]

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        count = self.seen[self.path] = self.seen.get(self.path, 0) + 1
        if count <= self.refusals:
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        # The signature covers the host that the client spoke to: it is left as it is.
        upstream = http.client.HTTPConnection(self.target, timeout=30)
        upstream.request(self.command, self.path, body=body, headers=dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                self.send_header(name, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else str(len(content))
        self.send_header("content-length", length or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def faltering(ws: stages.Workspace) -> Iterator[Store]:
    """The workspace's store, seen through a server that refuses twice before it answers."""
    handler = type("Handler", (_Faltering,), {"seen": {}})
    handler.target = str(ws.store.config.endpoint).removeprefix("http://")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    yield Store(replace(ws.store.config, endpoint=endpoint))
    server.shutdown()


def test_a_store_that_answers_503_for_a_moment_is_asked_again(
    ws: stages.Workspace, faltering: Store
) -> None:
    items = [(f"f/{number}.txt", b"%d" % number) for number in range(20)]
    assert faltering.put_many("landing", items) == 20
    listing = faltering.list("landing", "f/")
    assert {f.info.key: f.body for f in faltering.get_many("landing", listing)} == dict(items)
    faltering.put("landing", "single.txt", b"1")
    assert ws.store.get("landing", "single.txt") == b"1"
