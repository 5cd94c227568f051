"""``infra/runbook.md``: every command in it runs, in order, against a small real year.

A block marked ``sh`` runs as written, in a copy of the checkout, with a real PostgreSQL and S3
server. ``# exits N`` gives its exit code (0 otherwise), ``# prints: …`` a part of its output ("…"
matches anything). Of blocks marked ``console`` only the names are checked.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import pytest
import yaml

from orchestration import lakehouse, stages
from orchestration.alarms.kinds import KINDS, NOTICE
from orchestration.core import reporting_calendar
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.demo import generate
from orchestration.storage import Store
from tests.fixtures.progress import no_progress
from tests.fixtures.receivers import authority, webhook_server
from tests.fixtures.topology import S3Server, Topology, rclone, topology

INFRA = PROJECT_ROOT / "infra"
RUNBOOK = INFRA / "runbook.md"
YEAR = 2024

#: Time limit of a block. The longest takes half a minute, and much longer during other tests.
_BLOCK_SECONDS = 600
#: Times in the test: a quiet day of the collection, and the mornings of publication.
_AUTUMN = "2024-11-25T09:00:00+08:00"
_MORNING = "2024-12-15T06:10:00+08:00"
_NEXT_MORNING = "2025-12-15T06:10:00+08:00"
_JANUARY = "2025-01-20T09:00:00+08:00"


@dataclass(frozen=True)
class Block:
    """A fenced block with its position, language and text."""

    anchor: str
    line: int
    language: str
    text: str

    @property
    def exits(self) -> int:
        found = re.findall(r"^# exits (\d+)$", self.text, re.MULTILINE)
        return int(found[0]) if found else 0

    @property
    def prints(self) -> list[str]:
        return re.findall(r"^# prints: (.+)$", self.text, re.MULTILINE)


@dataclass
class Runbook:
    """The parsed file: level and prose of headings by anchor, and the blocks in order."""

    levels: dict[str, int] = field(default_factory=dict)
    under: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    prose: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Runbook:
        book, anchor, chapter = cls(), "", ""
        fence: tuple[str, int, str, list[str]] | None = None
        for number, line in enumerate(RUNBOOK.read_text(encoding="utf-8").splitlines(), 1):
            opened = re.match(r"^( *)```(\w*)$", line)
            heading = re.match(r"^(#+) (.+)$", line)
            if fence is not None:
                indent, start, language, lines = fence
                if opened:
                    book.blocks.append(Block(anchor, start, language, "\n".join(lines)))
                    fence = None
                else:
                    lines.append(line.removeprefix(indent))
            elif opened:
                fence = (opened[1], number, opened[2], [])
            elif heading:
                # Like the anchors of GitHub and similar hosts.
                anchor = re.sub(r"[^\w\- ]", "", heading[2].lower()).replace(" ", "-")
                assert anchor not in book.levels, anchor
                book.levels[anchor] = len(heading[1])
                chapter = anchor if len(heading[1]) == 2 else chapter
                book.under[anchor] = chapter
            else:
                book.prose[anchor] = book.prose.get(anchor, "") + line + "\n"
        assert fence is None
        return book


BOOK = Runbook.read()


def _text_of(anchor: str) -> str:
    return BOOK.prose.get(anchor, "") + "".join(b.text for b in BOOK.blocks if b.anchor == anchor)


def test_every_kind_of_alarm_has_a_section() -> None:
    sections = [a for a in BOOK.levels if BOOK.under[a] == "alarms" and BOOK.levels[a] == 3]
    assert sorted(sections) == sorted(kind.code for kind in KINDS)
    for kind in KINDS:
        assert kind.runbook == f"infra/runbook.md#{kind.code}"
        stage = "run --year {year}" if "{stage}" in kind.command else ""
        command = kind.command.format(year="$YEAR", stage=stage.format(year="$YEAR"))
        assert command in _text_of(kind.code), kind.code
        parts = {"means", "look", "do", "over"} if kind is not NOTICE else set()
        assert parts <= set(re.findall(r"^\| (\w+) \|", BOOK.prose[kind.code], re.MULTILINE))


def test_every_link_has_a_target() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        assert not file or (INFRA / file).exists(), link
        assert not anchor or anchor in BOOK.levels, link
    rules = yaml.safe_load((INFRA / "prometheus/alerts.yml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        place, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert place == "infra/runbook.md"
        assert anchor in BOOK.levels, rule["alert"]


def test_days_in_the_runbook_agree_with_the_calendar() -> None:
    prose = BOOK.prose["the-year"]
    named = re.findall(r"(\d+ [A-Z][a-z]+)[^|(]*\(`(\w+)`", prose)
    columns = ["collection_opens", "submission_cutoff", "publication_date", "correction_cutoff"]
    assert [column for _, column in named] == columns
    with (PROJECT_ROOT / "dbt_project/seeds/reporting_calendar.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["year"]) >= YEAR]
    for day, column in named:
        times = {datetime.fromisoformat(row[column]) for row in rows}
        assert {f"{each.day} {each:%B}" for each in times} == {day}, column
    [hour] = {row["publication_time"] for row in rows}
    [days] = {row["reminder_days"] for row in rows}
    assert f"{hour[:5]} (`publication_time`)" in prose
    assert "{}, {} and {} days before".format(*days.split(";")) in prose
    for time in (
        reporting_calendar.COLLECTION_TIME,
        reporting_calendar.REHEARSAL_TIME,
        reporting_calendar.REMINDER_TIME,
    ):
        assert f"{time:%H:%M}" in prose


def test_names_in_blocks_that_are_not_run_exist() -> None:
    blocks = [block.text for block in BOOK.blocks if block.language == "console"]
    assert {block.language for block in BOOK.blocks} == {"sh", "console"}
    text = "\n".join(blocks)
    assert not re.search(r"^(sudo )?tongbao ", text, re.MULTILINE)  # These could be run.
    units = {path.name for path in (INFRA / "systemd").iterdir()}
    named = set(re.findall(r"\btongbao[\w-]*\.(?:service|timer|target)\b", text))
    assert named
    assert named <= units
    services = set(yaml.safe_load((INFRA / "compose.yaml").read_text(encoding="utf-8"))["services"])
    mentioned = re.findall(r"docker compose (?:restart|stop|start|run --rm|exec) ([\w-]+)", text)
    assert mentioned
    assert set(mentioned) <= services
    targets = re.findall(r"^([\w-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make ([\w-]+)", text, re.MULTILINE)) <= set(targets)
    for path in re.findall(r"\binfra/[\w./-]+", RUNBOOK.read_text(encoding="utf-8")):
        assert (PROJECT_ROOT / path.rstrip(".")).exists(), path
    for name in re.findall(r"/etc/tongbao/(\w+\.env)", text):
        assert (INFRA / f"env/{name}.example").exists(), name


@dataclass
class World:
    """A small year on real servers, and the copy of the checkout in which the commands run."""

    servers: Topology
    checkout: Path
    environment: dict[str, str]

    def workspace(self, now: str) -> stages.Workspace:
        """Open a workspace with the settings of a process at that time."""
        settings = Settings(
            home=Path(self.environment["TONGBAO_HOME"]),
            catalog=self.environment["TONGBAO_CATALOG"],
            uses_local_store=False,
            fixed_now=datetime.fromisoformat(now),
        )
        return stages.Workspace(settings, Store(self.servers.s3.config))

    def new_store(self) -> S3Server:
        """Start an empty S3 server and let the commands use it."""
        folder = self.servers.folder / "new"
        (folder / "s3").mkdir(parents=True)
        server = S3Server(folder, folder / "s3")
        server.start()
        self.environment |= {
            "AWS_ENDPOINT_URL_S3": str(server.config.endpoint),
            "AWS_ACCESS_KEY_ID": server.config.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.config.secret_access_key,
        }
        return server


def _passwords(servers: Topology) -> dict[str, str]:
    """The passwords of the roles, as variables for the scripts in ``infra/postgres``."""
    urls = {
        "pipeline": servers.environment["TONGBAO_CATALOG"],
        "dagster": servers.environment["DAGSTER_POSTGRES_URL"],
        "analyst": servers.postgres.url(),
    }
    return {
        f"TONGBAO_{role.upper()}_PASSWORD": str(urlsplit(url).password)
        for role, url in urls.items()
    }


def _taken_in(world: World, year: int, now: str) -> None:
    ws = world.workspace(now)
    stages.intake(ws, year, run_id="runbook", progress=no_progress)
    stages.transform(ws, year, run_id="runbook", progress=no_progress)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    ca, ca_file = authority(tmp_path)
    with webhook_server(ca) as inbox, topology(tmp_path) as servers:
        checkout = tmp_path / "checkout"
        for name in ("orchestration", "dbt_project", "expectations", "infra"):
            shutil.copytree(
                PROJECT_ROOT / name,
                checkout / name,
                # With dbt_project/target: what dbt made at the setup.
                ignore=shutil.ignore_patterns("logs", "__pycache__"),
            )
        # 'tongbao doctor' compares the installed libraries with it.
        shutil.copy(PROJECT_ROOT / "requirements.lock", checkout)
        postgres = servers.postgres
        folders = [str(Path(rclone()).parent), str(postgres.bin), os.environ["PATH"]]
        made = World(
            servers,
            checkout,
            servers.environment
            | {
                "PATH": ":".join(folders),
                "PYTHONPATH": str(checkout),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(postgres.port),
                "PGUSER": "postgres",
                "PGPASSWORD": postgres.password,
                **_passwords(servers),
                "RCLONE_CONFIG": os.devnull,
                "TONGBAO_BACKUP": str(tmp_path / "kept"),
                "TONGBAO_WEBHOOK_URL": inbox.url,
                "SSL_CERT_FILE": str(ca_file),
                "TONGBAO_NOW": _AUTUMN,
                "YEAR": str(YEAR),
                "PAST_YEAR": str(YEAR - 1),
                "NEW_YEAR": str(max(reporting_calendar.years()) + 1),
            },
        )
        ws = made.workspace(_AUTUMN)
        ws.store.ensure_buckets(["landing", "lake", "publication"])
        generate(
            ws.store,
            ws.settings,
            year=YEAR,
            scale=0.02,
            seed=5,
            faults="default",
            progress=no_progress,
        )
        _taken_in(made, YEAR, _AUTUMN)
        try:
            yield made
        finally:
            servers.s3.kill()
        assert [body["code"] for body in inbox.bodies] == ["test"]
        assert servers.left() == []


@contextlib.contextmanager
def _situation(world: World, anchor: str) -> Iterator[dict[str, str]]:
    """Create the situation of a section; yield the variables that differ in its environment."""
    servers = world.servers
    match anchor:
        case "publication" | "a-killed-run":
            yield {"TONGBAO_NOW": _MORNING}
        case "gate-blocked" | "signing-a-waiver":
            # There are no submissions in the following year.
            _taken_in(world, YEAR + 1, _NEXT_MORNING)
            yield {"TONGBAO_NOW": _NEXT_MORNING, "YEAR": str(YEAR + 1)}
        case "run-stuck" | "two-runs-at-once":
            ws = world.workspace(_MORNING)
            with lakehouse.writer(ws.settings, ws.store):
                yield {"TONGBAO_NOW": _MORNING}
        case "store-unreachable" | "s3-is-down":
            servers.s3.kill()
            yield {}
            servers.s3.start()
        case "postgresql-is-down":
            servers.postgres.kill()
            yield {}
            servers.postgres.start()
        case "restoring":
            # The store is lost permanently: from here on another one is used.
            servers.s3.kill()
            servers.s3 = world.new_store()
            yield {}
        case "correcting" | "verifying":
            yield {"TONGBAO_NOW": _JANUARY}
        case _:
            yield {}


@pytest.mark.slow
def test_every_command_runs_as_written(world: World) -> None:
    blocks = [block for block in BOOK.blocks if block.language == "sh"]
    assert blocks
    wrong = []
    for anchor in dict.fromkeys(block.anchor for block in blocks):
        with _situation(world, anchor) as differs:
            for block in (each for each in blocks if each.anchor == anchor):
                wrong += _run(block, world.checkout, world.environment | differs)
    assert wrong == [], "\n\n".join(wrong)


def _run(block: Block, folder: Path, environment: dict[str, str]) -> list[str]:
    """Run a block and return the deviations from its expected output and exit code."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_BLOCK_SECONDS,
        check=False,
    )
    wrong = []
    if done.returncode != block.exits:
        wrong.append(f"exited {done.returncode}")
    for wanted in block.prints:
        shown = Template(wanted).safe_substitute(environment)
        if not re.search(".*".join(map(re.escape, shown.split("…"))), done.stdout):
            wrong.append(f"did not print {shown!r}")
    if "Traceback" in done.stdout:
        wrong.append("printed a stack trace")
    if not wrong:
        return []
    where = f"{RUNBOOK.name}:{block.line} (#{block.anchor}) {', '.join(wrong)}"
    return [f"{where}\n{block.text}\n---\n{done.stdout[-3000:]}"]
