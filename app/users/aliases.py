"""The use cases of `/users/alias/new` and `/users/alias/update`, each in one transaction."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    or when the profile has another name under the label. An alias that the profile has by a merge becomes its own.
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
    requested = _find_requested(tx, aliases=aliases)
    free, ids = requested.free, requested.profile_ids
    named_ids = {*ids.values(), *requested.held.values()}
    profiles = lock_profiles(tx, ids=named_ids)
    if len(profiles) < len(named_ids):
        raise ResolutionUnsettled("A profile was merged away before it was locked.")
    new_holders = _plan_new_aliases(
        free, {external_id: profiles[profile_id] for external_id, profile_id in ids.items()}
    )
    create_profiles(tx, new=[NewProfile(user_alias=alias) for alias, holder in new_holders.items() if holder is None])
    additions = [(alias, holder) for alias, holder in new_holders.items() if holder is not None]
    changed = {*add_aliases(tx, aliases=additions), *_own_aliases(tx, held=requested.held)}
    now = tx.now()
    save_profiles(tx, [dataclasses.replace(profiles[each], updated_at=now) for each in changed])


@dataclass(frozen=True, slots=True, kw_only=True)
class _RequestedAliases:
    """The aliases of a request, as the profiles have them."""

    #: The aliases that no profile has, in order.
    free: list[NewAlias]
    #: The ids of the profiles that these name, by external_id.
    profile_ids: dict[str, int]
    #: The aliases that the profile with their external_id has already.
    held: AliasHolders


def _find_requested(tx: Transaction, *, aliases: Sequence[NewAlias]) -> _RequestedAliases:
    requested: list[Target] = [new.alias for new in aliases]
    requested += [ExternalId(new.external_id) for new in aliases if new.external_id is not None]
    found = find_profiles(tx, targets=requested)
    free = [new for new in aliases if target_key(new.alias) not in found]
    ids = {
        new.external_id: found[key].id
        for new in aliases
        if new.external_id is not None and (key := target_key(ExternalId(new.external_id))) in found
    }
    holders = {new: found[key].id for new in aliases if (key := target_key(new.alias)) in found}
    return _RequestedAliases(
        free=free,
        profile_ids={new.external_id: ids[new.external_id] for new in free if new.external_id in ids},
        held={new.alias: holder for new, holder in holders.items() if ids.get(new.external_id or "") == holder},
    )


def _own_aliases(tx: Transaction, *, held: AliasHolders) -> list[int]:
    """Make each alias of *held* its profile's own; return the ids of the profiles that had one by a merge."""
    if not held:
        return []
    parameters = {
        "labels": [alias.label for alias in held],
        "names": [alias.name for alias in held],
        "profile_ids": list(held.values()),
    }
    return [row["profile_id"] for row in tx.execute(QUERIES["own_aliases"], parameters)]


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
