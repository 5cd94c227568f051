"""Publication: from a judged snapshot to an edition, its correction, its proof.

Belongs here: making an edition's files from a pinned snapshot, publishing, correcting and
verifying editions, what changed between two of them or would with other rules. Doesn't belong
here: what a bulletin says (``bulletin``), whether it may be published (``gate``), figures (dbt).
"""

from orchestration.publication.correcting import correct_edition
from orchestration.publication.publishing import (
    PublishSummary,
    publish_first,
    standing_editions,
    stands,
)
from orchestration.publication.replaying import ReplaySummary, replay_years
from orchestration.publication.verifying import VerifySummary, verify_edition

__all__ = [
    "PublishSummary",
    "ReplaySummary",
    "VerifySummary",
    "correct_edition",
    "publish_first",
    "replay_years",
    "standing_editions",
    "stands",
    "verify_edition",
]
