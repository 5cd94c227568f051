"""Writes into files of ``infra/`` what follows from the project's tables.

Run it as ``python -m infra.derive``.

Belongs here: the landing prefixes of the province's policy, one for each document type. Doesn't
belong here: checks of the files (``check.py`` and ``tests/unit/test_infra.py``).
"""

from __future__ import annotations

import json
from pathlib import Path

from orchestration.core.document_types import DOCUMENT_TYPES

POLICY = Path(__file__).parent / "policies" / "province.json"


def province_policy(text: str) -> str:
    """The policy with the landing prefixes of the present document types."""
    policy = json.loads(text)
    [own] = [each for each in policy["Statement"] if each["Sid"] == "LandUnderItsOwnPrefix"]
    own["Resource"] = [
        f"arn:${{partition}}:s3:::${{landing}}/{name}/year=????/province=${{province_code}}/*"
        for name in (*DOCUMENT_TYPES, "attachments")
    ]
    return json.dumps(policy, indent=2) + "\n"


if __name__ == "__main__":
    POLICY.write_text(province_policy(POLICY.read_text(encoding="utf-8")), encoding="utf-8")
