"""Readable receipts, in Chinese: for an object, for a unit, for a province and a day.

Belongs here: pages made from what the lake says at the transform's snapshot, and which of them
have changed. The JSON receipts are intake's and the transform's. Doesn't belong here: judging.
"""

from orchestration.receipts.run import ReceiptsSummary, write_pages

__all__ = ["ReceiptsSummary", "write_pages"]
