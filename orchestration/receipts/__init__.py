"""Readable receipts, in Chinese: for an object, a unit, a province and its day; reminders.

Belongs here: pages made from what the lake says at the transform's snapshot, and which of them
have changed. The JSON receipts are intake's and the transform's. Doesn't belong here: judging.
"""

from orchestration.receipts.reminders import Reminder, RemindersSummary, write_reminders
from orchestration.receipts.rendering import shared_by_pages, templates
from orchestration.receipts.run import ReceiptsSummary, write_pages

__all__ = [
    "ReceiptsSummary",
    "Reminder",
    "RemindersSummary",
    "shared_by_pages",
    "templates",
    "write_pages",
    "write_reminders",
]
