"""Answers to editorial texts that can't be set in their bulletin.

Belongs here: recording the findings in a build, before receipts are written. Doesn't belong here:
what is wrong with a text (``editorials``).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.bulletin.documents import editorial_faults
from orchestration.bulletin.marts import GateNotes, read_marts
from orchestration.core.catalogue import load_catalogue
from orchestration.lakehouse import quoted

__all__ = ["refuse_editorials"]


def refuse_editorials(path: Path, year: int) -> int:
    """Record a finding for each editorial text of a year that can't be set.

    Args:
        path: the build file after dbt; no other connection may have it open.

    Returns:
        the number of findings.
    """
    with duckdb.connect() as con:
        con.execute(f"attach {quoted(str(path))} as lake")
        if con.execute("select count(*) from lake.quality.editorials").fetchone() == (0,):
            return 0
        faults = editorial_faults(read_marts(con, year, GateNotes(0, {})))
        for text, fault in faults:
            wording = load_catalogue().error_codes[fault.code]
            said = {"value": fault.value[:200], "expected": fault.expected}
            con.execute(
                "insert into lake.quality.submission_errors (year, province_code, object_key, "
                "document_id, code, severity, location, message_zh, message_en, etag, value) "
                "values (?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?)",
                [
                    year, text["province_code"], text["object_key"], text["document_id"],
                    fault.code, wording.severity,
                    f"{wording.message_zh.format(**said)}。{wording.fix_zh}",
                    f"{wording.message_en.format(**said)}. {wording.fix_en}",
                    text["etag"], said["value"],
                ],
            )  # fmt: skip
        return len(faults)
