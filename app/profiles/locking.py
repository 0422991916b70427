"""The one function that locks profiles."""

from collections.abc import Collection

from app.db import Connection
from app.merging.profile import Profile
from app.profiles.store import QUERIES, load


def lock(connection: Connection, *, workspace_id: int, ids: Collection[int]) -> dict[int, Profile]:
    """Lock the profiles of *ids* until the transaction ends; return them by id, as they stand under the lock.

    Locks are taken in ascending id order, whatever role a profile plays, so that two merges of the same pair queue up
    instead of deadlocking. A transaction may therefore call this once. Ids whose profile is gone are missing from the
    result. The profiles are read after the lock, in a snapshot of its own: one statement for both would show aliases
    as they stood before the wait.
    """
    if not ids:
        return {}
    connection.execute(QUERIES["lock_profiles"], {"workspace_id": workspace_id, "ids": sorted(set(ids))})
    return load(connection, workspace_id=workspace_id, ids=ids)
