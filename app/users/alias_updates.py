"""The use case of `/users/alias/update`: aliases renamed, in one transaction."""

import dataclasses
from collections.abc import Mapping, Sequence

from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.profiles import targets
from app.profiles.creation import add_aliases
from app.profiles.locking import lock
from app.profiles.store import save
from schemas.alias_updates import AliasUpdate
from schemas.identifiers import UserAlias

QUERIES = load_queries("app.users", "alias_updates.sql")

#: Which profile has which alias.
Holders = Mapping[UserAlias, int]


def update(pool: Pool, *, workspace_id: int, updates: Sequence[AliasUpdate]) -> None:
    """Bring *updates* to effect in their order, each seeing what those before it did.

    As at the vendor nothing happens, and nothing is said, when nobody has the old name or somebody has the new one.
    """
    retry_until_stable(pool, workspace_id, _transact, updates=updates)


def plan(updates: Sequence[AliasUpdate], before: Holders) -> Holders:
    """Return who has which alias after *updates*, given who had which *before*."""
    after = dict(before)
    for each in updates:
        if each.old in after and each.new not in after:
            after[each.new] = after.pop(each.old)
    return after


def _transact(tx: Transaction, *, updates: Sequence[AliasUpdate]) -> None:
    """Look up, lock, look again and rename within the caller's transaction."""
    before = _holders(tx, updates=updates)
    after = plan(updates, before)
    given = after.items() - before.items()
    if not given:
        return
    profiles = lock(tx, ids=[profile_id for _, profile_id in given])
    if _holders(tx, updates=updates) != before:
        raise ResolutionUnsettled("An alias got another holder between look and lock.")
    _take(tx, aliases=[alias for alias, _ in before.items() - after.items()])
    if len(add_aliases(tx, aliases=list(given))) < len(given):
        raise ResolutionUnsettled("Another request took one of the new aliases.")
    now = tx.now()
    save(tx, [dataclasses.replace(profile, updated_at=now) for profile in profiles.values()])


def _holders(tx: Transaction, *, updates: Sequence[AliasUpdate]) -> Holders:
    """Return who has which of the aliases, old and new, that *updates* speak of."""
    aliases = {alias for each in updates for alias in (each.old, each.new)}
    found = targets.find(tx, targets=aliases)
    return {alias: found[key].id for alias in aliases if (key := targets.key_of(alias)) in found}


def _take(tx: Transaction, *, aliases: Sequence[UserAlias]) -> None:
    """Take *aliases* from those who have them."""
    parameters = {
        "labels": [alias.label for alias in aliases],
        "names": [alias.name for alias in aliases],
    }
    tx.execute(QUERIES["take_aliases"], parameters)
