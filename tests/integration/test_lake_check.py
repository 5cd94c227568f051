"""Lost and altered data files of the lake: found by the check and before the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import LakeDamaged
from tests.conftest import Tongbao
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress


def _flip_a_bit(file: Path) -> None:
    """Change the bytes, neither the size nor the name."""
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(body)


@pytest.mark.slow
def test_a_lost_and_an_altered_file_are_found_before_the_gate(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    found = stages.check_lake(ws)
    assert (found.missing, found.altered, found.unrecorded) == ((), (), ())
    data = ws.settings.home / "s3" / "lake" / "data"
    [mart] = (data / "marts" / "dim_unit").rglob("*.parquet")
    [raw] = (data / "raw" / "reviews").rglob("*.parquet")

    def damage(what: Callable[[Path], None], file: Path) -> tuple[lakehouse.LakeCheck, str]:
        """The result of the check, and what is said of the marts, once a file is damaged."""
        what(file)
        # A new server: the former one remembers its files.
        with stages.open_workspace(ws.settings) as again:
            return stages.check_lake(again), _said_of_marts(again)

    key = str(mart.relative_to(data.parent))
    for what, expected in ((_flip_a_bit, ((), (key,))), (Path.unlink, ((key,), ()))):
        found, said = damage(what, mart)
        assert (found.missing, found.altered) == expected
        assert key in said
        assert "'infra/backup.sh restore STAMP' (infra/runbook.md#restoring)" in said
        assert "'tongbao run --year Y --until gate'" in said
    with (
        stages.open_workspace(ws.settings) as again,
        pytest.raises(LakeDamaged, match=mart.name),
    ):
        stages.gate(again, 2024, run_id="r", progress=no_progress)
    # The marts are made again although nothing has come in; their lost file is not read.
    with stages.open_workspace(ws.settings) as again:
        [idle] = stages.transform(again, 2024, run_id="r", progress=no_progress)
        assert not idle.built
        [done] = stages.transform(again, 2024, run_id="r", progress=no_progress, force=True)
        assert done.rows_written["marts.dim_unit"] == 1
        assert _said_of_marts(again) == ""

    # A file that no mart is read from stops no gate; the check and the next transform find it.
    found, said = damage(_flip_a_bit, raw)
    assert [Path(altered).name for altered in found.altered] == [raw.name]
    assert said == ""
    with (
        stages.open_workspace(ws.settings) as again,
        pytest.raises(LakeDamaged, match=raw.name),
    ):
        stages.transform(again, 2024, run_id="r", progress=no_progress, force=True)


def test_a_file_of_raw_that_is_altered_after_the_intake_stops_the_transform(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    data = ws.settings.home / "s3" / "lake" / "data"
    [raw] = (data / "raw" / "reviews").rglob("*.parquet")
    _flip_a_bit(raw)
    with (
        stages.open_workspace(ws.settings) as again,
        pytest.raises(LakeDamaged, match=raw.name),
    ):
        stages.transform(again, 2024, run_id="r", progress=no_progress)


def _said_of_marts(ws: stages.Workspace) -> str:
    with lakehouse.reader(ws.settings, ws.store) as con:
        snapshot_id = lakehouse.transform_snapshot(con, 2024)
        assert snapshot_id
        try:
            lakehouse.check_marts(con, ws.settings, ws.store, 2024, snapshot_id)
        except LakeDamaged as error:
            return str(error)
    return ""


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_names_the_file_and_exits_with_1(
    ws: stages.Workspace, landing: Landing, tongbao: Tongbao, as_json: bool
) -> None:
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    arguments = ["lake", "check", *(["--json"] if as_json else [])]
    done = tongbao(*arguments)
    assert done.returncode == 0, done.stderr
    file = next((ws.settings.home / "s3" / "lake" / "data" / "raw").rglob("*.parquet"))
    _flip_a_bit(file)
    done = tongbao(*arguments)
    assert done.returncode == 1
    assert "infra/backup.sh restore STAMP" in done.stderr
    if as_json:
        assert [Path(key).name for key in json.loads(done.stdout)["altered"]] == [file.name]
    else:
        assert done.stdout.startswith("altered: data/raw/")
