"""Object storage: the S3 access layer and the project's local S3 server.

Belongs here: everything that speaks S3. Doesn't belong here: the meaning of objects.
"""

from orchestration.storage.access import S3Config, proxy_for, resolve_s3, without_user
from orchestration.storage.local_server import local_server
from orchestration.storage.store import (
    ATTEMPTS,
    FIRST_PAUSE,
    Fetched,
    Inspected,
    ObjectInfo,
    Store,
    is_usable_key,
    open_store,
    open_workspace,
)
from orchestration.storage.transfers import Transfers, open_transfers

__all__ = [
    "ATTEMPTS",
    "FIRST_PAUSE",
    "Fetched",
    "Inspected",
    "ObjectInfo",
    "S3Config",
    "Store",
    "Transfers",
    "is_usable_key",
    "local_server",
    "open_store",
    "open_transfers",
    "open_workspace",
    "proxy_for",
    "resolve_s3",
    "without_user",
]
