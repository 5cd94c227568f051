"""Peers: the usual ways of doing it, on the same objects.

    python -m tests.bench --only peers --nations 1 [--spark PYTHON]

``usual`` is what an office writes itself: boto3 with threads, json, pandas, DuckDB, in one script.
``spark`` is PySpark with ``local[*]``, which reads the folder behind the local store, because its
wheel has no S3 client. Both do less than the pipeline: they check nothing but the syntax, keep no
history, have no gate and publish nothing. Spark writes no receipts either.

As a program (``python tests/bench/peers.py usual|spark FOLDER``) it needs nothing of the project,
so that it runs in an environment that has only its own libraries. It prints seconds by stage as
JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bench.commands import Cost

__all__ = ["measure"]

#: As many requests in flight as the pipeline has on two cores; boto3 gets no faster with more.
_THREADS = 16
_TOTALS = """
select year, split_part(unit_code, '-', 2) as province_code, split_part(unit_code, '-', 1) as
    task_code, indicator_code, sum(value) as value, count(value) as units
from facts
group by grouping sets (
    (year, province_code, task_code, indicator_code), (year, task_code, indicator_code)
)
"""

Lap = Callable[[str], None]


def _documents(key: str, body: bytes) -> list[dict[str, Any]]:
    text = body.decode()
    lines = text.splitlines() if key.endswith(".jsonl") else [text]
    return [json.loads(line) for line in lines if line.strip()]


def usual(folder: Path, lap: Lap) -> None:
    """List, fetch, hash report files, parse, answer and aggregate; write Parquet to ``folder``."""
    import boto3
    import duckdb
    import pandas as pd
    from botocore.config import Config

    s3 = boto3.client("s3", config=Config(max_pool_connections=_THREADS))
    keys = [
        each["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="landing")
        for each in page.get("Contents", ())
    ]
    reports = [key for key in keys if key.startswith("attachments/")]
    objects = [key for key in keys if not key.startswith("attachments/")]
    lap("list")

    def fetch(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket="landing", Key=key)["Body"].read()
        return body

    def answer(receipt: tuple[str, bytes]) -> None:
        s3.put_object(Bucket="publication", Key=f"usual/{receipt[0]}", Body=receipt[1])

    with ThreadPoolExecutor(_THREADS) as pool:
        bodies = list(pool.map(fetch, objects))
        lap("fetch")
        list(pool.map(lambda key: hashlib.sha256(fetch(key)).hexdigest(), reports))
        lap("reports")
        rows, receipts = [], []
        for key, body in zip(objects, bodies, strict=True):
            try:
                documents, status = _documents(key, body), "accepted"
            except (ValueError, RecursionError):
                documents, status = [], "rejected"
            receipt = {"object_key": key, "status": status, "documents": len(documents)}
            receipts.append((f"{key}.receipt.json", json.dumps(receipt).encode()))
            for document in documents:
                values = document.get("values") if isinstance(document, dict) else None
                if key.startswith("performance/") and isinstance(values, dict):
                    rows += [
                        (document.get("year"), document.get("unit_code"), code, str(value))
                        for code, value in values.items()
                    ]
        lap("parse")
        list(pool.map(answer, receipts))
        lap("receipts")
    facts = pd.DataFrame(rows, columns=["year", "unit_code", "indicator_code", "typed"])
    facts["value"] = pd.to_numeric(facts["typed"], errors="coerce")
    facts["year"] = pd.to_numeric(facts["year"], errors="coerce")
    facts.to_parquet(folder / "facts.parquet")
    with duckdb.connect() as con:
        con.register("facts", facts)
        con.execute(f"copy ({_TOTALS}) to '{folder / 'totals.parquet'}' (format parquet)")
    lap("aggregate")


def spark(folder: Path, lap: Lap) -> None:
    """Read, hash report files and aggregate; write Parquet to ``folder``."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    landing = folder / "s3" / "landing"
    session = SparkSession.builder.master("local[*]").appName("peers").getOrCreate()
    lap("start")
    schema = "year int, unit_code string, values map<string, string>"
    read = session.read.schema(schema).option("recursiveFileLookup", "true")
    read = read.option("pathGlobFilter", "*.json*")
    facts = read.json(str(landing / "performance")).select(
        "year", "unit_code", f.explode("values").alias("indicator_code", "typed")
    )
    facts = facts.selectExpr("*", "try_cast(typed as decimal(24, 6)) as value")
    facts.write.mode("overwrite").parquet(str(folder / "spark-facts"))
    lap("read")
    session.read.parquet(str(folder / "spark-facts")).createOrReplaceTempView("facts")
    totals = session.sql(_TOTALS)
    totals.write.mode("overwrite").parquet(str(folder / "spark-totals"))
    lap("aggregate")
    if (landing / "attachments").exists():
        files = session.read.format("binaryFile").option("recursiveFileLookup", "true")
        hashes = files.load(str(landing / "attachments")).selectExpr("path", "sha2(content, 256)")
        hashes.write.mode("overwrite").parquet(str(folder / "spark-reports"))
    lap("reports")


def measure(
    folder: Path,
    nations: float,
    spark_python: str | None,
) -> None:
    """Measure the peers and the pipeline on one demo and print the ratios.

    Args:
        folder: for the home.
        nations: the size of the demo, in nations of 12,000 units.
        spark_python: an interpreter with PySpark; None if there is none.
    """
    from orchestration import stages
    from orchestration.core.settings import Settings
    from orchestration.defs.serve import store_environment
    from tests.bench.commands import TONGBAO, run, say, show

    home = folder / "peers"
    settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        environment = store_environment(settings, ws.store)
        command = [TONGBAO, "demo", "--year", "2024", "--scale", f"{nations:g}"]
        say(f"{nations:g} nations: {run(command, environment).out.strip().split(';')[0]}")
        ours = [
            run([TONGBAO, stage, "--year", "2024"], environment, carried_out=(0, 3))
            for stage in ("intake", "transform", "gate")
        ]
        for stage, cost in zip(("intake", "transform", "gate"), ours, strict=True):
            show(f"tongbao {stage}", cost)
        script = str(Path(__file__))
        theirs = run([sys.executable, script, "usual", str(home)], environment)
        show("usual: boto3, pandas, DuckDB", theirs)
        parts = json.loads(theirs.out)
        reading = sum(parts[name] for name in ("list", "fetch", "reports", "parse", "receipts"))
        say(f"    by stage: {parts}")
        say(f"    tongbao's intake takes {ours[0].wall / reading:.2f} x as long as its reading")
        say(_ratio("usual", theirs, ours))
        if spark_python is None:
            say("spark: skipped, no interpreter with PySpark was given (--spark PYTHON)")
            return
        theirs = run([spark_python, script, "spark", str(home)], environment)
        show("spark: local[*], without receipts", theirs)
        say(f"    by stage: {json.loads(theirs.out.splitlines()[-1])}")
        say(_ratio("spark", theirs, ours))


def _ratio(name: str, theirs: Cost, ours: list[Cost]) -> str:
    wall, cpu = sum(each.wall for each in ours), sum(each.cpu for each in ours)
    return (
        f"    tongbao / {name}: {wall / theirs.wall:.2f} x wall, {cpu / theirs.cpu:.2f} x CPU, "
        f"{max(each.peak for each in ours) / theirs.peak:.2f} x peak memory"
    )


def _main(peer: str, folder: Path) -> dict[str, float]:
    clock = [time.monotonic()]
    spent: dict[str, float] = {}

    def lap(name: str) -> None:
        now = time.monotonic()
        spent[name] = round(now - clock[0], 2)
        clock[0] = now

    {"usual": usual, "spark": spark}[peer](folder, lap)
    return spent


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], Path(sys.argv[2]))))
