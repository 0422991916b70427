"""The one place that locks profiles, so that every transaction locks them in the same order.

A file of its own, so that no other function can lock profiles unnoticed.
"""

from collections.abc import Collection

from app.db.transaction import Deferred, Transaction
from app.merging.profile import Profile
from app.profiles.store import QUERIES, load_profiles_deferred


def lock_profiles(tx: Transaction, *, ids: Collection[int]) -> dict[int, Profile]:
    """Lock profiles as lock_profiles_deferred does, and wait for the result."""
    return lock_profiles_deferred(tx, ids=ids).result()


def lock_profiles_deferred(
    tx: Transaction, *, ids: Collection[int], also: Collection[int] = ()
) -> Deferred[dict[int, Profile]]:
    """Lock the profiles of *ids* until the transaction ends; the result is the locked profiles by id.

    In the same pass, lock the profiles of *also*, which the result does not have.

    Locks are taken in ascending id order, whatever role a profile plays, so that two merges of the same pair wait for
    each other instead of deadlocking. A transaction may therefore call this once. The result lacks ids without a
    profile. A second statement reads the profiles after the lock: a single statement would return aliases as they were
    before the wait.
    """
    if not ids:
        return Deferred(dict)
    tx.execute(QUERIES["lock_profiles"], {"ids": sorted({*ids, *also})})
    return load_profiles_deferred(tx, ids=ids)
