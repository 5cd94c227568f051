"""Object storage: one S3 access layer, and the project's own local S3 server.

Belongs here: everything that speaks S3. Doesn't belong here: what objects mean.
"""

from orchestration.storage.carrier import Carrier, open_carrier
from orchestration.storage.local_server import local_server
from orchestration.storage.store import (
    Fetched,
    Inspected,
    ObjectInfo,
    Store,
    open_store,
    open_workspace,
)

__all__ = [
    "Carrier",
    "Fetched",
    "Inspected",
    "ObjectInfo",
    "Store",
    "local_server",
    "open_carrier",
    "open_store",
    "open_workspace",
]
