"""Deadline night: 10,000 units submit within an hour; measures the wait for each receipt.

    python -m tests.bench --only deadline --minutes 60 --burst

The servers are those of ``tests.fixtures.topology``: PostgreSQL, an S3 server, the code location
and the daemon. Runs are started by the sensor ``new_submissions`` only.

The landing bucket has a nation (12,000 units with registrations and plans, and the year before)
and about a fifth of this year's performance documents. The demo's other performance objects,
broken ones included, are submitted; one in fifty overwrites an object sent minutes before. The
waiting time begins when the object is sent and ends with a receipt that has its ETag.

Belongs here: the load, the measurement and its evaluation.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from orchestration import stages
from orchestration.core.settings import Settings
from orchestration.storage import ObjectInfo, S3Config, Store
from tests.fixtures.topology import Topology, topology

__all__ = ["measure"]

YEAR = 2024
#: An hour before the cut-off, while the collection is open.
_NOW = f"{YEAR}-12-14T23:00:00+08:00"
#: The requirement: this number of units within an hour, and a receipt within these seconds.
PER_HOUR = 10_000
LIMIT_SECONDS = 120
#: With ``--burst`` the rate in the last sixth of the time is five times that of the rest.
_BURST_PART, _BURST_RATE = 6, 5
#: An object is overwritten at the earliest after twice the time within which a receipt is due.
_OVERWRITE_AFTER = 2 * LIMIT_SECONDS
_OVERWRITE_EVERY = 50
#: Seconds between listings of the receipts. The waiting time is computed from a receipt's own time,
#: so rare listings suffice; listing 20,000 receipts and pages takes a second of CPU.
_LOOK_SECONDS = 15
#: Time limit of the first collection of the nation, and of the last receipt after the last object.
_FIRST_SECONDS, _LAST_SECONDS = 1200, 2.5 * LIMIT_SECONDS

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Sent:
    """A submission: its key, its ETag and the time at which it was sent (seconds since 1970)."""

    key: str
    etag: str
    at: float

    @property
    def receipt(self) -> str:
        place = self.key.partition("/")[2]
        return f"receipts/{place}.receipt.json"


def measure(folder: Path, minutes: float, *, burst: bool, scale: float, say: Say) -> bool:
    """Run the night and print the results.

    Args:
        minutes: duration of the submissions, at a rate of 10,000 an hour.
        burst: five times the rate in the last sixth of the time, with the same total.
        scale: scale of the nation.

    Returns:
        whether every object had its receipt within two minutes.
    """
    total = round(PER_HOUR * minutes / 60)
    say(
        f"deadline night: {total:,} submissions in {minutes:g} minutes, {PER_HOUR:,} an hour"
        f"{f', the last sixth at {_BURST_RATE} times the rate of the rest' if burst else ''}; "
        f"load of the machine before: {os.getloadavg()[0]:.1f}"
    )
    if minutes != 60:
        say("  time-compressed: the night itself is --minutes 60")
    with topology(folder, {"TONGBAO_NOW": _NOW}) as servers:
        store = Store(servers.s3.config)
        _tongbao(servers, "demo", "--year", str(YEAR), "--scale", f"{scale:g}")
        pool = _hold_back(store, folder / "pool", total)
        assert pool == total, f"{pool:,} objects to send, not {total:,}: fewer minutes, more scale"
        standing = len(store.list("landing")) - len(store.list("landing", "attachments/"))
        say(f"  landing zone: {standing:,} objects; held back to be sent: {pool:,}")
        servers.code_location.start()
        servers.daemon.start()
        started = time.monotonic()
        _until_nothing_waits(servers, store)
        say(f"  first collection, by the sensor: {time.monotonic() - started:.0f} s")
        began, spent = time.time(), _cpu(servers)
        with _sending(folder, store.config, minutes, total, burst=burst) as sender:
            sent, lags = _watch(folder, store, sender, say)
        ok = _verdict(sent, lags, total, say)
        _runs(servers, began, say)
        took = time.time() - began
        used = {name: seconds - spent[name] for name, seconds in _cpu(servers).items()}
        shown = ", ".join(f"{name} {seconds:.0f}" for name, seconds in used.items())
        say(f"    CPU seconds in {took:.0f} s: {shown}; load after: {os.getloadavg()[0]:.1f}")
        return ok


def _cpu(servers: Topology) -> dict[str, float]:
    """CPU seconds of each server and of its children that have ended (runs: code location's)."""
    found = {}
    for server in (servers.code_location, servers.daemon, servers.s3, servers.postgres):
        assert server.process
        stat = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        found[server.name] = sum(int(each) for each in stat[11:15]) / os.sysconf("SC_CLK_TCK")
    return found


def _tongbao(servers: Topology, *arguments: str) -> None:
    command = [sys.executable, "-m", "orchestration.cli", *arguments]
    subprocess.run(
        command, env=servers.environment, cwd=servers.folder, check=True, capture_output=True
    )


def _hold_back(store: Store, folder: Path, total: int) -> int:
    """Remove this year's performance objects from the landing bucket, except at least a fifth."""
    infos = [
        info
        for info in store.list("landing", f"performance/year={YEAR}/")
        if info.key.endswith(".json")
    ]
    # In an order independent of provinces, the same in every run.
    infos.sort(key=lambda info: hashlib.sha256(info.key.encode()).digest())
    held = infos[len(infos) // 6 :][:PER_HOUR]
    folder.mkdir()
    with (folder / "objects.jsonl").open("w", encoding="utf-8") as out:
        for fetched in store.get_many("landing", held[:total]):
            body = fetched.body.decode("latin-1")
            out.write(json.dumps({"key": fetched.info.key, "body": body}) + "\n")
    store.delete("landing", [info.key for info in held])
    return len(held[:total])


def _until_nothing_waits(servers: Topology, store: Store) -> None:
    settings = Settings.from_env(servers.environment)
    deadline = time.monotonic() + _FIRST_SECONDS
    with contextlib.closing(psycopg2.connect(servers.postgres.url("dagster"))) as dagster:
        dagster.autocommit = True
        while True:
            time.sleep(5)
            assert time.monotonic() < deadline, "the first collection does not end"
            assert servers.daemon.running, servers.daemon.log.read_text()[-2000:]
            assert servers.code_location.running, servers.code_location.log.read_text()[-2000:]
            with dagster.cursor() as cursor:
                cursor.execute("select status, count(*) from runs group by status")
                runs = dict(cursor.fetchall())
                cursor.execute(
                    "select event from event_logs where dagster_event_type like %s", ["%_FAILURE"]
                )
                failed = [row[0] for row in cursor.fetchall()]
            assert not failed, f"the first collection failed: {failed[0][:3000]}"
            if set(runs) == {"SUCCESS"}:
                waiting = stages.waiting(stages.Workspace(settings, store), YEAR)
                if not waiting.digest and not waiting.marts_are_behind:
                    return


def _times(minutes: float, total: int, *, burst: bool) -> Iterator[float]:
    """The times of sending, in seconds from the start."""
    seconds = minutes * 60
    last = seconds / _BURST_PART if burst else 0.0
    rate = total / (seconds - last + _BURST_RATE * last)
    before = rate * (seconds - last)
    for index in range(total):
        if index < before:
            yield index / rate
        else:
            yield seconds - last + (index - before) / (rate * _BURST_RATE)


@contextlib.contextmanager
def _sending(
    folder: Path, config: S3Config, minutes: float, total: int, *, burst: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the client in a child process."""
    order = {
        "config": [config.endpoint, config.region, config.access_key_id, config.secret_access_key],
        "times": list(_times(minutes, total, burst=burst)),
    }
    (folder / "order.json").write_text(json.dumps(order))
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.deadline", str(folder)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _send(folder: Path) -> None:
    """Send each object at its time and record when; runs in the client's process."""
    order = json.loads((folder / "order.json").read_text())
    store = Store(S3Config(*order["config"]))
    with (folder / "pool/objects.jsonl").open(encoding="utf-8") as pool:
        objects = [(each["key"], each["body"].encode("latin-1")) for each in map(json.loads, pool)]
    start = time.time()
    former: list[tuple[float, int]] = []  # Time and index of objects sent.
    overwritten = 1
    with (folder / "sent.jsonl").open("w", encoding="utf-8") as out:
        for index, at in enumerate(order["times"]):
            time.sleep(max(0.0, start + at - time.time()))
            now = time.time()
            key, body = objects[index]
            if index % _OVERWRITE_EVERY == 0 and former[overwritten:]:
                when, which = former[overwritten]
                if now - when > _OVERWRITE_AFTER:
                    key, body = objects[which]
                    body = _again(body)
                    overwritten += _OVERWRITE_EVERY
            store.put("landing", key, body)
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            out.write(json.dumps({"key": key, "etag": etag, "at": now}) + "\n")
            out.flush()
            former.append((now, index))


def _again(body: bytes) -> bytes:
    """The body of a resubmission: another document of the same unit, or the same broken bytes."""
    try:
        document = json.loads(body)
        document["document_id"] += "-again"
    except (ValueError, KeyError, TypeError):
        return body + b"\n"
    return json.dumps(document, ensure_ascii=False).encode()


def _watch(
    folder: Path, store: Store, sender: subprocess.Popen[bytes], say: Say
) -> tuple[list[_Sent], dict[_Sent, float]]:
    """Wait for the receipts, at most for the time limit; return the waiting time of each in s."""
    lags: dict[_Sent, float] = {}
    checked: dict[str, str] = {}  # Receipt → its ETag when it was read.
    ended: float | None = None
    told = time.monotonic()
    while True:
        done = sender.poll() is not None
        sent = _read_sent(folder)
        open_ = {each.receipt: each for each in sent if each not in lags}  # The newest of each key.
        changed: list[ObjectInfo] = []
        if open_:
            changed = [
                info
                for info in store.list("publication", f"receipts/year={YEAR}/")
                if info.key in open_ and checked.get(info.key) != info.etag
            ]
        for fetched in store.get_many("publication", changed):
            assert fetched.failure is None, fetched.failure
            info = fetched.info
            checked[info.key] = info.etag
            each = open_[info.key]
            if json.loads(fetched.body)["etag"].strip('"') == each.etag:
                lags[each] = (
                    info.last_modified.timestamp() + 1 - each.at
                )  # The store truncates times to seconds.
        if time.monotonic() - told >= 60:
            told = time.monotonic()
            worst = max(lags.values(), default=0.0)
            say(f"    {len(sent):,} sent, {len(lags):,} answered, the longest wait {worst:.0f} s")
        if done:
            assert sender.returncode == 0, "the client failed"
            ended = ended or time.monotonic()
            if len(lags) == len(sent) or time.monotonic() - ended > _LAST_SECONDS:
                return sent, lags
        time.sleep(_LOOK_SECONDS)


def _read_sent(folder: Path) -> list[_Sent]:
    path = folder / "sent.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [_Sent(**json.loads(line)) for line in whole.splitlines()]


def _verdict(sent: list[_Sent], lags: dict[_Sent, float], total: int, say: Say) -> bool:
    taken = sorted(lags.values())
    late = sum(lag > LIMIT_SECONDS for lag in taken)
    unanswered = total - len(taken)
    span = sent[-1].at - sent[0].at
    say(f"  sent {len(sent):,} in {span:.0f} s; answered {len(taken):,}; never {unanswered}")
    if taken:
        say(
            f"  from object to receipt: median {statistics.median(taken):.0f} s, "
            f"p95 {taken[int(len(taken) * 0.95)]:.0f} s, longest {taken[-1]:.0f} s; "
            f"{late} over {LIMIT_SECONDS} s"
        )
    return not late and not unanswered


def _runs(servers: Topology, began: float, say: Say) -> None:
    """Print the runs of Dagster meanwhile."""
    with (
        contextlib.closing(psycopg2.connect(servers.postgres.url("dagster"))) as dagster,
        dagster.cursor() as cursor,
    ):
        cursor.execute(
            "select pipeline_name, status, count(*), avg(end_time - start_time), "
            "max(end_time - start_time), "
            "max(start_time - extract(epoch from create_timestamp at time zone 'utc')) "
            "from runs where extract(epoch from create_timestamp at time zone 'utc') >= %s "
            "group by 1, 2 order by 1, 2",
            [began],
        )
        for job, status, count, mean, longest, start in cursor.fetchall():
            say(
                f"    {job}: {count} {status.lower()}; {mean or 0:.0f} s each, "
                f"{longest or 0:.0f} s at most; {start or 0:.0f} s at most from asked to begun"
            )


if __name__ == "__main__":
    _send(Path(sys.argv[1]))
