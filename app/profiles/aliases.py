"""The use case of `/users/alias/new`: aliases given to profiles, in one transaction."""

import dataclasses
from collections.abc import Sequence

from app.db import Connection, Pool
from app.errors import ResolutionUnsettled
from app.profiles import targets
from app.profiles.creation import add_aliases, create
from app.profiles.locking import lock
from app.profiles.store import save
from app.profiles.targets import NewProfile
from app.profiles.transaction import the_time, until_settled
from schemas.aliases import NewAlias
from schemas.identifiers import ExternalId, Target, UserAlias


def give(pool: Pool, *, workspace_id: int, aliases: Sequence[NewAlias]) -> None:
    """Give each of *aliases* to the profile with its external_id, or to a profile made for it when it names none.

    As at the vendor nothing happens, and nothing is said, when the external_id is unknown, the alias is taken, or the
    profile has another name under the label.
    """
    until_settled(
        pool,
        lambda connection: _transact(connection, workspace_id=workspace_id, aliases=aliases),
        workspace_id=workspace_id,
    )


def _transact(connection: Connection, *, workspace_id: int, aliases: Sequence[NewAlias]) -> None:
    """Look up, create, lock and give within the caller's transaction."""
    free, ids = _look_up(connection, workspace_id=workspace_id, aliases=aliases)
    alone = [NewProfile(user_alias=alias) for alias, external_id in free.items() if external_id is None]
    create(connection, workspace_id=workspace_id, new=alone)
    given = [(alias, ids[external_id]) for alias, external_id in free.items() if external_id in ids]
    profiles = lock(connection, workspace_id=workspace_id, ids=[profile_id for _, profile_id in given])
    if len(profiles) < len({profile_id for _, profile_id in given}):
        raise ResolutionUnsettled("A profile was merged away between look and lock.")
    first: dict[tuple[int, str], UserAlias] = {}
    for alias, profile_id in given:
        if alias.label not in profiles[profile_id].user_aliases:
            first.setdefault((profile_id, alias.label), alias)
    added = [(alias, profile_id) for (profile_id, _), alias in first.items()]
    changed = set(add_aliases(connection, workspace_id=workspace_id, aliases=added))
    now = the_time(connection)
    save(connection, [dataclasses.replace(profiles[each], updated_at=now) for each in changed])


def _look_up(
    connection: Connection, *, workspace_id: int, aliases: Sequence[NewAlias]
) -> tuple[dict[UserAlias, str | None], dict[str | None, int]]:
    """Return the aliases that nobody has, each once and with the external_id first asked for, and external_id → id."""
    external_ids = {new.external_id for new in aliases if new.external_id is not None}
    asked: list[Target] = [*map(ExternalId, sorted(external_ids)), *(new.alias for new in aliases)]
    found = targets.find(connection, workspace_id=workspace_id, targets=asked)
    free: dict[UserAlias, str | None] = {}
    for new in aliases:
        if targets.key_of(new.alias) not in found:
            free.setdefault(new.alias, new.external_id)
    keys = {each: targets.key_of(ExternalId(each)) for each in external_ids}
    return free, {each: found[key].id for each, key in keys.items() if key in found}
