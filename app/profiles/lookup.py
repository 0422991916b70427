"""Read live profiles: one by its braze_id, or all of a workspace by pages."""

from dataclasses import dataclass
from typing import NoReturn

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Gone, NotFound
from app.merging.profile import Profile
from app.profiles.store import load_profiles

QUERIES = load_queries("app.profiles", "lookup.sql")

MISSING = "There is no profile with this braze_id in the key's workspace."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePage:
    """One page of the profiles of a workspace."""

    profiles: list[Profile]
    #: The id of the last profile of this page when there are more, else None.
    next_after: int | None


def list_profiles(tx: Transaction, *, after: int, limit: int) -> ProfilePage:
    """Return the first *limit* profiles with an id above *after*, in the order of their ids."""
    parameters = {"after": after, "limit": limit + 1}
    ids = [row["id"] for row in tx.execute(QUERIES["next_profiles"], parameters)]
    ids_of_page = ids[:limit]
    profiles = load_profiles(tx, ids=ids_of_page)
    # A profile that was merged away since its id was read is missing; its survivor has its values.
    return ProfilePage(
        profiles=[profiles[each] for each in ids_of_page if each in profiles],
        next_after=ids_of_page[-1] if len(ids) > limit else None,
    )


def read_profile(tx: Transaction, *, braze_id: str) -> Profile:
    """Return the live profile with *braze_id*. Raises Gone when it was merged away, NotFound when there is none."""
    row = tx.execute(QUERIES["find_live_profile"], {"braze_id": braze_id}).fetchone()
    profiles = load_profiles(tx, ids=[row["id"]]) if row else {}
    if not profiles:
        raise_missing_profile(tx, braze_id=braze_id)
    (profile,) = profiles.values()
    return profile


def raise_missing_profile(tx: Transaction, *, braze_id: str) -> NoReturn:
    """Raise Gone with the survivor when the profile with *braze_id* was merged away, else NotFound."""
    row = tx.execute(QUERIES["find_survivor"], {"braze_id": braze_id}).fetchone()
    if row is None:
        raise NotFound(MISSING)
    raise Gone(
        f"The profile was merged away; it is now part of profile {row['braze_id']}.",
        survivor_braze_id=row["braze_id"],
    )
