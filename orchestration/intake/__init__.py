"""Intake: what is new in the landing bucket becomes rows of ``raw`` and a receipt an object.

Belongs here: listing, parsing, the contracts of the document types, receipts. A rule of one
unit's document belongs here or in the seeds. Doesn't belong here: which version counts, what a
value is worth against last year (dbt), what is fit to publish (gate).
"""

from orchestration.intake.listing import list_landing, unseen
from orchestration.intake.receipts import refresh_receipts
from orchestration.intake.run import IntakeSummary, intake_is_pending, run_intake

__all__ = [
    "IntakeSummary",
    "intake_is_pending",
    "list_landing",
    "refresh_receipts",
    "run_intake",
    "unseen",
]
