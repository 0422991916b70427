"""Erases the names of deleted people from the identity feed."""

from collections.abc import Collection

from app.db.transaction import Transaction
from app.identities.numbering import QUERIES


def erase_names(tx: Transaction, *, braze_ids: Collection[str]) -> None:
    """Erase the external_ids in the changes of the profiles *braze_ids*; the changes keep their numbers.

    Call it after the names were erased from the ledger and the audit, and lock nothing afterwards: it locks the feed,
    so that a pass of the numbering has either ended, or begins after the commit and reads the erased ledger.
    """
    if braze_ids:
        tx.execute(QUERIES["lock_feed_for_erasure"])
        tx.execute(QUERIES["erase_names"], {"braze_ids": sorted(set(braze_ids))})
