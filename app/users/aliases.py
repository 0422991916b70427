"""The use cases of `/users/alias/new` and `/users/alias/update`, each in one transaction."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, Wrapper, retry_until_stable, unchanged
from app.errors import ResolutionUnsettled
from app.merging.profile import Profile
from app.profiles.creation import NewProfile, add_aliases, create_profiles
from app.profiles.former_names import record_former_names
from app.profiles.locking import lock_profiles
from app.profiles.store import save_profiles
from app.profiles.targets import find_profiles, target_key
from app.users.departures import find_departures
from schemas.aliases import AliasUpdate, NewAlias
from schemas.departures import departure_sentence
from schemas.identifiers import BrazeId, DeviceId, ExternalId, Target, UserAlias

QUERIES = load_queries("app.users", "aliases.sql")

#: Alias → id of the profile that has it.
AliasHolders = Mapping[UserAlias, int]
#: Alias → id of the profile that gets it, None for a new profile.
NewHolders = Mapping[UserAlias, int | None]
#: Position of an object without effect → the reason.
Skipped = Mapping[int, str]

NOT_ADDED, NOT_RENAMED = "the alias was not added", "it was not renamed"
UNKNOWN_OWNER = "No profile has this external_id, so the alias was not added."
UNKNOWN_BRAZE_ID = "No profile has this braze_id, so the alias was not added."
UNKNOWN_DEVICE = "No unidentified profile has this device, so the alias was not added."
UNKNOWN: Mapping[type, str] = {ExternalId: UNKNOWN_OWNER, BrazeId: UNKNOWN_BRAZE_ID, DeviceId: UNKNOWN_DEVICE}
TAKEN = "A profile has this alias already, so it was not added."
LABEL_TAKEN = "The profile has another alias with this label already, so this one was not added."
UNKNOWN_ALIAS = "No profile has this alias, so it was not renamed."
NEW_NAME_TAKEN = "A profile has the new alias already, so the old one was not renamed."


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAliases:
    """The aliases of a request that were not added."""

    skipped: Skipped
    #: The number of objects whose braze_id names no profile. They do not count as processed.
    uncounted: int


def give_aliases(
    pool: Pool, *, workspace_id: int, aliases: Sequence[NewAlias], once: Wrapper = unchanged
) -> GivenAliases:
    """Give each of *aliases* to the profile of its owner, or to a new profile when it has no owner.

    As at the vendor, an alias is skipped without an error when its owner has no profile, when another profile has it,
    or when the profile has another name under the label. An alias that the profile has by a merge becomes its own.
    """
    return retry_until_stable(pool, workspace_id, once(_give_aliases), aliases=aliases)


def update_aliases(
    pool: Pool, *, workspace_id: int, updates: Sequence[AliasUpdate], once: Wrapper = unchanged
) -> Skipped:
    """Rename aliases in the order of *updates*; each sees the effect of the ones before it.

    As at the vendor, an update is skipped without an error when no profile has the old name or one has the new name.
    Return the skipped ones.
    """
    return retry_until_stable(pool, workspace_id, once(_update_aliases), updates=updates)


def plan_alias_updates(updates: Sequence[AliasUpdate], before: AliasHolders) -> tuple[AliasHolders, Skipped]:
    """Return the holder of each alias after *updates*, from the holders *before*, and the skipped updates."""
    after = dict(before)
    skipped: dict[int, str] = {}
    for position, each in enumerate(updates):
        if each.old not in after:
            skipped[position] = UNKNOWN_ALIAS
        elif each.new not in after:
            after[each.new] = after.pop(each.old)
        elif each.new != each.old:
            skipped[position] = NEW_NAME_TAKEN
    return after, skipped


def plan_new_aliases(
    aliases: Sequence[NewAlias], *, before: AliasHolders, owners: Mapping[Target, Profile]
) -> tuple[NewHolders, Skipped]:
    """Return the new holder of each alias to add, and the skipped ones of *aliases*, given one by one.

    *before* are the present holders. An alias that cannot be given stays free for the ones after it. One that its owner
    has already is neither added nor skipped.
    """
    added: dict[UserAlias, int | None] = {}
    labels: set[tuple[int, str]] = set()
    skipped: dict[int, str] = {}
    for position, new in enumerate(aliases):
        alias, owner = new.alias, None if new.owner is None else owners.get(new.owner)
        if new.owner is not None and owner is None:
            skipped[position] = UNKNOWN[type(new.owner)]
        elif alias in added or alias in before:
            holder = added[alias] if alias in added else before[alias]
            if owner is None or holder != owner.id:
                skipped[position] = TAKEN
        elif owner is None:
            added[alias] = None
        elif alias.label in owner.user_aliases or (owner.id, alias.label) in labels:
            if owner.user_aliases.get(alias.label) != alias.name:
                skipped[position] = LABEL_TAKEN
        else:
            labels.add((owner.id, alias.label))
            added[alias] = owner.id
    return added, skipped


def _give_aliases(tx: Transaction, *, aliases: Sequence[NewAlias]) -> GivenAliases:
    before, ids = _find_holders_and_owners(tx, aliases=aliases)
    profiles = lock_profiles(tx, ids=ids.values())
    if len(profiles) < len(set(ids.values())):
        raise ResolutionUnsettled("A profile was merged away before it was locked.")
    owners = {owner: profiles[profile_id] for owner, profile_id in ids.items()}
    added, skipped = plan_new_aliases(aliases, before=before, owners=owners)
    create_profiles(tx, new=[NewProfile(user_alias=alias) for alias, holder in added.items() if holder is None])
    additions = [(alias, holder) for alias, holder in added.items() if holder is not None]
    given = add_aliases(tx, aliases=additions)
    if len(given) < len(additions):
        raise ResolutionUnsettled("Another request took one of the aliases.")
    held = {
        new.alias: ids[new.owner]
        for new in aliases
        if new.owner is not None and new.owner in ids and before.get(new.alias) == ids[new.owner]
    }
    changed = {*given, *_own_aliases(tx, held=held)}
    now = tx.now()
    save_profiles(tx, [dataclasses.replace(profiles[each], updated_at=now) for each in changed])
    ownerless = {
        position: new.owner for position, new in enumerate(aliases) if new.owner is not None and new.owner not in owners
    }
    return GivenAliases(
        skipped={**skipped, **_departed(tx, targets=ownerless, effect=NOT_ADDED)},
        uncounted=sum(isinstance(owner, BrazeId) for owner in ownerless.values()),
    )


def _departed(tx: Transaction, *, targets: Mapping[int, Target], effect: str) -> Skipped:
    """Return the reasons for *targets*, by position, if their profiles were merged away or deleted."""
    departures = find_departures(tx, targets=targets.values()) if targets else {}
    return {
        position: departure_sentence(target, departures[key], effect=effect)
        for position, target in targets.items()
        if (key := target_key(target)) in departures
    }


def _find_holders_and_owners(
    tx: Transaction, *, aliases: Sequence[NewAlias]
) -> tuple[AliasHolders, Mapping[Target, int]]:
    """Return the holders of those of *aliases* that a profile has, and the ids of the owners' profiles."""
    owners: list[Target] = [new.owner for new in aliases if new.owner is not None]
    found = find_profiles(tx, targets=[*owners, *(new.alias for new in aliases)])
    before = {new.alias: found[key].id for new in aliases if (key := target_key(new.alias)) in found}
    return before, {owner: found[key].id for owner in owners if (key := target_key(owner)) in found}


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


def _update_aliases(tx: Transaction, *, updates: Sequence[AliasUpdate]) -> Skipped:
    before = _find_alias_holders(tx, updates=updates)
    after, skipped = plan_alias_updates(updates, before)
    unknown = {position: updates[position].old for position, why in skipped.items() if why == UNKNOWN_ALIAS}
    skipped = {**skipped, **_departed(tx, targets=unknown, effect=NOT_RENAMED)}
    additions = list(after.items() - before.items())
    if not additions:
        return skipped
    profiles = lock_profiles(tx, ids=[profile_id for _, profile_id in additions])
    if _find_alias_holders(tx, updates=updates) != before:
        raise ResolutionUnsettled("An alias moved to another profile before its profile was locked.")
    lost = before.items() - after.items()
    _delete_old_aliases(tx, aliases=[alias for alias, _ in lost])
    record_former_names(tx, names=[(profile_id, alias) for alias, profile_id in lost])
    if len(add_aliases(tx, aliases=additions)) < len(additions):
        raise ResolutionUnsettled("Another request took one of the new aliases.")
    now = tx.now()
    save_profiles(tx, [dataclasses.replace(profile, updated_at=now) for profile in profiles.values()])
    return skipped


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
