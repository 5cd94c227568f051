"""Publication: makes editions from judged snapshots, corrects them and verifies them.

Belongs here: making an edition's files from a pinned snapshot; publishing, correcting and
verifying editions; comparing two editions, or an edition with what changed rules would give.
Doesn't belong here: the content of bulletins (``bulletin``), whether a year may be published
(``gate``), the computation of figures (dbt).
"""

from orchestration.publication.correcting import correct_edition
from orchestration.publication.database import write_database
from orchestration.publication.publishing import (
    PublishSummary,
    already_published,
    publish_first,
    published_editions,
)
from orchestration.publication.replaying import ReplaySummary, replay_years
from orchestration.publication.verifying import VerifySummary, verify_edition

__all__ = [
    "PublishSummary",
    "ReplaySummary",
    "VerifySummary",
    "already_published",
    "correct_edition",
    "publish_first",
    "published_editions",
    "replay_years",
    "verify_edition",
    "write_database",
]
