"""A year with logs, metrics and alarms on: who is notified, and that no secret is shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestration import alarms, lakehouse, stages
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.core.versions import code_versions
from orchestration.definitions import defs
from orchestration.defs.sensors import watch
from orchestration.defs.serve import store_environment
from orchestration.observing import write_metrics
from tests.conftest import clean_environment
from tests.fixtures.landing import Landing
from tests.fixtures.receivers import Inbox, Mailbox, authority, mail_server, webhook_server

#: A whole blocked year with its log, mail server and webhook.
pytestmark = pytest.mark.slow

_MORNING = "2024-12-15T06:10:00+08:00"
#: A contact whose every part breaks the contract, so that findings quote it.
_CONTACT = {"name": "联络员甲乙丙", "phone": ["139-planted-0000"], "email": {"planted-at": "no"}}


@dataclass
class Year:
    """A small year that the gate blocks, with the receivers of its alarms."""

    ws: stages.Workspace
    inbox: Inbox
    mailbox: Mailbox
    environment: dict[str, str]
    secrets: list[str]
    ran: subprocess.CompletedProcess[str]

    @property
    def home(self) -> Path:
        return self.ws.settings.home

    def tongbao(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env=clean_environment(self.home, self.environment | more),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    folder = tmp_path_factory.mktemp("watching")
    home = folder / "home"
    settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
    ca, ca_file = authority(folder)
    with (
        webhook_server(ca) as inbox,
        mail_server(ca) as mailbox,
        stages.open_workspace(settings) as ws,
    ):
        environment = store_environment(settings, ws.store) | {
            "TONGBAO_NOW": _MORNING,
            "TONGBAO_LOG_FORMAT": "json",
            "TONGBAO_WEBHOOK_URL": inbox.url,
            "TONGBAO_SMTP_URL": mailbox.url,
            "TONGBAO_MAIL_FROM": "tongbao@example.cn",
            "TONGBAO_MAIL_TO": "on-duty@example.cn",
            "SSL_CERT_FILE": str(ca_file),
            "PGPASSWORD": "the-pg-password",
        }
        secrets = [
            ws.store.config.secret_access_key,
            "the-webhook-token",
            "the-mail-password",
            "the-pg-password",
        ]
        made = Year(ws, inbox, mailbox, environment, secrets, None)  # type: ignore[arg-type]
        said = made.tongbao("demo", "--year", "2024", "--scale", "0.004", "--faults", "heavy")
        assert said.returncode == 0, said.stderr
        Landing(ws.store).document(
            "registration",
            province="110000",
            document_id="planted",
            unit_code="T05-110000-9999",
            unit_name="示例学校",
            task_code="T05",
            province_code="110000",
            level="provincial",
            lead_organisation={"name": "示例学校", "type": "vocational_school"},
            members=[],
            contact=_CONTACT,
        )
        made.ran = made.tongbao("run", "--year", "2024")
        yield made


@pytest.fixture
def tick(year: Year, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs one tick of the sensor, as the daemon does."""
    for name, value in year.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(year.home / "dagster"))
    with dg.DagsterInstance.get() as instance:

        def run_tick(cursor: str | None = None, **environ: str) -> Any:
            with monkeypatch.context() as patch:
                for name, value in environ.items():
                    patch.setenv(name, value)
                context = dg.build_sensor_context(
                    instance=instance, cursor=cursor, repository_def=defs.get_repository_def()
                )
                return watch.evaluate_tick(context)

        yield run_tick


def test_a_blocked_run_exits_with_3(year: Year) -> None:
    assert year.ran.returncode == 3, year.ran.stderr[-2000:]


def test_conditions_are_reported_when_they_begin_and_end(
    year: Year, tick: Callable[..., Any]
) -> None:
    first = tick()
    assert "gate-blocked/2024/" in first.skip_message
    assert "run-failed" not in first.skip_message
    # Another test of this home may have run a check before this one.
    [body] = [each for each in year.inbox.bodies if each["code"] == "gate-blocked"]
    [letter] = [each for each in year.mailbox.letters if each["subject"] == body["subject"]]
    assert (body["code"], body["state"], body["year"]) == ("gate-blocked", "alarm", 2024)
    assert "On-time rate, nation" in body["what_en"]
    assert body["touched"]["provinces"]
    assert letter["subject"] == body["subject"]
    assert "tongbao gate --year 2024" in letter.get_content()
    sent = len(year.inbox.requests)
    tick()
    assert len(year.inbox.requests) == len(year.mailbox.letters) == sent
    # At nine it is reported again; the mail server is unreachable, the webhook is not.
    nine = {"TONGBAO_NOW": "2024-12-15T09:00:00+08:00"}
    down = tick(**nine, TONGBAO_SMTP_URL="smtp://alarms:the-mail-password@127.0.0.1:1")
    assert "not delivered: mail" in down.skip_message
    gate = [each["state"] for each in year.inbox.bodies if each["code"] == "gate-blocked"]
    assert gate == ["alarm", "still"]
    assert year.inbox.bodies[-1]["code"] == "publication-overdue"
    tick(TONGBAO_NOW="2024-12-15T09:01:00+08:00")
    assert len(year.inbox.requests) == len(year.mailbox.letters) == sent + 2
    # A later decision allows publication.
    with lakehouse.writer(year.ws.settings, year.ws.store) as con:
        [(_, rows)] = lakehouse.newest_verdicts(con).items()
        passing = [row | {"success": True, "run_id": "later"} for row in rows]
        lakehouse.record_gate(con, passing, code_versions())
    tick(TONGBAO_NOW="2024-12-15T10:00:00+08:00")
    assert year.inbox.bodies[-1]["state"] == "over"
    assert year.inbox.bodies[-1]["title_zh"] == "质量门禁已通过"
    assert year.mailbox.letters[-1]["subject"].endswith("over: the gate passes again (2024)")
    # A run fails.
    failed = year.tongbao("run", "--year", "2024", AWS_SECRET_ACCESS_KEY="a-wrong-s3-secret")
    assert failed.returncode == 4
    year.secrets.append("a-wrong-s3-secret")
    active = tick().skip_message
    assert "run-failed/2024/national_year" in active
    assert ("run-failed", "2024") in _metrics(year)["tongbao_alarms_standing"]
    body = year.inbox.bodies[-1]
    assert (body["code"], body["next"]) == ("run-failed", "tongbao run --year 2024")
    assert "object storage http://127.0.0.1" in body["what_en"]
    # If the lake can't be reached, the conditions of runs are reported all the same.
    catalog = "postgresql://tongbao:the-pg-password@127.0.0.1:1/lake"
    for minute in (20, 26):
        out = tick(TONGBAO_CATALOG=catalog, TONGBAO_NOW=f"2024-12-15T06:{minute}:00+08:00")
    assert "store-unreachable" in out.skip_message
    assert year.inbox.bodies[-1]["code"] == "store-unreachable"


def test_the_log_is_json_with_run_id_and_document_id(year: Year) -> None:
    lines = [line for line in year.ran.stderr.splitlines() if line.startswith("{")]
    said = [json.loads(line) for line in lines]
    assert {line["stage"] for line in said} >= {"intake", "transform", "receipts", "gate"}
    assert len({line["run_id"] for line in said}) == 1
    assert any(line.get("document_id") == "planted" for line in said)
    assert all(line["object_key"] for line in said if line["message"] == "finding")
    assert not [line for line in year.ran.stderr.splitlines() if line.startswith("[")]


def _metrics(year: Year) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for path in (year.home / "metrics").glob("*.prom"):
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            for sample in family.samples:
                key = tuple(sample.labels.values())
                found.setdefault(sample.name, {})[key] = sample.value
    return found


def test_the_metrics_agree_with_the_lake(year: Year, tick: Callable[..., Any]) -> None:
    tick()
    write_metrics(year.ws.settings, year.ws.store)  # Another test may have run the gate since.
    found = _metrics(year)
    with lakehouse.reader(year.ws.settings, year.ws.store) as con:
        tables = con.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'lake'"
        ).fetchall()
        rows = {
            table: con.execute(f"select count(*) from {'.'.join(table)}").fetchall()[0][0]
            for table in tables
        }
        [expected] = con.execute(
            "select sum(units_expected) from lake.marts.agg_province_task where year = 2024"
        ).fetchall()
    assert len(rows) > 40
    assert found["tongbao_table_rows"] == rows
    assert sum(found["tongbao_objects"].values()) == rows["raw", "objects"]
    assert sum(found["tongbao_units_expected"].values()) == expected[0]
    assert sum(found["tongbao_receipt_lag_seconds_count"].values()) == rows["raw", "objects"]
    assert found["tongbao_stage_seconds"]["intake", "2024"] > 0
    # Units and documents are never labels.
    labels = {label for of in found.values() for key in of for label in key}
    assert not [label for label in labels if "T05-" in label]


def test_prometheus_alerts_use_existing_metrics(year: Year, tick: Callable[..., Any]) -> None:
    import yaml

    record = b'{"stamp": "20241214T180000Z"}'
    year.ws.store.put("lake", "backup.json", record)
    tick()
    known = _metrics(year)
    year.ws.store.delete("lake", ["backup.json"])
    rules = PROJECT_ROOT / "infra" / "prometheus" / "alerts.yml"
    content = yaml.safe_load(rules.read_text(encoding="utf-8"))
    runbook = (PROJECT_ROOT / "infra" / "runbook.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert anchors >= {kind.code for kind in alarms.KINDS}
    for rule in content["groups"][0]["rules"]:
        names = [word for word in _words(rule["expr"]) if word.startswith("tongbao_")]
        assert names
        assert set(names) <= set(known), rule
        assert rule["annotations"]["runbook"].rpartition("#")[2] in anchors
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run(
            [promtool, "check", "rules", str(rules)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _words(expression: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in expression).split()


@pytest.mark.usefixtures("year")
def test_row_counts_and_freshness_are_checks_of_the_assets(tick: Callable[..., Any]) -> None:
    events = {e.check_name: e for e in tick(TONGBAO_NOW=_MORNING).asset_events}
    assert events["fresh"].passed
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        keys = [
            dg.AssetCheckKey(dg.AssetKey(["raw", "objects"]), "rows_hold"),
            dg.AssetCheckKey(dg.AssetKey(["marts", "fct_unit_year"]), "rows_hold"),
        ]
        records = storage.get_latest_asset_check_execution_by_key(keys)
    assert set(records) == set(keys)


def _texts(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the home except raw data, with the parts of ZIP files."""
    raw = (home / "s3" / "landing", home / "s3" / "lake", home / "demo")
    for path in sorted(home.rglob("*")):
        # The catalogue has the bounds of every column of ``raw``, contacts included.
        if not path.is_file() or path.name.startswith("catalog.sqlite"):
            continue
        if any(path.is_relative_to(each) for each in raw):
            continue
        name = str(path.relative_to(home))
        yield name, name.encode() + b"\n" + path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for part in packed.namelist():
                    yield f"{name}!{part}", packed.read(part)


def test_no_output_has_a_secret_or_a_contact(year: Year, tick: Callable[..., Any]) -> None:
    tick()
    with lakehouse.reader(year.ws.settings, year.ws.store) as con:
        rows = con.execute(
            "select contact_name, contact_phone, contact_email from lake.raw.registration_contacts"
        ).fetchall()
    assert len(rows) > 50
    contacts = {part for row in rows for part in row if part}
    contacts |= {"联络员甲乙丙", "139-planted", "planted-at"}
    said = {
        "run": year.ran.stderr + year.ran.stdout,
        "alarm --test": (done := year.tongbao("alarm", "--test")).stdout + done.stderr,
        "alarm": (done := year.tongbao("alarm")).stdout + done.stderr,
        "webhook": json.dumps(year.inbox.bodies, ensure_ascii=False),
        "mail": "".join(str(each) + each.get_content() for each in year.mailbox.letters),
    }
    searched = [*_texts(year.home), *((name, text.encode()) for name, text in said.items())]
    names = [name for name, _ in searched]
    for expected in ("dagster/history", "metrics/", "alarms.sqlite", "journal.sqlite", "receipts/"):
        assert any(expected in name for name in names), expected
    words = [*year.secrets, *contacts]
    forms = {form.encode() for word in words for form in (word, json.dumps(word)[1:-1])}
    pattern = re.compile(b"|".join(re.escape(form) for form in sorted(forms)))
    found = {
        f"{match.group().decode()} in {name}"
        for name, content in searched
        for match in pattern.finditer(content)
    }
    assert found == set()
