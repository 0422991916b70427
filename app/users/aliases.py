"""The use case of `/users/alias/new`: aliases given to profiles, in one transaction."""

import dataclasses
from collections.abc import Mapping, Sequence

from app.db.connections import Pool
from app.db.transaction import Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.merging.profile import Profile
from app.profiles import targets
from app.profiles.creation import add_aliases, create
from app.profiles.locking import lock
from app.profiles.store import save
from app.profiles.targets import NewProfile
from schemas.aliases import NewAlias
from schemas.identifiers import ExternalId, Target, UserAlias


def give(pool: Pool, *, workspace_id: int, aliases: Sequence[NewAlias]) -> None:
    """Give each of *aliases* to the profile with its external_id, or to a profile made for it when it names none.

    As at the vendor nothing happens, and nothing is said, when the external_id is unknown, the alias is taken, or the
    profile has another name under the label.
    """
    retry_until_stable(pool, workspace_id, _transact, aliases=aliases)


def _transact(tx: Transaction, *, aliases: Sequence[NewAlias]) -> None:
    """Look up, lock, create and give within the caller's transaction."""
    free, ids = _look_up(tx, aliases=aliases)
    profiles = lock(tx, ids=ids.values())
    if len(profiles) < len(set(ids.values())):
        raise ResolutionUnsettled("A profile was merged away between look and lock.")
    given = _in_turn(free, {external_id: profiles[profile_id] for external_id, profile_id in ids.items()})
    alone = [NewProfile(user_alias=alias) for alias, profile_id in given.items() if profile_id is None]
    create(tx, new=alone)
    added = [(alias, profile_id) for alias, profile_id in given.items() if profile_id is not None]
    changed = set(add_aliases(tx, aliases=added))
    now = tx.now()
    save(tx, [dataclasses.replace(profiles[each], updated_at=now) for each in changed])


def _look_up(tx: Transaction, *, aliases: Sequence[NewAlias]) -> tuple[list[NewAlias], dict[str, int]]:
    """Return those of *aliases* that nobody has, in order, and the ids of the profiles that they ask for."""
    asked: list[Target] = [new.alias for new in aliases]
    asked += [ExternalId(new.external_id) for new in aliases if new.external_id is not None]
    found = targets.find(tx, targets=asked)
    free = [new for new in aliases if targets.key_of(new.alias) not in found]
    keys = {new.external_id: targets.key_of(ExternalId(new.external_id)) for new in free if new.external_id is not None}
    return free, {external_id: found[key].id for external_id, key in keys.items() if key in found}


def _in_turn(aliases: Sequence[NewAlias], profiles: Mapping[str, Profile]) -> dict[UserAlias, int | None]:
    """Return who gets which of *aliases*, as if they came one after another: the id of a profile, None for a new one.

    *profiles* are those that the external_ids mean. An alias that cannot be given is free for those after it.
    """
    given: dict[UserAlias, int | None] = {}
    labels: set[tuple[int, str]] = set()
    for new in aliases:
        if new.alias in given:
            continue
        if new.external_id is None:
            given[new.alias] = None
        elif new.external_id in profiles:
            profile = profiles[new.external_id]
            seat = (profile.id, new.alias.label)
            if new.alias.label not in profile.user_aliases and seat not in labels:
                labels.add(seat)
                given[new.alias] = profile.id
    return given
