"""The use cases of `/users/alias/new` and `/users/alias/update`, each in one transaction."""

import dataclasses
from collections.abc import Mapping, Sequence

from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.merging.profile import Profile
from app.profiles.creation import NewProfile, add_aliases, create_profiles
from app.profiles.locking import lock_profiles
from app.profiles.store import save_profiles
from app.profiles.targets import find_profiles, target_key
from schemas.aliases import AliasUpdate, NewAlias
from schemas.identifiers import ExternalId, Target, UserAlias

QUERIES = load_queries("app.users", "aliases.sql")

#: Alias → id of the profile that has it.
AliasHolders = Mapping[UserAlias, int]


def give_aliases(pool: Pool, *, workspace_id: int, aliases: Sequence[NewAlias]) -> None:
    """Give each of *aliases* to the profile with its external_id, or to a new profile when it has no external_id.

    As at the vendor, an alias is skipped without an error when its external_id is unknown, when another profile has it,
    or when the profile has another name under the label.
    """
    retry_until_stable(pool, workspace_id, _give_aliases, aliases=aliases)


def update_aliases(pool: Pool, *, workspace_id: int, updates: Sequence[AliasUpdate]) -> None:
    """Rename aliases in the order of *updates*; each sees the effect of the ones before it.

    As at the vendor, an update is skipped without an error when no profile has the old name or one has the new name.
    """
    retry_until_stable(pool, workspace_id, _update_aliases, updates=updates)


def plan_alias_updates(updates: Sequence[AliasUpdate], before: AliasHolders) -> AliasHolders:
    """Return the holder of each alias after *updates*, from the holders *before*."""
    after = dict(before)
    for each in updates:
        if each.old in after and each.new not in after:
            after[each.new] = after.pop(each.old)
    return after


def _give_aliases(tx: Transaction, *, aliases: Sequence[NewAlias]) -> None:
    free, ids = _find_free_aliases(tx, aliases=aliases)
    profiles = lock_profiles(tx, ids=ids.values())
    if len(profiles) < len(set(ids.values())):
        raise ResolutionUnsettled("A profile was merged away before it was locked.")
    new_holders = _plan_new_aliases(
        free, {external_id: profiles[profile_id] for external_id, profile_id in ids.items()}
    )
    create_profiles(tx, new=[NewProfile(user_alias=alias) for alias, holder in new_holders.items() if holder is None])
    additions = [(alias, holder) for alias, holder in new_holders.items() if holder is not None]
    changed = set(add_aliases(tx, aliases=additions))
    now = tx.now()
    save_profiles(tx, [dataclasses.replace(profiles[each], updated_at=now) for each in changed])


def _find_free_aliases(tx: Transaction, *, aliases: Sequence[NewAlias]) -> tuple[list[NewAlias], dict[str, int]]:
    """Return the *aliases* that no profile has, in order, and the ids of the profiles they name, by external_id."""
    requested: list[Target] = [new.alias for new in aliases]
    requested += [ExternalId(new.external_id) for new in aliases if new.external_id is not None]
    found = find_profiles(tx, targets=requested)
    free = [new for new in aliases if target_key(new.alias) not in found]
    keys = {new.external_id: target_key(ExternalId(new.external_id)) for new in free if new.external_id is not None}
    return free, {external_id: found[key].id for external_id, key in keys.items() if key in found}


def _plan_new_aliases(aliases: Sequence[NewAlias], profiles: Mapping[str, Profile]) -> dict[UserAlias, int | None]:
    """Return the new holder of each of *aliases*, given one by one: the id of a profile, None for a new profile.

    *profiles* are by external_id. An alias that cannot be given stays free for the ones after it.
    """
    holders: dict[UserAlias, int | None] = {}
    labels: set[tuple[int, str]] = set()
    for new in aliases:
        if new.alias in holders:
            continue
        if new.external_id is None:
            holders[new.alias] = None
        elif new.external_id in profiles:
            profile = profiles[new.external_id]
            label = (profile.id, new.alias.label)
            if new.alias.label not in profile.user_aliases and label not in labels:
                labels.add(label)
                holders[new.alias] = profile.id
    return holders


def _update_aliases(tx: Transaction, *, updates: Sequence[AliasUpdate]) -> None:
    before = _find_alias_holders(tx, updates=updates)
    after = plan_alias_updates(updates, before)
    additions = list(after.items() - before.items())
    if not additions:
        return
    profiles = lock_profiles(tx, ids=[profile_id for _, profile_id in additions])
    if _find_alias_holders(tx, updates=updates) != before:
        raise ResolutionUnsettled("An alias moved to another profile before its profile was locked.")
    _delete_old_aliases(tx, aliases=[alias for alias, _ in before.items() - after.items()])
    if len(add_aliases(tx, aliases=additions)) < len(additions):
        raise ResolutionUnsettled("Another request took one of the new aliases.")
    now = tx.now()
    save_profiles(tx, [dataclasses.replace(profile, updated_at=now) for profile in profiles.values()])


def _find_alias_holders(tx: Transaction, *, updates: Sequence[AliasUpdate]) -> AliasHolders:
    """Return the holders of the old and the new aliases of *updates*."""
    aliases = {alias for each in updates for alias in (each.old, each.new)}
    found = find_profiles(tx, targets=aliases)
    return {alias: found[key].id for alias in aliases if (key := target_key(alias)) in found}


def _delete_old_aliases(tx: Transaction, *, aliases: Sequence[UserAlias]) -> None:
    parameters = {
        "labels": [alias.label for alias in aliases],
        "names": [alias.name for alias in aliases],
    }
    tx.execute(QUERIES["delete_old_aliases"], parameters)
