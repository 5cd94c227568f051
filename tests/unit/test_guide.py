"""The guide for senders: its examples are documents that count, and it lists every message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.settings import Settings
from orchestration.intake.contracts import MODELS
from orchestration.intake.offline import check_files
from orchestration.receipts import document_examples, sender_guide


@pytest.mark.parametrize("kind", DOCUMENT_TYPES)
def test_an_example_is_accepted_without_a_finding(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.json"
    path.write_text(json.dumps(document_examples()[kind], ensure_ascii=False), encoding="utf-8")
    settings = Settings(home=tmp_path / "home", catalog="")
    [checked] = check_files([path], settings, kind=kind, year=2024, province="440000")
    receipt = json.loads(checked.receipt)
    assert receipt["status"] == "accepted"
    # The example of performance is abridged: it has few of the required indicators.
    assert {each["code"] for each in receipt["errors"]} <= {"W208"}


def test_every_type_has_an_example_with_its_required_fields() -> None:
    examples = document_examples()
    assert list(examples) == list(DOCUMENT_TYPES)
    for kind, example in examples.items():
        assert example["document_type"] == kind
        assert set(example) <= set(MODELS[kind].model_fields)


def test_the_page_has_every_field_message_and_rule() -> None:
    page = sender_guide(2024).decode()
    catalogue = load_catalogue()
    for model in MODELS.values():
        for field in model.model_fields:
            assert f"<td><code>{field}</code></td>" in page
    assert "<td><code>report.sha256</code></td><td>工作报告sha256</td>" in page
    assert "excellent（优秀、优）" in page
    for code in [*catalogue.error_codes, *catalogue.rules]:
        assert f"<tr><td>{code}</td>" in page
    assert "12月15日" in page


def test_the_command_writes_the_guide_without_a_lakehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONGBAO_HOME", str(tmp_path / "home"))
    output = tmp_path / "here" / "guide.html"
    ran = CliRunner().invoke(main, ["docs", "--senders", "--year", "2024", "--output", str(output)])
    assert (ran.exit_code, ran.stdout) == (0, f"{output}\n")
    assert output.read_bytes() == sender_guide(2024)
