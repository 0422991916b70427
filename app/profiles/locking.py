"""The one function that locks profiles."""

from collections.abc import Collection

from app.db.transaction import Deferred, Transaction
from app.merging.profile import Profile
from app.profiles.store import QUERIES, load_deferred


def lock(tx: Transaction, *, ids: Collection[int]) -> dict[int, Profile]:
    """Lock the profiles of *ids* as lock_deferred does, and wait for them."""
    return lock_deferred(tx, ids=ids).result()


def lock_deferred(tx: Transaction, *, ids: Collection[int]) -> Deferred[dict[int, Profile]]:
    """Lock the profiles of *ids* until the transaction ends; return how to get them, by id, as they are under the lock.

    Locks are taken in ascending id order, whatever role a profile plays, so that two merges of the same pair queue up
    instead of deadlocking. A transaction may therefore call this once. Ids whose profile is gone are missing from the
    result. The profiles are read after the lock, in a snapshot of its own: one statement for both would show aliases
    as they stood before the wait.
    """
    if not ids:
        return Deferred(dict)
    tx.execute(QUERIES["lock_profiles"], {"ids": sorted(set(ids))})
    return load_deferred(tx, ids=ids)
