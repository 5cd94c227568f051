"""``make bench``: prints the cost of the pipeline, of the minimal program, and of repeated runs.

Every command is a separate process with the same S3 server, so that time, CPU seconds and peak
memory are those of the command alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration import stages
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from tests.bench import deadline, formats, growth, peers, worst

YEAR = 2024
_TONGBAO = str(Path(sys.executable).parent / "tongbao")
_LINE = re.compile(r"\[\s*([\d.]+)s\] (intake|transform|dbt|receipts|gate|publish)\b")
_STAGE_OF = {"dbt": "transform", "receipts": "transform"}

_RENDER = """
import sys, time
from pathlib import Path
from orchestration import bulletin, lakehouse, stages
from orchestration.core.settings import Settings
with stages.open_workspace(Settings.from_env()) as ws:
    with lakehouse.reader(ws.settings, ws.store) as con:
        snapshot = lakehouse.transform_snapshot(con, int(sys.argv[1]))
    with lakehouse.reader(ws.settings, ws.store, snapshot) as con:
        marts = bulletin.read_marts(con, int(sys.argv[1]), bulletin.GateNotes(0, {}))
    started = time.process_time()
    files = bulletin.complete(bulletin.render_all(marts, None, lambda _: None).files)
    print(time.process_time() - started, len(files))
"""


@dataclass
class Cost:
    """The cost of a command.

    Attributes:
        wall, cpu: in seconds.
        peak: maximum resident memory in megabytes.
        out, err: its output.
    """

    wall: float
    cpu: float
    peak: float
    out: str
    err: str

    def stages(self) -> dict[str, float]:
        """Stage → seconds, from the times of progress lines; ``start`` is before the first line."""
        found: dict[str, float] = {}
        last = 0.0
        for match in _LINE.finditer(self.err):
            at, name = float(match.group(1)), match.group(2)
            stage = _STAGE_OF.get(name, name)
            if not found:
                # The first line comes after the imports and the listing.
                found["start"], last = at, at
                continue
            found[stage] = found.get(stage, 0.0) + at - last
            last = at
        return found

    def since(self, name: str) -> float:
        """Seconds from the first progress line of a stage to the last line of the command."""
        lines = [(match.group(2), float(match.group(1))) for match in _LINE.finditer(self.err)]
        return lines[-1][1] - next(at for stage, at in lines if stage == name)


def _run(
    command: Sequence[str], environment: dict[str, str], carried_out: Collection[int] = (0,)
) -> Cost:
    """Run a command; any other exit code than those of ``carried_out`` ends the benchmark."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=out, stderr=err, text=True
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        cost = Cost(
            wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read(), err.read()
        )
    if process.returncode not in carried_out:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{cost.err[-2000:]}")
    return cost


def _say(text: str = "") -> None:
    print(text, flush=True)


def _show(name: str, cost: Cost) -> None:
    _say(f"  {name:<44}{cost.wall:8.1f} s wall{cost.cpu:8.1f} s CPU{cost.peak:8.0f} MB peak")


def _year(scale: float, folder: Path) -> tuple[Cost, dict[str, float], Cost]:
    """Measure the minimal program, and the pipeline until the gate, on a demo year."""
    home = folder / f"scale-{scale:g}"
    settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        environment = store_environment(settings, ws.store)
        demo = _run([_TONGBAO, "demo", "--year", str(YEAR), "--scale", f"{scale:g}"], environment)
        _say(f"scale {scale:g}: {demo.out.strip().split(';')[0].removeprefix(f'demo {YEAR}: ')}")
        _show("demo year", demo)
        floor = _run([sys.executable, "-m", "tests.bench.floor", str(home)], environment)
        _show("floor", floor)
        run = _run([_TONGBAO, "run", "--year", str(YEAR), "--until", "gate"], environment)
        _show("tongbao run --until gate", run)
        parts = json.loads(floor.out)
        spent = run.stages()
        reading = sum(parts[name] for name in ("list", "fetch", "reports", "parse", "receipts"))
        making = parts["aggregate"] + parts["parquet"]
        _say(f"    floor by stage: {parts}")
        _say(f"    tongbao by stage: { {k: round(v, 1) for k, v in spent.items()} }")
        _say(
            f"    intake {spent['intake']:.1f} s is {spent['intake'] / reading:.2f} x the floor's "
            f"list, fetch, report files, parse and receipts ({reading:.1f} s); transform and "
            f"gate of two years {spent['transform'] + spent['gate']:.1f} s against {making:.1f} s "
            "of aggregating"
        )
        if scale == 1:
            _again(ws, environment, run)
    return floor, parts, run


def _share(name: str, cost: Cost, first: float, at_most: float) -> None:
    """Print a command's CPU as a share of what the first run took to come as far, in seconds."""
    _show(name, cost)
    _say(f"    {cost.cpu / first:.0%} of the first run's CPU (at most {at_most:.0%})")


def _again(ws: stages.Workspace, environment: dict[str, str], first: Cost) -> None:
    """Measure publication, a run with nothing new, and one resubmission."""
    again = _run([_TONGBAO, "run", "--year", str(YEAR), "--until", "gate", "--json"], environment)
    _share("again, nothing new", again, first.cpu, 0.05)
    outcome = json.loads(again.out)
    built = [part["built"] for part in outcome["transform"]]
    _say(f"    {outcome['intake']['fetched']} objects fetched, marts rebuilt: {any(built)}")
    folder = ws.store.list("landing", f"performance/year={YEAR}/province=440000/")
    former = next(info.key for info in folder if "/T05-" in info.key)
    document = json.loads(ws.store.get("landing", former))
    document["document_id"] += "-again"
    document["submitted_at"] = f"{YEAR}-12-14T23:00:00+08:00"
    document["values"]["C_04"] = 321
    key = former.replace(".json", "-resubmitted.json")
    ws.store.put("landing", key, json.dumps(document, ensure_ascii=False).encode())
    one = _run([_TONGBAO, "run", "--year", str(YEAR), "--until", "gate", "--json"], environment)
    _share("again, one resubmission", one, first.cpu, 0.15)
    outcome = json.loads(one.out)
    written = sum(sum(part["rows_written"].values()) for part in outcome["transform"])
    receipts = sum(part["receipts"] for part in outcome["transform"])
    _say(
        f"    {outcome['intake']['fetched']} object fetched, {written} rows written to the lake, "
        f"{receipts} receipts renewed"
    )
    render = _run([sys.executable, "-c", _RENDER, str(YEAR)], environment)
    seconds, files = render.out.split()
    _say(f"  rendering {files} documents and pages: {float(seconds):.1f} s CPU (at most 30)")
    publish = _editions(ws, environment)
    whole_run = [_TONGBAO, "run", "--year", str(YEAR)]
    _show("tongbao run, readable receipts for the first time", _run(whole_run, environment))
    _share(
        "tongbao run, edition stands", _run(whole_run, environment), first.cpu + publish.cpu, 0.05
    )


def _correct(reason: str, environment: dict[str, str]) -> Cost:
    command = [_TONGBAO, "correct", "--year", str(YEAR), "--reason", reason, "--json"]
    return _run(command, environment)


def _editions(ws: stages.Workspace, environment: dict[str, str]) -> Cost:
    """Measure the first edition, its verification, and corrections of one unit."""
    publish = _run([_TONGBAO, "publish", "--year", str(YEAR)], environment)
    _show("tongbao publish (at most 90 s)", publish)
    whole = publish.since("publish")
    _say(f"    its documents {whole:.1f} s")
    verify = _run([_TONGBAO, "verify", "--year", str(YEAR)], environment)
    _show("tongbao verify", verify)
    _say(f"    {verify.wall / publish.wall:.2f} x publish (at most 1.2)")
    # The first correction of a year counts all late documents; the next ones concern one unit.
    _correct("what was late", environment)
    folder = ws.store.list("landing", f"performance/year={YEAR}/province=650000/")
    units = (info.key for info in folder if "/T11-" in info.key)
    # First an indicator of one task, then one that changes a rate in every province's bulletin.
    for indicator, former in zip(("T11_09", "C_04"), units, strict=False):
        document = json.loads(ws.store.get("landing", former))
        document["document_id"] += f"-{indicator}"
        document["submitted_at"] = f"{YEAR}-12-16T09:00:00+08:00"
        document["values"][indicator] = 654
        key = former.replace(".json", f"-{indicator}.json")
        ws.store.put("landing", key, json.dumps(document, ensure_ascii=False).encode())
        correct = _correct("one unit", environment)
        _show(f"tongbao correct, {indicator} of one unit", correct)
        outcome = json.loads(correct.out)
        spent = correct.since("publish")
        _say(
            f"    its documents {spent:.1f} s, {spent / whole:.2f} x the first edition's (at most "
            f"0.25); {outcome['taken_over']} of {outcome['files']} files as before"
        )
    return publish


def main() -> None:
    """Measure at two scales and print; with an option, one part of it."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--scales", default="1,4", help="two scales, the smaller first")
    parser.add_argument(
        "--only", choices=["year", "formats", "worst", "deadline", "peers"], help="one part of it"
    )
    parser.add_argument(
        "--nations", type=float, default=1, help="of the deadline night and the peers"
    )
    parser.add_argument("--spark", metavar="PYTHON", help="an interpreter with PySpark, for peers")
    parser.add_argument(
        "--scale",
        nargs="?",
        const="1,3,10,30",
        metavar="NATIONS",
        help="only the growth with the size, by stage; the sizes, the smallest first",
    )
    parser.add_argument(
        "--no-reports", action="store_true", help="with --scale: units have no report files"
    )
    night = parser.add_argument_group("deadline night (with --only deadline; needs PostgreSQL)")
    night.add_argument("--minutes", type=float, default=6, help="how long; the real one is 60")
    night.add_argument("--burst", action="store_true", help="the last sixth at 5 times the rate")
    arguments = parser.parse_args()
    small, large = (float(part) for part in arguments.scales.split(","))
    with tempfile.TemporaryDirectory(prefix="tongbao-bench-") as name:
        folder = Path(name)
        tools: dict[str, Any] = {
            "run": _run,
            "say": _say,
            "show": _show,
            "environment_of": store_environment,
            "tongbao": _TONGBAO,
        }
        if arguments.scale:
            sizes = [float(part) for part in arguments.scale.split(",")]
            growth.measure(folder, sizes, reports=not arguments.no_reports, **tools)
            return
        if arguments.only == "peers":
            peers.measure(folder, arguments.nations, arguments.spark, **tools)
            return
        if arguments.only == "deadline":
            held = deadline.measure(
                folder, arguments.minutes, burst=arguments.burst, scale=arguments.nations, say=_say
            )
            sys.exit(0 if held else 1)
        if arguments.only not in ("year", "worst"):
            formats.measure(folder, _run, _say, _show, store_environment, _TONGBAO)
        if arguments.only not in ("year", "formats"):
            worst.measure(folder, _run, _say, _show, store_environment)
        if arguments.only in ("formats", "worst"):
            return
        home = folder / "fixed"
        settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
        with stages.open_workspace(settings) as ws:
            environment = store_environment(settings, ws.store)
            _run([_TONGBAO, "demo", "--year", str(YEAR), "--scale", "0.005"], environment)
            fixed = _run([_TONGBAO, "run", "--year", str(YEAR), "--until", "gate"], environment)
        _say("fixed cost (60 units, a home never used before; at most 20 s CPU)")
        _show("tongbao run --until gate", fixed)
        floor_1, _, run_1 = _year(small, folder)
        floor_2, _, run_2 = _year(large, folder)
        added_floor, added_run = floor_2.wall - floor_1.wall, run_2.wall - run_1.wall
        _say(
            f"from scale {small:g} to {large:g}: tongbao adds {added_run:.1f} s, the floor "
            f"{added_floor:.1f} s: {added_run / added_floor:.2f} x (at most 2)"
        )
        _say(f"peak at scale {small:g}: {run_1.peak:.0f} MB (under 2048)")


if __name__ == "__main__":
    main()
