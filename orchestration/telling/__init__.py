"""Letters by mail to those who submit: to a unit's contact, and to a province with its digest.

Addresses are read from ``raw.registration_contacts`` and from a file of the operator. They are in
no result, record, log or error message: they stay in the process that sends.

Belongs here: who gets a letter and why (``states``), its text (``letters``), sending and recording
(``run``), and letters that came back (``bounces``). Doesn't belong here: the receipts that letters
link to (``receipts``), and alarms.
"""

from orchestration.telling.bounces import Undeliverable, record_bounces, undeliverable
from orchestration.telling.run import ToldSummary, tell_senders

__all__ = ["ToldSummary", "Undeliverable", "record_bounces", "tell_senders", "undeliverable"]
