"""``tongbao up``: runs the local S3 server, Dagster's web page and its daemon until Ctrl-C.

Belongs here: starting, watching and ending these processes. Doesn't belong here: production, which
runs the same two Dagster processes under its own supervisor (see ``infra/``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Settings
from orchestration.defs.in_process import prepare_dagster_home, prepare_dagster_storage
from orchestration.storage import Store, open_store

__all__ = ["serve", "store_environment"]

#: Seconds until SIGKILL: Dagster's processes end their own children on SIGINT in a few seconds.
_STOP_SECONDS = 15.0


def store_environment(settings: Settings, store: Store) -> dict[str, str]:
    """The environment variables with which another process uses the same store and home."""
    environment = {"TONGBAO_HOME": str(settings.home)}
    keys = store.config.fixed_keys
    if keys is None:  # The process finds and renews them itself, with this one's environment.
        return environment
    return environment | {
        "AWS_ENDPOINT_URL_S3": store.config.endpoint,
        "AWS_REGION": store.config.region,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
    }


@contextlib.contextmanager
def _environment_file(settings: Settings, environment: dict[str, str]) -> Iterator[Path]:
    """Write ``s3.env`` in the home, readable by its owner only; delete it at the end."""
    path = settings.home / "s3.env"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.writelines(f"export {name}='{value}'\n" for name, value in environment.items())
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def serve(settings: Settings, port: int, *, say: Callable[[str], None]) -> None:
    """Run until Ctrl-C, SIGTERM or the end of one of the processes.

    Args:
        port: the port of Dagster's web page, on the loopback interface.
        say: called with each line for the terminal.

    Raises:
        TongbaoError: one of the processes ended by itself.
        Unreachable: the store can't be reached.
    """
    prepare_dagster_home(settings)
    prepare_dagster_storage()
    python = Path(sys.executable).parent
    module = ["-m", "orchestration.definitions"]
    commands = {
        "dagster-webserver": [*module, "-h", "127.0.0.1", "-p", str(port)],
        "dagster-daemon": ["run", *module],
    }
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        environment = store_environment(settings, store)
        path = stack.enter_context(_environment_file(settings, environment))
        children = {}
        for name, arguments in commands.items():
            log = stack.enter_context((settings.home / f"{name}.log").open("ab"))
            children[name] = subprocess.Popen(
                [str(python / name), *arguments],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        stack.callback(_stop, list(children.values()))
        say(f"Dagster: http://127.0.0.1:{port} (ready in about 20 seconds; Ctrl-C ends it)")
        say(f"S3: {store.config.endpoint}")
        if settings.uses_local_store:
            say(f"credentials for other tools: source {path}")
        say(f"logs: {settings.home}/dagster-webserver.log, {settings.home}/dagster-daemon.log")
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            while True:
                for name, child in children.items():
                    if child.poll() is not None:
                        raise TongbaoError(
                            f"{name} ended by itself (exit code {child.returncode}): "
                            f"see {settings.home / name}.log"
                        )
                time.sleep(0.5)
        except KeyboardInterrupt:
            say("stopping")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    """End each process with all its children: first SIGINT, then SIGKILL."""
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGINT)
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
