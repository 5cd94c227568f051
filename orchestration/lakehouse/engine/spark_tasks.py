"""Calls a function for many tasks on the cluster's executors: ``python -m … FOLDER``.

Belongs here: the way of tasks and results through the folder, which all machines of the cluster see
at the same path. Doesn't belong here: what a task does (``intake.cluster``), and starting this
process (``spark``).
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from orchestration.core.errors import TongbaoError
from orchestration.lakehouse.child_process import write_outcome
from orchestration.lakehouse.engine.spark_session import explained, first_line, open_session

__all__ = ["FUNCTION", "RESULTS", "TASKS", "apply", "main"]

#: Names in the folder: the function, pickled; its arguments; what it returns.
FUNCTION, TASKS, RESULTS = "function.pickle", "tasks.parquet", "results"


def apply(
    function: Callable[[bytes], bytes], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Run on an executor: replace the column ``task`` by the results of the function."""
    for batch in batches:
        for position, task in zip(batch["position"], batch["task"].to_pylist(), strict=True):
            # A result of its own batch: only one is in memory.
            columns = [pa.array([position.as_py()], pa.int64()), pa.array([function(task)])]
            yield pa.RecordBatch.from_arrays(columns, names=["position", "result"])


def _run(folder: Path) -> None:
    function = pickle.loads((folder / FUNCTION).read_bytes())  # noqa: S301
    session = open_session()
    try:
        tasks = session.read.parquet(str(folder / TASKS))
        # A partition for each task, so that it is the unit that Spark hands out and repeats.
        (
            tasks.repartition(tasks.count())
            .mapInArrow(partial(apply, function), "position long, result binary")
            .write.parquet(str(folder / RESULTS))
        )
    except Exception as error:  # Py4J's errors are no errors of PySpark.
        raise explained(error) or TongbaoError(f"spark: {first_line(error)}") from error


def main(folder: Path) -> None:
    """Run the tasks of the folder, and write the results or the error into it."""
    write_outcome(folder, partial(_run, folder))


if __name__ == "__main__":
    from orchestration.lakehouse.engine import spark_tasks

    # Executors import functions by their module's name, which is not ``__main__``.
    spark_tasks.main(Path(sys.argv[1]))
