"""The files of ``infra/`` that no test starts: what they must say of the project and each other.

And that their checkers (``infra/check.py``, ``make lint-infra``) find what is wrong in a copy.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from orchestration.settings import PROJECT_ROOT

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
        ("hcl", "terraform/access.tf", "locals {", "locals {{"),
        ("checkov", "terraform/buckets.tf", "block_public_policy     = true", ""),
    ],
)
def test_a_mistake_is_found(check: str, file: str, old: str, new: str, tmp_path: Path) -> None:
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


def test_one_image_of_this_version_everywhere() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = project["project"]["version"]
    services = _yaml("compose.yaml")["services"]
    images = {service["image"] for service in services.values()}
    assert {image for image in images if image.startswith("tongbao")} == {f"tongbao:{version}"}
    values = _yaml("helm/values.yaml")
    deployment = values["dagster-user-deployments"]["deployments"][0]
    for part in (values["dagsterWebserver"], values["dagsterDaemon"], deployment):
        assert part["image"]["tag"] == version
    text = (INFRA / "helm/values.yaml").read_text(encoding="utf-8")
    assert f"--version {_locked('dagster')} " in text


def test_no_port_leaves_the_host() -> None:
    services = _yaml("compose.yaml")["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    addresses = re.findall(r"--(?:addr|host) (\S+)", "".join(_units().values()))
    assert addresses
    assert [address for address in addresses if not address.startswith("127.0.0.1")] == []


def test_only_the_code_location_knows_the_store() -> None:
    services = _yaml("compose.yaml")["services"]
    knowing = [n for n, s in services.items() if "env/pipeline.env" in s.get("env_file", [])]
    assert knowing == ["code-location"]
    units = [name for name, text in _units().items() if "/etc/tongbao/pipeline.env" in text]
    assert units == ["tongbao-code.service"]


def test_what_dagster_asks_of_the_environment_is_given() -> None:
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
    # Both systemd and Compose take what stands in single quotes as it is.
    assert all(re.fullmatch(r"[A-Z0-9_]+='[^']*'", line) for line in lines), lines
    return {line.partition("=")[0] for line in lines}


def test_no_variable_is_named_that_nobody_reads() -> None:
    readers = "".join(
        path.read_text(encoding="utf-8")
        for path in (PROJECT_ROOT / "orchestration/settings.py", INFRA / "backup.sh")
    )
    read_by_libraries = re.compile(r"PG[A-Z]+|AWS_SECRET_ACCESS_KEY|RCLONE_AUTH_KEY")
    for name in ("pipeline", "backup", "s3", "s3-analyst"):
        for variable in _variables(name):
            assert variable in readers or read_by_libraries.fullmatch(variable), variable


def test_every_unit_that_is_named_is_there() -> None:
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


def test_kubernetes_runs_dagster_as_the_other_hosts_do() -> None:
    dagster = _yaml("dagster.yaml")
    values = _yaml("helm/values.yaml")
    told = {key: value for key, value in dagster.items() if key not in ("storage", "telemetry")}
    assert values["additionalInstanceConfig"] == told
    assert values["telemetry"] == dagster["telemetry"]
    args = values["dagster-user-deployments"]["deployments"][0]["dagsterApiGrpcArgs"]
    assert args[-1] in _units()["tongbao-code.service"]
    assert args[-1] in _yaml("compose.yaml")["services"]["code-location"]["command"]


def test_each_province_gets_the_policy_of_its_own_prefix() -> None:
    access = (INFRA / "terraform/access.tf").read_text(encoding="utf-8")
    declared = access[access.index("policy_variables = {") :].partition("}")[0]
    variables = {name: name for name in re.findall(r"^ +(\w+) += ", declared, re.MULTILINE)}
    assert {"landing", "lake", "publication"} <= set(variables)
    with (PROJECT_ROOT / "dbt_project/seeds/regions.csv").open(encoding="utf-8") as seed:
        codes = [row["province_code"] for row in csv.DictReader(seed)]
    assert len(codes) == 32
    assert "regions.csv" in access
    for name in ("pipeline", "analyst", "province"):
        assert f"policies/{name}.json" in access
        given = {**variables, "province_code": codes[0]} if name == "province" else variables
        text = (INFRA / f"policies/{name}.json").read_text(encoding="utf-8")
        # Terraform's templatefile and Python's Template agree: ${name}, and $${ for a plain ${.
        policy = json.loads(Template(text).substitute(given))
        assert policy["Version"] == "2012-10-17"
        assert policy["Statement"]
        if name == "province":
            written = [r for s in policy["Statement"] for r in _list(s["Resource"]) if "/" in r]
            assert written
            assert all(f"province={codes[0]}" in resource for resource in written)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
