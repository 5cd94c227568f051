"""Checks the files of ``infra/`` that no test starts: ``make lint-infra``.

Belongs here: one function a kind of file, each of which asks a checker written by others. Doesn't
belong here: what the files must say of the project (``tests/unit/test_infra.py``), and whatever
needs the project's own environment; this runs in that of ``requirements-checks.lock``.

A checker says nothing when all is well, and what is wrong otherwise. ``systemd-analyze`` and
``terraform`` come with no wheel: where one is missing, that is said; where ``CI`` is set and Debian
has the tool, it is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

#: systemd's own measure of a unit, 0 (closed) to 10 (open), in tenths: where ours are. Dropping one
#: of the protections that count (no new privileges, a private /tmp) raises it by two.
EXPOSURE = 13

YAML_RULES = (
    "{extends: default, rules: {line-length: {max: 130}, document-start: disable, "
    "comments: {min-spaces-from-content: 1}}}"
)


class NotChecked(Exception):
    """The tool isn't on this machine."""


def _tool(name: str, package: str | None) -> str:
    """Path of a binary: beside this Python, or the machine's.

    Args:
        package: Debian's package of it, or None where Debian has none.

    Raises:
        NotChecked: it isn't there.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found:
        return found
    if package and os.environ.get("CI"):
        raise RuntimeError(f"{name} is missing: apt-get install {package}")
    raise NotChecked(f"{name} is not on this machine")


def _ask(*command: str | Path, cwd: Path | None = None, silent: bool = False) -> str:
    """Run a checker; "" when it is content, otherwise what it says.

    Args:
        silent: it says nothing at all when it is content, and leaves with 0 after a warning.
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
    """The Compose specification: every key, type, duration, and that what is named is defined."""
    from compose_spec import PyOptions

    try:
        text = (infra / "compose.yaml").read_text(encoding="utf-8")
        PyOptions(apply_merge=True).from_yaml(text).validate()
    except ValueError as error:
        return str(error)
    return ""


def yaml(infra: Path) -> str:
    """YAML itself: doubled keys, indentation."""
    files = sorted({*infra.rglob("*.yaml"), *infra.rglob("*.yml")})
    return _ask(_tool("yamllint", None), "--strict", "-d", YAML_RULES, *files)


def dockerfile(infra: Path) -> str:
    """hadolint's rules, with shellcheck for what RUN says."""
    return _ask(_tool("hadolint", None), infra / "Dockerfile")


def scripts(infra: Path) -> str:
    """shellcheck."""
    return _ask(_tool("shellcheck", None), *sorted(infra.glob("*.sh")))


def systemd(infra: Path) -> str:
    """systemd's own reading of the units and its measure of what they may do."""
    analyze = _tool("systemd-analyze", "systemd")
    # Where the units say that the project is; the programs need only be there.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        units = root / "etc/systemd/system"
        shutil.copytree(infra / "systemd", units)
        shutil.copytree(infra, root / "opt/tongbao/infra", ignore=shutil.ignore_patterns("*.tf"))
        binaries = root / "opt/tongbao/.venv/bin"
        binaries.mkdir(parents=True)
        for name in ("dagster", "dagster-daemon", "dagster-webserver", "rclone"):
            (binaries / name).touch(0o755)
        # The targets that every system has.
        for name in ("multi-user", "timers", "network-online", "basic", "sysinit", "shutdown"):
            (units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\n")
        names = sorted(path.name for path in (infra / "systemd").iterdir() if path.is_file())
        said = [_ask(analyze, "verify", f"--root={root}", "--man=no", *names, silent=True)]
        said += [
            _ask(
                analyze,
                *("security", "--offline=true", "--no-pager", f"--root={root}"),
                *(f"--threshold={EXPOSURE}", name),
            )
            for name in names
            if name.endswith(".service")
        ]
    return "\n".join(text for text in said if text)


def terraform(infra: Path) -> str:
    """Terraform's own format and syntax; its types need the provider, which isn't to be had."""
    return _ask(_tool("terraform", None), "fmt", "-check", "-diff", infra / "terraform")


def hcl(infra: Path) -> str:
    """The syntax of the Terraform files: checkov passes over a file that it can't read."""
    import hcl2  # comes with checkov

    said = []
    for path in sorted((infra / "terraform").glob("*.tf")):
        try:
            hcl2.loads(path.read_text(encoding="utf-8"))
        except Exception as error:  # the parser's own kinds of error are not its interface
            said.append(f"{path.name}: {str(error).splitlines()[0]}")
    return "\n".join(said)


def checkov(infra: Path) -> str:
    """What checkov knows of buckets, roles and images; what is passed over says why, there."""
    return _ask(
        *(_tool("checkov", None), "--quiet", "--compact", "--skip-download"),
        *("--framework", "terraform", "dockerfile", "--directory", "."),
        cwd=infra,
    )


CHECKS: dict[str, Callable[[Path], str]] = {
    check.__name__: check
    for check in (compose, yaml, dockerfile, scripts, systemd, terraform, hcl, checkov)
}


def main(arguments: list[str]) -> int:
    """``check.py [FOLDER [CHECK …]]``: all checks of this folder, or some of another."""
    infra = Path(arguments[0]) if arguments else Path(__file__).parent
    failed = False
    for name in arguments[1:] or CHECKS:
        try:
            said = CHECKS[name](infra.resolve())
        except NotChecked as reason:
            print(f"{name}: not checked: {reason}")
            continue
        except RuntimeError as error:
            said = str(error)
        failed |= bool(said)
        print(f"{name}: {'FAILED' if said else 'ok'}", *said.splitlines(), sep="\n  ")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
