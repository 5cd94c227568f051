"""Makes the pictures of the READMEs from the demo's published year.

``make pictures`` runs it after ``make bulletin``; it needs Chromium. The pictures are those of the
home that the settings name: a page of the national bulletin, two pages of the site, and Dagster's
graph of the assets.

Belongs here: what is shown, and at which size. Doesn't belong here: what the pages look like
(``orchestration.bulletin``).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from orchestration.core.settings import Settings
from tests.needs import CHROMIUM

FOLDER = Path(__file__).parent / "pictures"
#: GitHub shows a README's pictures at this width; larger ones only take longer to load.
_LARGEST_BYTES = 300_000
#: Pixels per point of the bulletin's page: 595 points wide as A4.
_SCALE = 1.3
#: Seconds that Dagster's web server may take to start on a slow machine.
_START_SECONDS = 300


def main() -> None:
    """Make every picture; end with a message if something is missing.

    Raises:
        SystemExit: there is no Chromium or no published year, or a picture is too large.
    """
    chromium = CHROMIUM.found() or sys.exit(CHROMIUM.advice)
    settings = Settings.from_env()
    editions = sorted((settings.home / "out").glob("*/edition-*/manifest.json"))
    if not editions:
        sys.exit(f"no edition below {settings.home / 'out'}: run make bulletin first")
    edition = editions[-1].parent
    FOLDER.mkdir(exist_ok=True)
    page = pypdfium2.PdfDocument(edition / "national" / "bulletin.pdf")[0]
    _write("bulletin", _png(page.render(scale=_SCALE, rev_byteorder=True)))
    _write("site", _screenshot(chromium, (edition / "index.html").as_uri(), 1200, 1180))
    matrix = (edition / "provinces" / "matrix.html").as_uri()
    _write("matrix", _screenshot(chromium, matrix, 1200, 760))
    with _dagster() as address:
        _write("assets", _screenshot(chromium, f"{address}/asset-groups", 1900, 560))


def _write(name: str, body: bytes) -> None:
    if len(body) > _LARGEST_BYTES:
        sys.exit(f"{name}.png has {len(body):,} bytes, more than {_LARGEST_BYTES:,}")
    (FOLDER / f"{name}.png").write_bytes(body)
    print(f"{FOLDER / name}.png  {len(body):,} bytes")


def _png(bitmap: pypdfium2.PdfBitmap) -> bytes:
    """Return a bitmap of three bytes a pixel as PNG (ISO/IEC 15948), without filters."""
    pixels = bytes(bitmap.buffer)
    rows = (pixels[at * bitmap.stride :][: bitmap.width * 3] for at in range(bitmap.height))
    header = struct.pack(">IIBBBBB", bitmap.width, bitmap.height, 8, 2, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def _screenshot(chromium: str, address: str, width: int, height: int) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "picture.png"
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={scratch}/profile", f"--window-size={width},{height}",
                "--virtual-time-budget=30000", f"--screenshot={file}", address,
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        return file.read_bytes()


@contextlib.contextmanager
def _dagster() -> Iterator[str]:
    """Run Dagster's web server with an empty history; yield its address."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as home:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        # Without the dialogue that welcomes a new user.
        (Path(home) / "dagster.yaml").write_text("nux: {enabled: false}\n", encoding="utf-8")
        server = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "dagster-webserver"), "--read-only",
                "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port),
            ],
            env=os.environ | {"DAGSTER_HOME": home, "DAGSTER_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            _await(f"{address}/server_info", server)
            yield address
        finally:
            server.terminate()
            server.wait()


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(address).close()  # noqa: S310
            return
        time.sleep(1)
    sys.exit("Dagster's web server did not start")


if __name__ == "__main__":
    main()
