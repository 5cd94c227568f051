"""The servers that the tables are built on: Sail in this process, or a real Spark cluster.

The Spark cluster is a standalone one on loopback, a master and two workers, from the wheel of
PySpark. All processes are children of this one, end with it, and write into its temporary folder.

Belongs here: starting and ending these servers, and killing an executor. Doesn't belong here: what
is built on them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from orchestration.storage.local_server import die_with_parent

__all__ = ["StandaloneCluster", "killed_executor", "sail", "standalone_cluster"]

_WORKERS = 2
#: Seconds for a JVM to start, on a machine that is busy with something else.
_START_SECONDS = 120
#: Seconds between two looks at a folder or a port.
_PAUSE = 0.2
_EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


@contextlib.contextmanager
def sail() -> Iterator[None]:
    """A server on loopback that speaks Spark Connect; ``SPARK_REMOTE`` names it."""
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer()
    server.start(background=True)
    _, port = server.listening_address
    os.environ["SPARK_REMOTE"] = f"sc://127.0.0.1:{port}"
    try:
        yield
    finally:
        server.stop()


@dataclass
class StandaloneCluster:
    """A running master with two workers.

    Attributes:
        folder: with the settings, the logs and the workers' folders.
        workers: process ids.
    """

    folder: Path
    home: Path
    master: str
    workers: list[int] = field(default_factory=list)

    def executors(self) -> list[int]:
        """The process ids of the executors that the workers have started."""
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and self._is_executor(entry)
        ]

    def _is_executor(self, entry: Path) -> bool:
        try:
            parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except OSError:  # It has ended.
            return False
        return parent in self.workers and _EXECUTOR.encode() in command

    @contextlib.contextmanager
    def by_master(self) -> Iterator[None]:
        """Spark's settings name the master: each build starts a driver of its own."""
        os.environ.pop("SPARK_REMOTE", None)
        os.environ["SPARK_CONF_DIR"] = str(self.folder)
        try:
            yield
        finally:
            del os.environ["SPARK_CONF_DIR"]

    @contextlib.contextmanager
    def by_connect(self) -> Iterator[None]:
        """``SPARK_REMOTE`` names a Spark Connect server whose driver uses the cluster."""
        port = _free_port()
        command = [
            str(self.home / "bin" / "spark-submit"),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *("--conf", f"spark.connect.grpc.binding.port={port}"),
            *("--conf", "spark.connect.grpc.binding.address=127.0.0.1"),
            "spark-internal",
        ]
        with self.by_master(), _process(command, self.folder / "connect.log"):
            _await_port(port)
            os.environ["SPARK_REMOTE"] = f"sc://127.0.0.1:{port}"
            try:
                yield
            finally:
                del os.environ["SPARK_REMOTE"]


@contextlib.contextmanager
def standalone_cluster(folder: Path) -> Iterator[StandaloneCluster]:
    """Start a master and two workers with one core each; end all their processes afterwards.

    Args:
        folder: for logs, settings and the workers; it must not exist.
    """
    found = find_spec("pyspark")
    assert found
    assert found.origin
    home = Path(found.origin).parent
    port = _free_port()
    cluster = StandaloneCluster(folder, home, f"spark://127.0.0.1:{port}")
    folder.mkdir()
    _write_settings(cluster)
    os.environ |= {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        # The cluster's Python must be that of the client (PySpark compares their versions).
        "PYSPARK_PYTHON": sys.executable,
    }
    run = str(home / "bin" / "spark-class")
    deploy = "org.apache.spark.deploy"
    at = ("--host", "127.0.0.1", "--webui-port", "0")
    with contextlib.ExitStack() as stack:
        master = [run, f"{deploy}.master.Master", *at, "--port", str(port)]
        stack.enter_context(_process(master, folder / "master.log"))
        _await_port(port)
        for number in range(_WORKERS):
            worker = [run, f"{deploy}.worker.Worker", *at, "--cores", "1", "--memory", "1g"]
            worker += ["--work-dir", str(folder / f"worker-{number}"), cluster.master]
            process = stack.enter_context(_process(worker, folder / f"worker-{number}.log"))
            cluster.workers.append(process.pid)
        yield cluster


def _write_settings(cluster: StandaloneCluster) -> None:
    """Write Spark's settings for a driver of this cluster."""
    settings = {
        "spark.master": cluster.master,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "768m",
        "spark.ui.enabled": "false",
        # One task a core: the default of 200 a shuffle is for a large cluster.
        "spark.sql.shuffle.partitions": "2",
        # Most statements run once: compiling them further takes longer than running them.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.sql.warehouse.dir": str(cluster.folder / "warehouse"),
    }
    lines = "".join(f"{name} {value}\n" for name, value in settings.items())
    (cluster.folder / "spark-defaults.conf").write_text(lines, encoding="utf-8")


@contextlib.contextmanager
def killed_executor(cluster: StandaloneCluster, is_time: Callable[[], bool]) -> Iterator[list[int]]:
    """Kill an executor once during the context, as soon as ``is_time`` is true.

    Yields:
        the process id of the killed executor, once it is killed.
    """
    killed: list[int] = []
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.wait(_PAUSE):
            executors = cluster.executors() if is_time() else []
            if executors:
                os.kill(executors[0], signal.SIGKILL)
                killed.append(executors[0])
                return

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of the cluster; afterwards end it and the processes that it has started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _await_port(port: int) -> None:
    """Wait until something listens.

    Raises:
        TimeoutError: nothing does.
    """
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(_PAUSE)
    raise TimeoutError(f"nothing listens at port {port}")
