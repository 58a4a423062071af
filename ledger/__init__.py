"""Proof of what was asked, of which build, and when, without saying what was asked.

In:   an Entry from api/service.     Out: an Index at once; a Receipt once it is published; files that anyone can check.
Order: vault first, then log: a crash may leave an unused payload, never a leaf that nobody can open. Erasing a key
leaves every proof true.
"""

from ledger.entry import Entry
from ledger.ledger import Ledger, open_ledger
from ledger.tree import Index
from ledger.verify import Receipt, Trust, Verified, parse_receipt, verify_log, verify_receipt

__all__ = [
    "Entry",
    "Index",
    "Ledger",
    "Receipt",
    "Trust",
    "Verified",
    "open_ledger",
    "parse_receipt",
    "verify_log",
    "verify_receipt",
]
