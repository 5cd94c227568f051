"""Intake: writes new landing objects to the ``raw`` tables, and one receipt for each object.

Belongs here: listing, parsing, the contracts of the document types, receipts. A rule about one
unit's document belongs here or in the seeds. Doesn't belong here: which document is effective and
how a value compares with last year (dbt), whether a year is fit to publish (gate).
"""

from orchestration.intake.listing import list_landing, new_objects
from orchestration.intake.receipts import refresh_receipts
from orchestration.intake.run import IntakeSummary, intake_is_pending, run_intake

__all__ = [
    "IntakeSummary",
    "intake_is_pending",
    "list_landing",
    "new_objects",
    "refresh_receipts",
    "run_intake",
]
