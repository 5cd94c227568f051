"""Readable pages in Chinese for senders: receipts, digests of provinces, reminders and the guide.

Belongs here: which pages have changed, their content from the lake after a transform, and writing
them. Doesn't belong here: the JSON receipts (``intake``, ``lakehouse``) and judging data
(``gate``).
"""

from orchestration.receipts.guide import document_examples, sender_guide
from orchestration.receipts.reminders import Reminder, RemindersSummary, write_reminders
from orchestration.receipts.rendering import common_page_content, templates
from orchestration.receipts.run import ReceiptsSummary, write_pages
from orchestration.receipts.signable import restore_signable

__all__ = [
    "ReceiptsSummary",
    "Reminder",
    "RemindersSummary",
    "common_page_content",
    "document_examples",
    "restore_signable",
    "sender_guide",
    "templates",
    "write_pages",
    "write_reminders",
]
