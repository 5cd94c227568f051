"""Editorial texts from the landing zone to the bulletin, and the receipt of one that isn't set."""

from __future__ import annotations

import json

from orchestration import bulletin, lakehouse, stages
from orchestration.bulletin.content import Paragraph
from orchestration.bulletin.documents import documents, editorial_notes
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

YEAR = 2024
UNIT = "T05-440000-0001"
RATE = f"{YEAR}/province_scorecard/440000/reporting_rate"


def _paragraphs(document: bulletin.Document) -> list[str]:
    return [
        "".join(run if isinstance(run, str) else run.text for run in block.runs)
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Paragraph)
    ]


def test_a_text_is_set_and_one_with_another_number_is_answered(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    landing.performance(UNIT, {"C_04": 100})
    sections = {
        "绩效数据采集情况": f"报送率为{{{RATE}}}。",
        "典型经验": "已有77家。",
        "总体情况": "各单位按时报送。",
    }
    keys = [
        landing.document(
            "editorial", province="440000", bulletin="440000", section=section, text=text
        )
        for section, text in sections.items()
    ]
    stages.intake(ws, YEAR, run_id="r", progress=no_progress)
    stages.transform(ws, YEAR, run_id="r", progress=no_progress)

    receipts = [
        json.loads(ws.store.get("publication", f"receipts/{key.partition('/')[2]}.receipt.json"))
        for key in keys
    ]
    assert [[error["code"] for error in each["errors"]] for each in receipts] == [
        [], ["E122"], ["E123"],
    ]  # fmt: skip
    assert "“77”不在该通报的数字之中" in receipts[1]["errors"][0]["message_zh"]
    assert "章节为绩效数据采集情况、" in receipts[2]["errors"][0]["message_zh"]

    with lakehouse.reader(ws.settings, ws.store) as con:
        marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(0, {}))
        recorded = con.execute(
            "select code, value from lake.quality.submission_errors "
            "where code in ('E122', 'E123') order by all"
        ).fetchall()
    assert recorded == [("E122", "77"), ("E123", "总体情况")]
    [own] = [each for each in documents(marts) if each.path == "provinces/440000/bulletin"]
    texts = _paragraphs(own)
    assert texts[0] == "报送率为100%。"
    assert not any("77家" in text or text == "各单位按时报送。" for text in texts)
    [note] = editorial_notes(marts)
    assert note == {
        "bulletin": "440000",
        "section": "绩效数据采集情况",
        "document_id": keys[0].rpartition("/")[2].removesuffix(".json"),
        "office": "440000",
        "submitted_at": "2024-11-01T01:00:00+00:00",
    }
    assert note["document_id"] not in str(own)
