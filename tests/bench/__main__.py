"""``make bench``: prints the cost of the pipeline, of the minimal program, and of repeated runs.

Every command is a separate process with the same S3 server, so that time, CPU seconds and peak
memory are those of the command alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from orchestration import stages
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from tests.bench import deadline, formats, growth, peers, worst
from tests.bench.commands import TONGBAO, Cost, run, say, show

YEAR = 2024

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


def _year(scale: float, folder: Path) -> tuple[Cost, dict[str, float], Cost]:
    """Measure the minimal program, and the pipeline until the gate, on a demo year."""
    home = folder / f"scale-{scale:g}"
    settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        environment = store_environment(settings, ws.store)
        demo = run([TONGBAO, "demo", "--year", str(YEAR), "--scale", f"{scale:g}"], environment)
        say(f"scale {scale:g}: {demo.out.strip().split(';')[0].removeprefix(f'demo {YEAR}: ')}")
        show("demo year", demo)
        floor = run([sys.executable, "-m", "tests.bench.floor", str(home)], environment)
        show("floor", floor)
        whole = run([TONGBAO, "run", "--year", str(YEAR), "--until", "gate"], environment)
        show("tongbao run --until gate", whole)
        parts = json.loads(floor.out)
        spent = whole.stages()
        reading = sum(parts[name] for name in ("list", "fetch", "reports", "parse", "receipts"))
        making = parts["aggregate"] + parts["parquet"]
        say(f"    floor by stage: {parts}")
        say(f"    tongbao by stage: { {k: round(v, 1) for k, v in spent.items()} }")
        say(
            f"    intake {spent['intake']:.1f} s is {spent['intake'] / reading:.2f} x the floor's "
            f"list, fetch, report files, parse and receipts ({reading:.1f} s); transform and "
            f"gate of two years {spent['transform'] + spent['gate']:.1f} s against {making:.1f} s "
            "of aggregating"
        )
        if scale == 1:
            _again(ws, environment, whole)
    return floor, parts, whole


def _share(name: str, cost: Cost, first: float, at_most: float) -> None:
    """Print a command's CPU as a share of what the first run took to come as far, in seconds."""
    show(name, cost)
    say(f"    {cost.cpu / first:.0%} of the first run's CPU (at most {at_most:.0%})")


def _again(ws: stages.Workspace, environment: dict[str, str], first: Cost) -> None:
    """Measure publication, a run with nothing new, and one resubmission."""
    again = run([TONGBAO, "run", "--year", str(YEAR), "--until", "gate", "--json"], environment)
    _share("again, nothing new", again, first.cpu, 0.05)
    outcome = json.loads(again.out)
    built = [part["built"] for part in outcome["transform"]]
    say(f"    {outcome['intake']['fetched']} objects fetched, marts rebuilt: {any(built)}")
    folder = ws.store.list("landing", f"performance/year={YEAR}/province=440000/")
    former = next(info.key for info in folder if "/T05-" in info.key)
    document = json.loads(ws.store.get("landing", former))
    document["document_id"] += "-again"
    document["submitted_at"] = f"{YEAR}-12-14T23:00:00+08:00"
    document["values"]["C_04"] = 321
    key = former.replace(".json", "-resubmitted.json")
    ws.store.put("landing", key, json.dumps(document, ensure_ascii=False).encode())
    one = run([TONGBAO, "run", "--year", str(YEAR), "--until", "gate", "--json"], environment)
    _share("again, one resubmission", one, first.cpu, 0.15)
    outcome = json.loads(one.out)
    written = sum(sum(part["rows_written"].values()) for part in outcome["transform"])
    receipts = sum(part["receipts"] for part in outcome["transform"])
    say(
        f"    {outcome['intake']['fetched']} object fetched, {written} rows written to the lake, "
        f"{receipts} receipts renewed"
    )
    render = run([sys.executable, "-c", _RENDER, str(YEAR)], environment)
    seconds, files = render.out.split()
    say(f"  rendering {files} documents and pages: {float(seconds):.1f} s CPU (at most 30)")
    publish = _editions(ws, environment)
    whole_run = [TONGBAO, "run", "--year", str(YEAR)]
    show("tongbao run, readable receipts for the first time", run(whole_run, environment))
    _share(
        "tongbao run, edition stands", run(whole_run, environment), first.cpu + publish.cpu, 0.05
    )


def _correct(reason: str, environment: dict[str, str]) -> Cost:
    command = [TONGBAO, "correct", "--year", str(YEAR), "--reason", reason, "--json"]
    return run(command, environment)


def _editions(ws: stages.Workspace, environment: dict[str, str]) -> Cost:
    """Measure the first edition, its verification, and corrections of one unit."""
    publish = run([TONGBAO, "publish", "--year", str(YEAR)], environment)
    show("tongbao publish (at most 90 s)", publish)
    whole = publish.since("publish")
    say(f"    its documents {whole:.1f} s")
    verify = run([TONGBAO, "verify", "--year", str(YEAR)], environment)
    show("tongbao verify", verify)
    say(f"    {verify.wall / publish.wall:.2f} x publish (at most 1.2)")
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
        show(f"tongbao correct, {indicator} of one unit", correct)
        outcome = json.loads(correct.out)
        spent = correct.since("publish")
        say(
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
        "--nations",
        type=float,
        default=1,
        help="of the deadline night and the peers; of the worst objects, the share of their number",
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
        if arguments.scale:
            sizes = [float(part) for part in arguments.scale.split(",")]
            growth.measure(folder, sizes, reports=not arguments.no_reports)
            return
        if arguments.only == "peers":
            peers.measure(folder, arguments.nations, arguments.spark)
            return
        if arguments.only == "deadline":
            held = deadline.measure(
                folder, arguments.minutes, burst=arguments.burst, scale=arguments.nations, say=say
            )
            sys.exit(0 if held else 1)
        if arguments.only not in ("year", "worst"):
            formats.measure(folder)
        if arguments.only not in ("year", "formats"):
            worst.measure(folder, arguments.nations)
        if arguments.only in ("formats", "worst"):
            return
        home = folder / "fixed"
        settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
        with stages.open_workspace(settings) as ws:
            environment = store_environment(settings, ws.store)
            run([TONGBAO, "demo", "--year", str(YEAR), "--scale", "0.005"], environment)
            fixed = run([TONGBAO, "run", "--year", str(YEAR), "--until", "gate"], environment)
        say("fixed cost (60 units, a home never used before; at most 20 s CPU)")
        show("tongbao run --until gate", fixed)
        floor_1, _, run_1 = _year(small, folder)
        floor_2, _, run_2 = _year(large, folder)
        added_floor, added_run = floor_2.wall - floor_1.wall, run_2.wall - run_1.wall
        say(
            f"from scale {small:g} to {large:g}: tongbao adds {added_run:.1f} s, the floor "
            f"{added_floor:.1f} s: {added_run / added_floor:.2f} x (at most 2)"
        )
        say(f"peak at scale {small:g}: {run_1.peak:.0f} MB (under 2048)")


if __name__ == "__main__":
    main()
