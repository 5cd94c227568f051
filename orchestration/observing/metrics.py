"""Metrics: the current state in Prometheus' text format, for node_exporter's textfile collector.

A batch pipeline has no process to scrape. So after every stage the whole state is written again
from the lake and the journal, and no process has to add up what others counted. The number of
labels is bounded: years, stages, tables, tasks and provinces, never units or documents.

Belongs here: metrics, their labels and the queries behind them. Doesn't belong here: alert rules
(``infra/prometheus``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orchestration import lakehouse
from orchestration.core.errors import Unreachable
from orchestration.core.settings import Settings
from orchestration.observing.backups import last_backup
from orchestration.observing.journal import StageRun, stage_runs
from orchestration.storage import Store

__all__ = ["METRICS_FOLDER", "write_alarms", "write_backups", "write_metrics"]

#: Folder in the home for the collector's ``--collector.textfile.directory``.
METRICS_FOLDER = "metrics"

#: Bounds in seconds of the time from an object's arrival to its receipt. 120 is the promise for the
#: last night before the cut-off; 86400 is the interval of the nightly run.
LAG_BUCKETS = (15, 30, 60, 120, 300, 900, 3600, 86400)

_Rows = Sequence[tuple[Any, ...]]


def write_metrics(settings: Settings, store: Store) -> Path:
    """Write ``metrics/tongbao.prom``.

    Returns:
        the path of the file.
    """
    families = list(_stage_metrics(stage_runs(settings)))
    try:
        with lakehouse.reader(settings, store) as con:
            families += _lake_metrics(con)
            reachable = 1
    except Unreachable:
        reachable = 0
    families.append(_gauge("lake_reachable", "1 if the lake could be read.", [(reachable,)]))
    return _write(settings, "tongbao", families)


def write_backups(settings: Settings, store: Store) -> Path:
    """Write ``metrics/backups.prom``: the time of the last backup; nothing if none is recorded.

    Returns:
        the path of the file.

    Raises:
        Unreachable: the store fails.
    """
    at = last_backup(settings, store)
    text = "Start of the last complete backup."
    families = [_gauge("backup_timestamp_seconds", text, [(at.timestamp(),)])] if at else []
    return _write(settings, "backups", families)


def write_alarms(
    settings: Settings, active: Sequence[tuple[str, int | None]], channels_failing: int
) -> Path:
    """Write ``metrics/alarms.prom``: active conditions, and whether messages are delivered.

    Args:
        active: code of the kind, and year, of each active condition.
        channels_failing: number of channels that failed at the last check.

    Returns:
        the path of the file.
    """
    counts = Counter((code, "" if year is None else str(year)) for code, year in active)
    rows = [(*key, count) for key, count in sorted(counts.items())]
    families = [
        _gauge("alarms_standing", "Active conditions, by kind.", rows, ("code", "year")),
        _gauge(
            "alarm_channels_failing",
            "Channels that failed to deliver a message at the last check.",
            [(channels_failing,)],
        ),
        _gauge(
            "watch_timestamp_seconds",
            "Time of the sensor's last check; an old one means that nothing is watched.",
            [(settings.now().timestamp(),)],
        ),
    ]
    return _write(settings, "alarms", families)


def _write(settings: Settings, name: str, families: Sequence[Metric]) -> Path:
    """Write ``metrics/{name}.prom`` atomically."""
    folder = settings.make_home() / METRICS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    registry.register(_Families(families))
    path = folder / f"{name}.prom"
    write_to_textfile(str(path), registry)
    return path


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics given."""
        yield from self._families


def _gauge(name: str, text: str, rows: _Rows, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    """Make a gauge from rows that hold the label values and, last, the value."""
    family = GaugeMetricFamily(f"tongbao_{name}", text, labels=labels)
    for row in rows:
        family.add_metric([str(each) for each in row[:-1]], float(row[-1]))
    return family


def _stage_metrics(runs: Sequence[StageRun]) -> Iterator[Metric]:
    labels = ("stage", "year")
    yield _gauge(
        "stage_seconds",
        "Duration of the last run of the stage.",
        [(run.stage, run.year, run.seconds) for run in runs],
        labels,
    )
    yield _gauge(
        "stage_last_run_timestamp_seconds",
        "Start of the last run of the stage.",
        [(run.stage, run.year, run.started_at.timestamp()) for run in runs],
        labels,
    )
    yield _gauge(
        "stage_last_success_timestamp_seconds",
        "End of the last successful run of the stage, also if it found nothing to do.",
        [(r.stage, r.year, r.succeeded_at.timestamp()) for r in runs if r.succeeded_at],
        labels,
    )
    yield _gauge(
        "stage_failed",
        "1 if the last run of the stage failed or was stopped.",
        [(run.stage, run.year, run.outcome in {"failed", "stopped"}) for run in runs],
        labels,
    )
    yield _gauge(
        "last_intake_objects",
        "Objects of the last intake: listed, fetched, and by status of the receipt.",
        [
            (run.year, name, count)
            for run in runs
            if run.stage == "intake"
            for name, count in run.counts.items()
        ],
        ("year", "state"),
    )


def _lake_metrics(con: duckdb.DuckDBPyConnection) -> Iterator[Metric]:
    def rows(query: str) -> _Rows:
        return con.execute(query).fetchall()

    tables = lakehouse.recorded_rows(con)
    yield _gauge(
        "table_rows",
        "Rows of a table in the lake.",
        [(*table, count) for table, count in tables.items()],
        ("schema", "table"),
    )
    yield _gauge("snapshot_id", "Id of the newest snapshot.", [(lakehouse.current_snapshot(con),)])
    size = rows("select sum(file_count), sum(file_size_bytes) from ducklake_table_info('lake')")
    yield _gauge("lake_files", "Data files of the current snapshot.", [(size[0][0] or 0,)])
    yield _gauge("lake_bytes", "Bytes of those data files.", [(size[0][1] or 0,)])
    if ("raw", "objects") in tables:
        yield _gauge(
            "objects",
            "Object versions taken in, by status of the receipt.",
            rows("select year, status, count(*) from lake.raw.objects group by all order by all"),
            ("year", "status"),
        )
        yield _receipt_lag(con)
    if ("quality", "submission_errors") in tables:
        yield _gauge(
            "findings",
            "Current findings about submissions.",
            rows(
                "select year, severity, count(*) from lake.quality.submission_errors "
                "group by all order by all"
            ),
            ("year", "severity"),
        )
    if ("marts", "agg_province_task") in tables:
        labels = ("year", "province", "task")
        newest = "where year = (select max(year) from lake.marts.agg_province_task) order by all"
        for state in ("expected", "reported", "on_time"):
            yield _gauge(
                f"units_{state}",
                f"Units of the newest year in the marts: {state.replace('_', ' ')}.",
                rows(
                    f"select year, province_code, task_code, units_{state} "
                    f"from lake.marts.agg_province_task {newest}"
                ),
                labels,
            )
    yield from _gate_metrics(con)
    yield _gauge(
        "edition",
        "Number of the newest edition.",
        rows("select year, max(edition) from lake.publication.editions group by all order by all"),
        ("year",),
    )


def _gate_metrics(con: duckdb.DuckDBPyConnection) -> Iterator[Metric]:
    verdicts = lakehouse.newest_verdicts(con)
    yield _gauge(
        "gate_blocked",
        "1 if the newest decision of the gate blocks publication.",
        [(year, lakehouse.blocks(judged)) for year, judged in verdicts.items()],
        ("year",),
    )
    outcomes: list[tuple[Any, ...]] = []
    for year, judged in verdicts.items():
        failed = [row for row in judged if not row["success"]]
        waived = [row for row in failed if row["waived_by"]]
        blocking = lakehouse.blocking(judged)
        outcomes += [
            (year, "passed", len(judged) - len(failed)),
            (year, "blocking", len(blocking)),
            (year, "waived", len(waived)),
            (year, "warning", len(failed) - len(blocking) - len(waived)),
        ]
    yield _gauge(
        "gate_expectations",
        "Expectations of the newest decision, by outcome.",
        outcomes,
        ("year", "outcome"),
    )


def _receipt_lag(con: duckdb.DuckDBPyConnection) -> HistogramMetricFamily:
    """Time from an object's arrival to the end of the run that wrote its receipt."""
    counts = ", ".join(f"count(*) filter (where lag <= {bound})" for bound in LAG_BUCKETS)
    found = con.execute(
        f"select year, {counts}, count(*), sum(lag) from ("
        "select o.year, greatest(0, epoch(r.finished_at) - epoch(o.last_modified)) as lag "
        "from lake.raw.objects o join lake.raw.intake_runs r using (run_id)"
        ") group by year order by year"
    ).fetchall()
    family = HistogramMetricFamily(
        "tongbao_receipt_lag_seconds",
        "Time from the arrival of an object to the end of the run that wrote its receipt.",
        labels=("year",),
    )
    for year, *bounds, total, lag in found:
        buckets = [(str(b), n) for b, n in zip(LAG_BUCKETS, bounds, strict=True)]
        family.add_metric([str(year)], [*buckets, ("+Inf", total)], sum_value=float(lag))
    return family
