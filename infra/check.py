"""Checks the files of ``infra/`` that no test runs: ``make lint-infra``.

Each check is a function that returns the problems found, or an empty text. ``systemd-analyze`` and
``terraform`` have no wheel: without them the check is skipped with a line; if ``CI`` is set and
Debian has the tool, it is an error.

Belongs here: one function per kind of file, which runs an existing checker. Doesn't belong here:
whether the files fit the project (``tests/unit/test_infra.py``), and anything that needs the
project's environment; this runs in that of ``requirements-checks.lock``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

#: Maximum exposure of a unit by systemd's measure, in tenths from 0 (closed) to 100 (open): that of
#: our units. Without one of the important protections (no new privileges, a private /tmp) it is
#: higher by two.
EXPOSURE = 13

YAML_RULES = (
    "{extends: default, rules: {line-length: {max: 130}, document-start: disable, "
    "comments: {min-spaces-from-content: 1}}}"
)


class NotChecked(Exception):
    """The tool is not installed."""


def _tool(name: str, package: str | None) -> str:
    """Path of a binary: in the folder of this Python, or on the path.

    Args:
        package: its Debian package, or None.

    Raises:
        NotChecked: it is not installed.
        RuntimeError: it is not installed in CI, where Debian has it.
    """
    installed = Path(sys.executable).parent / name
    found = str(installed) if installed.exists() else shutil.which(name)
    if found:
        return found
    if package and os.environ.get("CI"):
        raise RuntimeError(f"{name} is missing: apt-get install {package}")
    raise NotChecked(f"{name} is not installed")


def _run(*command: str | Path, cwd: Path | None = None, silent: bool = False) -> str:
    """Run a checker; return its output if it found problems, otherwise an empty text.

    Args:
        silent: any output is a problem, as the checker exits with 0 after a warning.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0 and not (silent and done.stdout.strip()):
        return ""
    return done.stdout.strip() or f"exit code {done.returncode}"


def compose(infra: Path) -> str:
    """Check compose.yaml by the Compose specification: keys, types, durations and references."""
    from compose_spec import PyOptions

    try:
        text = (infra / "compose.yaml").read_text(encoding="utf-8")
        PyOptions(apply_merge=True).from_yaml(text).validate()
    except ValueError as error:
        return str(error)
    return ""


def yaml(infra: Path) -> str:
    """Check YAML files for duplicate keys and indentation."""
    files = sorted({*infra.rglob("*.yaml"), *infra.rglob("*.yml")})
    return _run(_tool("yamllint", None), "--strict", "-d", YAML_RULES, *files)


def dockerfile(infra: Path) -> str:
    """Check the Dockerfile with hadolint, which runs shellcheck on RUN commands."""
    return _run(_tool("hadolint", None), infra / "Dockerfile")


def scripts(infra: Path) -> str:
    """Check shell scripts with shellcheck."""
    return _run(_tool("shellcheck", None), *sorted(infra.glob("*.sh")))


def systemd(infra: Path) -> str:
    """Check units with systemd-analyze: their syntax and their exposure."""
    analyze = _tool("systemd-analyze", "systemd")
    # A root folder with the paths that the units name; the programs only need to exist.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        units = root / "etc/systemd/system"
        shutil.copytree(infra / "systemd", units)
        shutil.copytree(infra, root / "opt/tongbao/infra", ignore=shutil.ignore_patterns("*.tf"))
        binaries = root / "opt/tongbao/.venv/bin"
        binaries.mkdir(parents=True)
        for name in ("dagster", "dagster-daemon", "dagster-webserver", "rclone", "tongbao"):
            (binaries / name).touch(0o755)
        # Targets that every system has.
        for name in ("multi-user", "timers", "network-online", "basic", "sysinit", "shutdown"):
            (units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\n")
        # A template is checked as an instance.
        names = sorted(
            path.name.replace("@.", "@instance.")
            for path in (infra / "systemd").iterdir()
            if path.is_file()
        )
        problems = [_run(analyze, "verify", f"--root={root}", "--man=no", *names, silent=True)]
        problems += [
            _run(
                analyze,
                *("security", "--offline=true", "--no-pager", f"--root={root}"),
                *(f"--threshold={EXPOSURE}", name),
            )
            for name in names
            if name.endswith(".service")
        ]
    return "\n".join(text for text in problems if text)


def terraform(infra: Path) -> str:
    """Check the format of Terraform files; checking types would need the provider."""
    return _run(_tool("terraform", None), "fmt", "-check", "-diff", infra / "terraform")


def hcl(infra: Path) -> str:
    """Check the syntax of Terraform files, because checkov skips files that it can't read."""
    import hcl2  # Installed by checkov.

    problems = []
    for path in sorted((infra / "terraform").glob("*.tf")):
        try:
            hcl2.loads(path.read_text(encoding="utf-8"))
        except Exception as error:  # The parser's error classes are not public.
            problems.append(f"{path.name}: {str(error).splitlines()[0]}")
    return "\n".join(problems)


def checkov(infra: Path) -> str:
    """Check buckets, roles and images with checkov; skipped rules have their reason in the file."""
    return _run(
        *(_tool("checkov", None), "--quiet", "--compact", "--skip-download"),
        *("--framework", "terraform", "dockerfile", "kubernetes", "--directory", "."),
        cwd=infra,
    )


CHECKS: dict[str, Callable[[Path], str]] = {
    check.__name__: check
    for check in (compose, yaml, dockerfile, scripts, systemd, terraform, hcl, checkov)
}


def main(arguments: list[str]) -> int:
    """Run ``check.py [FOLDER [CHECK …]]``: all checks, or those named; default is this folder."""
    infra = Path(arguments[0]) if arguments else Path(__file__).parent
    failed = False
    for name in arguments[1:] or CHECKS:
        try:
            problems = CHECKS[name](infra.resolve())
        except NotChecked as reason:
            print(f"{name}: not checked: {reason}")
            continue
        except RuntimeError as error:
            problems = str(error)
        failed |= bool(problems)
        print(f"{name}: {'FAILED' if problems else 'ok'}", *problems.splitlines(), sep="\n  ")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
