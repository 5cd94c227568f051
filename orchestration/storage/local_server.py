"""The local S3 server: rclone (a pip wheel) serves a folder of ``TONGBAO_HOME``.

It listens on a free loopback port. Its credentials are made for this one process and passed in its
environment, never in its arguments, which every user of the machine can read.

Known limits of ``rclone serve s3``: it has no versioning and ignores If-Match and If-None-Match, so
nothing that must be atomic relies on them.

Belongs here: starting and ending that process. Doesn't belong here: access to objects (``store``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from orchestration.core.errors import Unreachable
from orchestration.storage.access import S3Config

__all__ = ["SERVED", "die_with_parent", "local_server", "rclone"]

#: Options of the server. Two commands may serve the same folder at once, and each must see within a
#: second what the other writes. Range reads don't wait: by default rclone waits 20 ms for a read of
#: the bytes before the range, which was nine tenths of DuckDB's time for each Parquet file.
SERVED = ("--dir-cache-time", "1s", "--vfs-read-wait", "0")

#: Time limit until the server logs its port; on a machine under full load it takes a few seconds.
_START_SECONDS = 30.0


def rclone() -> str:
    """The path of the rclone binary: in the folder of the Python interpreter, or on the path.

    Raises:
        Unreachable: it is not installed.
    """
    next_to_python = Path(sys.executable).parent / "rclone"
    found = str(next_to_python) if next_to_python.exists() else shutil.which("rclone")
    if not found:
        raise Unreachable("rclone is not installed next to Python: run 'make setup'")
    return found


def die_with_parent() -> None:
    """Ask the kernel to end the child when its parent dies, however it dies (Linux prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextlib.contextmanager
def local_server(folder: Path) -> Iterator[S3Config]:
    """Serve ``folder`` (a bucket per subfolder) until the context ends.

    Args:
        folder: the folder to serve; created if it is missing.

    Yields:
        endpoint and credentials.

    Raises:
        Unreachable: the server didn't start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key_id, secret = secrets.token_hex(10), secrets.token_hex(20)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    environment |= {"RCLONE_AUTH_KEY": f'"{key_id},{secret}"', "RCLONE_CONFIG": os.devnull}
    command = [rclone(), "serve", "s3", str(folder), "--addr", "127.0.0.1:0", *SERVED]
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Elsewhere than on Linux the server is ended by leaving the context only.
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )
    try:
        port = _wait_for_port(process)
        yield S3Config(f"http://127.0.0.1:{port}", "us-east-1", key_id, secret)
    finally:
        # No request is in flight here. On SIGTERM rclone would wait up to five seconds for
        # connections that were opened and never used (Go, net/http, Server.Shutdown).
        process.kill()
        process.wait()


def _wait_for_port(process: subprocess.Popen[str]) -> int:
    """Read the port from the server's log; a thread reads the rest, so that the pipe can't fill."""
    stream = process.stderr
    if stream is None:  # pragma: no cover - Popen was called with PIPE
        raise Unreachable("the local S3 server has no log")
    lines: list[str] = []
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in stream:
            lines.append(line.strip())
            match = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if match:
                threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()
                return int(match.group(1))
    finally:
        watchdog.cancel()
    raise Unreachable(f"the local S3 server did not start: {' '.join(lines)[-300:]}")
