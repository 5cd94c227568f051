"""The project's own S3 server: rclone (a pip wheel) over a folder of ``TONGBAO_HOME``.

Belongs here: starting, watching and ending that process. It listens on a free loopback port
with credentials made for this one process, handed over in its environment (never in its
arguments, which every user of the machine can read).

Known walls of ``rclone serve s3``: no versioning, and it ignores If-Match/If-None-Match;
what must be atomic is therefore not built on those.
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
from orchestration.core.settings import S3Config

__all__ = ["SERVED", "die_with_parent", "local_server", "rclone"]

#: How a folder is served. Two commands may serve the same one at once: what one writes the other
#: must see within a second. A part of an object that begins after its first byte is read at once:
#: by default rclone waits 20 ms for somebody to read what is before it, which was nine tenths of
#: what DuckDB spent on each Parquet file.
SERVED = ("--dir-cache-time", "1s", "--vfs-read-wait", "0")

#: The server binds its port before it says so; a machine under full load needs a few seconds.
_START_SECONDS = 30.0


def rclone() -> str:
    """The program, beside Python or on the path.

    Raises:
        Unreachable: it is not installed.
    """
    beside_python = Path(sys.executable).parent / "rclone"
    found = str(beside_python) if beside_python.exists() else shutil.which("rclone")
    if not found:
        raise Unreachable("rclone is not installed beside Python: run 'make setup'")
    return found


def die_with_parent() -> None:
    """Ask the kernel to end the child when its parent dies, however it dies (Linux prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextlib.contextmanager
def local_server(folder: Path) -> Iterator[S3Config]:
    """Serve ``folder`` (a bucket per subfolder) until the context ends.

    Args:
        folder: made when it is missing.

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
        # Linux only; elsewhere the server ends with the context alone.
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )
    try:
        port = _wait_for_port(process)
        yield S3Config(f"http://127.0.0.1:{port}", "us-east-1", key_id, secret)
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # pragma: no cover - rclone ends at once on SIGTERM
            process.kill()
            process.wait()


def _wait_for_port(process: subprocess.Popen[str]) -> int:
    """The port that the server says it listens on; its log is drained ever after."""
    stream = process.stderr
    if stream is None:  # pragma: no cover - Popen was called with PIPE
        raise Unreachable("the local S3 server has no log")
    said: list[str] = []
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in stream:
            said.append(line.strip())
            match = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if match:
                threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()
                return int(match.group(1))
    finally:
        watchdog.cancel()
    raise Unreachable(f"the local S3 server did not start: {' '.join(said)[-300:]}")
