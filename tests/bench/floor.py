"""The minimal program: the least work with the same result, without any framework.

It lists and fetches every submission of both years with obstore (16 threads), parses it, writes one
small receipt object per submission, hashes the report files, aggregates in DuckDB by province, task
and indicator, and writes Parquet. It checks nothing, keeps no history and is not repeatable, so the
additional cost of the pipeline is the cost of these.

It runs as a separate process and prints seconds per stage as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import obstore
import pyarrow as pa
from obstore.store import S3Store

_THREADS = 16


def store_of(bucket: str) -> S3Store:
    config: Any = {
        "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "region": os.environ["AWS_REGION"],
        "endpoint": os.environ["AWS_ENDPOINT_URL_S3"],
        "virtual_hosted_style_request": False,
    }
    return S3Store(bucket, config=config, client_options={"allow_http": True})


def main(folder: Path) -> dict[str, float]:
    """Do the work and return seconds by stage."""
    clock = [time.monotonic()]
    stages: dict[str, float] = {}

    def lap(name: str) -> None:
        now = time.monotonic()
        stages[name] = round(now - clock[0], 3)
        clock[0] = now

    landing, publication = store_of("landing"), store_of("publication")
    keys = [
        meta["path"]
        for kind in ("registration", "plan", "review", "performance", "assessment",
                     "provincial_summary")
        for batch in obstore.list(landing, prefix=f"{kind}/", chunk_size=5000)
        for meta in batch
    ]  # fmt: skip
    lap("list")
    with ThreadPoolExecutor(_THREADS) as pool:
        bodies = list(pool.map(lambda key: bytes(obstore.get(landing, key).bytes()), keys))
    lap("fetch")
    reports = [
        meta["path"]
        for batch in obstore.list(landing, prefix="attachments/", chunk_size=5000)
        for meta in batch
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(
            pool.map(
                lambda key: hashlib.sha256(bytes(obstore.get(landing, key).bytes())).hexdigest(),
                reports,
            )
        )
    lap("reports")
    columns: tuple[list[Any], ...] = ([], [], [], [])
    receipts: list[tuple[str, bytes]] = []
    for key, body in zip(keys, bodies, strict=True):
        try:
            text = body.decode()
            documents = (
                [json.loads(line) for line in text.splitlines() if line.strip()]
                if key.endswith(".jsonl")
                else [json.loads(text)]
            )
            status = "accepted"
        except (ValueError, RecursionError):
            documents, status = [], "rejected"
        answer = {"object_key": key, "status": status, "documents": len(documents)}
        receipts.append((f"floor/{key}.receipt.json", json.dumps(answer).encode()))
        if not key.startswith("performance/"):
            continue
        for document in documents:
            values = document.get("values") if isinstance(document, dict) else None
            if isinstance(values, dict):
                for code, value in values.items():
                    columns[0].append(document.get("year"))
                    columns[1].append(document["unit_code"])
                    columns[2].append(code)
                    columns[3].append(str(value))
    lap("parse")
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda item: obstore.put(publication, *item), receipts))
    lap("receipts")
    values_table = pa.table(
        {
            "year": pa.array([y if isinstance(y, int) else None for y in columns[0]], pa.int32()),
            "unit_code": pa.array(columns[1], pa.string()),
            "indicator_code": pa.array(columns[2], pa.string()),
            "value": pa.array(columns[3], pa.string()),
        }
    )
    con = duckdb.connect()
    con.register("incoming", values_table)
    con.execute(
        "create table facts as select year, unit_code, split_part(unit_code, '-', 1) as task_code, "
        "split_part(unit_code, '-', 2) as province_code, indicator_code, "
        "try_cast(value as decimal(24, 6)) as value from incoming"
    )
    con.execute(
        "create table totals as select year, province_code, task_code, indicator_code, "
        "sum(value) as value, count(value) as units from facts "
        "group by grouping sets ((year, province_code, task_code, indicator_code), "
        "(year, task_code, indicator_code))"
    )
    lap("aggregate")
    for name in ("facts", "totals"):
        con.execute(f"copy {name} to '{folder / name}.parquet' (format parquet)")
    lap("parquet")
    return stages


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
