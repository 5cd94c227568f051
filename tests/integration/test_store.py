"""The S3 access layer with the local server, and with a server that fails on purpose."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from orchestration import stages
from orchestration.core.errors import Unreachable
from orchestration.core.settings import Settings
from orchestration.storage import S3Config, Store, is_usable_key, open_transfers
from tests.fixtures.faulty_store import Faults, faulty_store


@contextlib.contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[Store]:
    """A store whose server answers with ``handler``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Store(S3Config(f"http://127.0.0.1:{server.server_port}", "us-east-1", "a", "b"))
    finally:
        server.shutdown()
        server.server_close()


def test_a_listing_has_the_objects_of_every_page(ws: stages.Workspace) -> None:
    items = [(f"many/{number:05d}.txt", b"%d" % number) for number in range(2500)]
    assert ws.store.put_many("landing", items) == 2500
    listing = ws.store.list("landing", "many/")
    assert [info.key for info in listing] == [key for key, _ in items]
    fetched = list(ws.store.get_many("landing", listing))
    assert [(f.info.key, f.body) for f in fetched] == items


@pytest.mark.parametrize("objects", [10, 5000])
def test_transfers_read_and_write_the_same(ws: stages.Workspace, objects: int) -> None:
    items = [(f"carried/{number}.txt", b"x%d" % number) for number in range(40)]
    with open_transfers(ws.store, objects) as transfers:
        assert transfers.put_many("landing", items).result() == 40
        listing = ws.store.list("landing", "carried/")
        bodies = {f.info.key: f.body for f in transfers.get_many("landing", listing).result()}
    assert bodies == dict(items)


@pytest.mark.parametrize("objects", [10, 5000])
def test_transfers_raise_an_error_when_the_store_is_gone(
    objects: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.storage.store.FIRST_PAUSE", 0)
    store = Store(S3Config("http://127.0.0.1:9", "us-east-1", "a", "b"))
    with (
        open_transfers(store, objects) as transfers,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"),
    ):
        transfers.put_many("landing", [("a", b"b")]).result()


def test_objects_deleted_or_overwritten_after_the_listing(ws: stages.Workspace) -> None:
    ws.store.put_many("landing", [("a.txt", b"one"), ("b.txt", b"two"), ("c.txt", b"three")])
    listing = ws.store.list("landing")
    ws.store.delete("landing", ["a.txt", "never-there.txt"])
    ws.store.put("landing", "b.txt", b"two, changed")
    fetched = {f.info.key: f for f in ws.store.get_many("landing", listing)}
    assert {key: f.body for key, f in fetched.items()} == {
        "b.txt": b"two, changed",
        "c.txt": b"three",
    }
    # The ETag is that of the version that was read.
    before = {info.key: info.etag for info in listing}
    assert fetched["b.txt"].info.etag != before["b.txt"]
    assert fetched["c.txt"].info.etag == before["c.txt"]


def test_put_new_refuses_an_existing_key_and_copy_many_copies(ws: stages.Workspace) -> None:
    assert ws.store.put_new("landing", "once.json", b"1")
    assert not ws.store.put_new("landing", "once.json", b"2")
    assert ws.store.copy_many("landing", [("once.json", "deep/er/once.json")]) == 1
    assert ws.store.get("landing", "deep/er/once.json") == b"1"


def test_requests_answered_with_503_are_retried(ws: stages.Workspace) -> None:
    items = [(f"f/{number}.txt", b"%d" % number) for number in range(20)]
    with faulty_store(ws.store, Faults(refusals=2)) as faltering:
        assert faltering.put_many("landing", items) == 20
        listing = faltering.list("landing", "f/")
        assert {f.info.key: f.body for f in faltering.get_many("landing", listing)} == dict(items)
        faltering.put("landing", "single.txt", b"1")
    assert ws.store.get("landing", "single.txt") == b"1"


def test_bodies_cut_short_and_connections_reset_are_read_again(ws: stages.Workspace) -> None:
    items = [(f"f/{number}.txt", b"%d" % number * 5000) for number in range(10)]
    ws.store.put_many("landing", items)
    with faulty_store(ws.store, Faults(cut={"f/3": 2}, reset={"f/5": 1})) as faltering:
        fetched = list(faltering.get_many("landing", faltering.list("landing", "f/")))
    assert {f.info.key: f.body for f in fetched} == dict(items)
    assert [f.info.key for f in fetched if f.failure] == []


def test_every_operation_is_repeated_when_its_response_is_lost(
    ws: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.storage.store.FIRST_PAUSE", 0.01)
    items = [(f"f/{number}.txt", b"%d" % number) for number in range(60)]
    number_of_request = count()
    lossy = Faults(storm=lambda *_: None if next(number_of_request) % 5 else "lose")
    with faulty_store(ws.store, lossy) as faltering:
        assert faltering.put_many("landing", items) == 60
        assert faltering.copy_many("landing", [(key, "copy/" + key) for key, _ in items]) == 60
        copies = faltering.list("landing", "copy/")
        fetched = list(faltering.get_many("landing", copies))
        inspected = list(faltering.inspect_many("landing", copies))
        faltering.delete("landing", [key for key, _ in items])
    assert {f.info.key: f.body for f in fetched} == {"copy/" + key: body for key, body in items}
    assert {i.sha256 for i in inspected} == {hashlib.sha256(body).hexdigest() for _, body in items}
    assert [info.key for info in ws.store.list("landing")] == [info.key for info in copies]


def test_a_new_object_is_known_as_written_when_the_response_was_lost() -> None:
    """A server that checks If-None-Match refuses the second attempt, for the object is there."""
    objects: dict[str, bytes] = {}

    class Conditional(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path not in objects:
                objects[self.path] = body
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._answer(412)

        def do_HEAD(self) -> None:
            self._answer(404)

        def do_GET(self) -> None:
            self._answer(200, objects[self.path])

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("etag", '"1"')
            self.send_header("last-modified", "Mon, 02 Dec 2024 00:00:00 GMT")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with served(Conditional) as store:
        assert store.put_new("publication", "manifest.json", b"one")
        assert not store.put_new("publication", "manifest.json", b"two")


def test_one_unreadable_object_does_not_stop_the_others(
    ws: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.storage.store.FIRST_PAUSE", 0)
    items = [(f"f/{number}.txt", b"%d" % number) for number in range(10)]
    ws.store.put_many("landing", items)
    with faulty_store(ws.store, Faults(never={"f/4.txt"})) as faltering:
        fetched = list(faltering.get_many("landing", faltering.list("landing", "f/")))
    assert [f.info.key for f in fetched if f.failure] == ["f/4.txt"]
    assert {f.info.key: f.body for f in fetched if not f.failure} == {
        key: body for key, body in items if key != "f/4.txt"
    }


def test_many_unreadable_objects_make_the_store_unreachable(
    ws: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.storage.store.ATTEMPTS", 1)
    ws.store.put_many("landing", [(f"f/{number}.txt", b"x") for number in range(100)])
    with faulty_store(ws.store, Faults(never={"f/"})) as faltering:
        listing = ws.store.list("landing", "f/")
        with pytest.raises(Unreachable, match="objects can't be read"):
            list(faltering.get_many("landing", listing))


def test_every_upload_carries_its_checksum() -> None:
    """A bucket with object lock refuses uploads without one; the local server ignores it."""
    uploads: dict[str, tuple[bytes, str | None]] = {}

    class Recorder(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            uploads[self.path] = (body, self.headers["x-amz-checksum-sha256"])
            self.send_response(200)
            self.send_header("etag", '"1"')
            self.send_header("content-length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(Recorder) as store:
        store.put("publication", "latest.json", b"one")
        assert store.put_new("publication", "manifest.json", b"two")
        store.put_many("publication", [("bulletin.pdf", b"three")])
    assert sorted(body for body, _ in uploads.values()) == [b"one", b"three", b"two"]
    for body, checksum in uploads.values():
        assert checksum == base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_which_keys_are_usable() -> None:
    assert all(
        map(is_usable_key, ["a", "a/b.json", "年/甲 乙.json", ".a", "a/..b", "a/...", "%2e"])
    )
    unusable = [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        ".",
        "..",
        "a/./b",
        "../a",
        "a/..",
        "a\tb",
        "a\x7f",
        "\x85",
    ]
    assert not any(map(is_usable_key, unusable))


def test_a_new_home_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """It holds contacts: in the local store and in the catalogue."""
    home = tmp_path / "new" / "home"
    with stages.open_workspace(Settings(home=home, catalog=str(home / "catalog.sqlite"))):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    given = tmp_path / "given"
    given.mkdir()
    given.chmod(0o750)
    Settings(home=given).make_home()
    assert stat.S_IMODE(given.stat().st_mode) == 0o750
