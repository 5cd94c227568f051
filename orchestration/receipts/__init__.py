"""Readable receipts in Chinese: pages about objects, units and provinces, and reminders.

Belongs here: which pages have changed, their content from the lake after a transform, and writing
them. Doesn't belong here: the JSON receipts (``intake``, ``lakehouse``) and judging data
(``gate``).
"""

from orchestration.receipts.reminders import Reminder, RemindersSummary, write_reminders
from orchestration.receipts.rendering import common_page_content, templates
from orchestration.receipts.run import ReceiptsSummary, write_pages

__all__ = [
    "ReceiptsSummary",
    "Reminder",
    "RemindersSummary",
    "common_page_content",
    "templates",
    "write_pages",
    "write_reminders",
]
