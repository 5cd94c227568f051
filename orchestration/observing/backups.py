"""When the last backup was made, as ``infra/backup.sh`` records it in the lake bucket.

Belongs here: reading that record. Doesn't belong here: making backups, and how old one may be
(``alarms.kinds``).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from orchestration.core.settings import Settings
from orchestration.storage import Store

__all__ = ["RECORD", "last_backup"]

#: Key in the lake bucket.
RECORD = "backup.json"


def last_backup(settings: Settings, store: Store) -> datetime | None:
    """Return when the last complete backup began (aware, UTC); None if none is recorded.

    Raises:
        Unreachable: the store fails.
    """
    if not store.exists(settings.lake_bucket, RECORD):
        return None
    try:
        stamp = json.loads(store.get(settings.lake_bucket, RECORD))["stamp"]
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError):  # Written by hand.
        return None
