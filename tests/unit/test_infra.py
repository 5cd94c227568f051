"""The files of ``infra/`` that no test runs: they agree with the project and with each other.

Their checkers (``infra/check.py``, ``make lint-infra``) must find a mistake in a copy.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import dagster as dg
import pytest
import yaml

from infra.derive import POLICY, province_policy
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.defs.in_process import prepare_dagster_home
from orchestration.defs.run_launcher import WatchfulRunLauncher
from orchestration.defs.run_storage import PooledSqliteEventLogStorage
from orchestration.storage.local_server import SERVED

INFRA = PROJECT_ROOT / "infra"
CHECKERS = PROJECT_ROOT / ".venv/infra/bin/python"


def _yaml(name: str) -> Any:
    return yaml.safe_load((INFRA / name).read_text(encoding="utf-8"))


def _units() -> dict[str, str]:
    return {
        str(path.relative_to(INFRA / "systemd")): path.read_text(encoding="utf-8")
        for path in (INFRA / "systemd").rglob("*")
        if path.is_file()
    }


@cache
def _locked(package: str) -> str:
    text = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found, package
    return found.group(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "file", "old", "new"),
    [
        ("compose", "compose.yaml", "restart: unless-stopped", "restart: sometimes"),
        ("compose", "compose.yaml", "secrets: [postgres_password]", "secrets: [other]"),
        ("yaml", "helm/values.yaml", "rabbitmq:", "redis: {}\nrabbitmq:"),
        ("dockerfile", "Dockerfile", "USER 10001:10001", "USER root"),
        ("scripts", "backup.sh", 'rclone purge "$', "rclone purge $"),
        ("systemd", "systemd/tongbao-code.service", "MemoryMax", "MemoryMx"),
        ("systemd", "systemd/tongbao-code.service", "bin/dagster api", "bin/dagstr api"),
        ("systemd", "systemd/tongbao-backup.timer", "*-*-* 03:30:00", "at night"),
        ("systemd", "systemd/tongbao-.service.d/common.conf", "NoNewPrivileges=yes\n", ""),
        ("checkov", "kubernetes/backup.yaml", "drop: [ALL]", "add: [ALL]"),
        ("hcl", "terraform/access.tf", "locals {", "locals {{"),
        ("checkov", "terraform/buckets.tf", "block_public_policy     = true", ""),
    ],
)
def test_a_checker_finds_a_mistake(
    check: str, file: str, old: str, new: str, tmp_path: Path
) -> None:
    assert CHECKERS.exists(), "the checkers are not installed: run 'make lint-infra'"
    copy = tmp_path / "infra"
    shutil.copytree(INFRA, copy)
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    done = subprocess.run(
        [str(CHECKERS), str(INFRA / "check.py"), str(copy), check],
        capture_output=True,
        text=True,
        check=False,
    )
    if "not checked" in done.stdout:
        pytest.skip(done.stdout.strip())
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"{check}: FAILED"), done.stdout


def test_all_files_name_the_image_of_this_version() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = project["project"]["version"]
    services = _yaml("compose.yaml")["services"]
    images = {service["image"] for service in services.values()}
    assert {image for image in images if image.startswith("tongbao")} == {f"tongbao:{version}"}
    values = _yaml("helm/values.yaml")
    deployment = values["dagster-user-deployments"]["deployments"][0]
    for part in (values["dagsterWebserver"], values["dagsterDaemon"], deployment):
        assert part["image"]["tag"] == version
    job = _yaml("kubernetes/backup.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert job["containers"][0]["image"].endswith(f"/tongbao:{version}")
    text = (INFRA / "helm/values.yaml").read_text(encoding="utf-8")
    assert f"--version {_locked('dagster')} " in text


def test_ports_are_bound_to_the_loopback_interface() -> None:
    services = _yaml("compose.yaml")["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    addresses = re.findall(r"--(?:addr|host) (\S+)", "".join(_units().values()))
    assert addresses
    assert [address for address in addresses if not address.startswith("127.0.0.1")] == []


def test_every_s3_server_reads_ranges_without_waiting() -> None:
    """Like the local server: otherwise each range of a Parquet file costs 20 ms."""
    name = "--vfs-read-wait"
    wanted = f"{name} {SERVED[SERVED.index(name) + 1]}"
    services, units = _yaml("compose.yaml")["services"], _units()
    servers = ("s3", "s3-analyst", "s3-landing")
    commands = [" ".join(map(str, services[each]["command"])) for each in servers]
    commands += [units[f"tongbao-{each}.service"] for each in servers]
    for command in commands:
        assert wanted in command.replace(f"{name}=", f"{name} "), command


def test_only_the_code_location_has_access_to_the_store() -> None:
    services = _yaml("compose.yaml")["services"]
    knowing = [n for n, s in services.items() if "env/pipeline.env" in s.get("env_file", [])]
    assert knowing == ["code-location"]
    units = [name for name, text in _units().items() if "/etc/tongbao/pipeline.env" in text]
    assert units == ["tongbao-code.service"]


def test_all_variables_that_dagster_yaml_uses_are_set() -> None:
    asked = set()
    for name in ("dagster.yaml", "workspace.yaml"):
        text = (INFRA / name).read_text(encoding="utf-8")
        asked |= set(re.findall(r"env: (\w+)", text))
    assert "DAGSTER_POSTGRES_URL" in asked
    given = _variables("dagster")
    services = _yaml("compose.yaml")["services"]
    for name in ("code-location", "webserver", "daemon"):
        assert asked <= given | set(services[name]["environment"]), name
        assert "env/dagster.env" in services[name]["env_file"]
    common = set(
        re.findall(r"^Environment=(\w+)=", _units()["tongbao-.service.d/common.conf"], re.M)
    )
    assert asked <= given | common


def _variables(name: str) -> set[str]:
    text = (INFRA / f"env/{name}.env.example").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    # Both systemd and Compose take values in single quotes literally.
    assert all(re.fullmatch(r"[A-Z0-9_]+='[^']*'", line) for line in lines), lines
    return {line.partition("=")[0] for line in lines}


def test_every_variable_in_the_examples_is_used() -> None:
    readers = "".join(
        path.read_text(encoding="utf-8")
        for path in (PROJECT_ROOT / "orchestration/core/settings.py", INFRA / "backup.sh")
    )
    read_by_libraries = re.compile(r"PG[A-Z]+|AWS_SECRET_ACCESS_KEY|RCLONE_AUTH_KEY")
    for name in ("pipeline", "alarms", "backup", "s3", "s3-analyst", "s3-landing"):
        for variable in _variables(name):
            assert variable in readers or read_by_libraries.fullmatch(variable), variable


def test_every_systemd_unit_named_exists() -> None:
    units = _units()
    named = {
        unit
        for text in units.values()
        for line in text.splitlines()
        if not line.startswith("#")
        for unit in re.findall(r"\btongbao[\w-]*\.(?:service|timer|target)\b", line)
    }
    assert named <= set(units)
    timers = {name.removesuffix(".timer") for name in units if name.endswith(".timer")}
    assert timers
    assert all(f"{name}.service" in units for name in timers)


def test_a_local_home_queues_and_retries_like_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster reads both; a local home has no PostgreSQL and no time limits of runs."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_dagster_home(Settings(home=tmp_path))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.run_launcher, WatchfulRunLauncher)
        assert instance.run_retries_max_retries == 2
        own = yaml.safe_load((tmp_path / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))
    production = _yaml("dagster.yaml")
    assert {"concurrency", "run_queue", "run_launcher", "run_retries"} <= own.keys()
    assert own == {
        **{key: value for key, value in production.items() if key != "storage"},
        "run_monitoring": {
            name: production["run_monitoring"][name]
            for name in ("enabled", "poll_interval_seconds")
        },
        "event_log_storage": {
            "module": PooledSqliteEventLogStorage.__module__,
            "class": PooledSqliteEventLogStorage.__name__,
            "config": {"base_dir": {"env": "DAGSTER_HOME"}},
        },
    }


def test_kubernetes_has_the_same_dagster_settings() -> None:
    dagster = _yaml("dagster.yaml")
    values = _yaml("helm/values.yaml")
    elsewhere = ("storage", "telemetry", "run_launcher")
    told = {key: value for key, value in dagster.items() if key not in elsewhere}
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    assert launcher == {**dagster["run_launcher"], "config": {}}
    assert values["additionalInstanceConfig"] == told
    assert values["telemetry"] == dagster["telemetry"]
    args = values["dagster-user-deployments"]["deployments"][0]["dagsterApiGrpcArgs"]
    assert args[-1] in _units()["tongbao-code.service"]
    assert args[-1] in _yaml("compose.yaml")["services"]["code-location"]["command"]


def _policy(name: str, **more: str) -> dict[str, Any]:
    """Render the policy like Terraform: templatefile and Python's Template have the same syntax."""
    access = (INFRA / "terraform/access.tf").read_text(encoding="utf-8")
    assert f"policies/{name}.json" in access
    declared = access[access.index("policy_variables = {") :].partition("}")[0]
    variables = {key: key for key in re.findall(r"^ +(\w+) += ", declared, re.MULTILINE)}
    text = (INFRA / f"policies/{name}.json").read_text(encoding="utf-8")
    policy: dict[str, Any] = json.loads(Template(text).substitute(variables, **more))
    assert policy["Version"] == "2012-10-17"
    return policy


def _resources(policy: dict[str, Any], action: str) -> list[str]:
    return [
        resource.rpartition(":::")[2]
        for statement in policy["Statement"]
        if action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    ]


def test_the_province_policy_has_the_present_document_types() -> None:
    text = POLICY.read_text(encoding="utf-8")
    assert text == province_policy(text), "run: python -m infra.derive"


@pytest.mark.parametrize("code", ["110000", "660000"])
def test_a_province_writes_under_its_own_prefix_only(code: str) -> None:
    # fnmatch interprets * and ? like policies: * matches slashes, too.
    writable = _resources(_policy("province", province_code=code), "s3:PutObject")
    for kind in [*DOCUMENT_TYPES, "attachments"]:
        own = f"landing/{kind}/year=2024/province={code}/T05-{code}-0001/a.json"
        assert any(fnmatchcase(own, pattern) for pattern in writable), kind
        for other in (
            own.replace(code, "440000"),
            f"landing/{kind}/year=2024/province=440000/year=2024/province={code}/a.json",
            f"landing/{kind}/x/year=2024/province={code}/a.json",
            f"publication/editions/2024/edition-1/province={code}/a.json",
        ):
            assert not any(fnmatchcase(other, pattern) for pattern in writable), other


def test_no_other_role_writes_landing_objects_or_reads_contacts() -> None:
    pipeline = _policy("pipeline")
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert set(_resources(pipeline, action)) == {"lake/*", "publication/*"}
    analyst = _policy("analyst")
    actions = {action for s in analyst["Statement"] for action in _list(s["Action"])}
    assert actions == {"s3:GetObject", "s3:ListBucket"}
    readable = _resources(analyst, "s3:GetObject")
    assert any(fnmatchcase("lake/data/marts/dim_unit/1.parquet", p) for p in readable)
    assert not any(fnmatchcase("lake/data/raw/registration/1.parquet", p) for p in readable)
    # The read-only server of a single host serves what the policy lets an analyst read.
    shown = {pattern.removesuffix("/*") for pattern in readable}
    command = " ".join(_yaml("compose.yaml")["services"]["s3-analyst"]["command"])
    for text in (command, _units()["tongbao-s3-analyst.service"]):
        assert set(re.findall(r"\+ /(\S+)/\*\*", text)) == shown
        assert "- **" in text
        assert "--read-only" in text


def test_who_submits_reaches_the_landing_bucket_only() -> None:
    command = " ".join(_yaml("compose.yaml")["services"]["s3-landing"]["command"])
    unit = _units()["tongbao-s3-landing.service"]
    for text in (command, unit):
        assert re.findall(r"\+ (/\S+)", text.replace('"', " ")) == ["/landing/**"]
        assert "- **" in text
    assert "ReadOnlyPaths=/var/lib/tongbao\nReadWritePaths=/var/lib/tongbao/s3/landing\n" in unit


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
