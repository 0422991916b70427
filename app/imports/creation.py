"""Writes imported profiles: all of one call by one statement."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.merging.profile import Profile
from app.profiles.creation import add_aliases
from app.profiles.deprecation import take_over_external_ids
from app.profiles.store import NOT_COLUMNS, profile_to_row
from schemas.identifiers import UserAlias

QUERIES = load_queries("app.imports", "imports.sql")

#: Fields that are no columns, or that PostgreSQL sets.
NOT_GIVEN = NOT_COLUMNS | {"workspace_id", "id"}


def _defaults() -> dict[str, Any]:
    """Return the columns of a profile without values."""
    required = dict.fromkeys(("workspace_id", "id", "random_bucket"), 0)
    empty = Profile(**required, braze_id="", created_at=None, updated_at=None)  # type: ignore[arg-type]
    return {name: value for name, value in profile_to_row(empty).items() if name not in NOT_GIVEN}


DEFAULTS = _defaults()
INSERT_PROFILES = (
    QUERIES["insert_profiles"]
    .replace(" /* columns */", "".join(f",\n    {name}" for name in DEFAULTS))
    .replace(" /* given columns */", "".join(f",\n    given.{name}" for name in DEFAULTS))
)


def insert_profiles(tx: Transaction, profiles: Sequence[Profile]) -> dict[str, int]:
    """Create *profiles* with their aliases; return braze_id → id. Redirects of their external_ids end.

    Raises ResolutionUnsettled when another transaction took an external_id, a braze_id or an alias meanwhile.
    """
    if not profiles:
        return {}
    # All transactions insert external_ids in one order, so that two wait for each other instead of deadlocking.
    ordered = sorted(profiles, key=lambda profile: (profile.external_id is None, profile.external_id or ""))
    rows = [_row(profile) for profile in ordered]
    created = tx.execute(INSERT_PROFILES, {"defaults": Jsonb(DEFAULTS), "rows": Jsonb(rows)}).fetchall()
    if len(created) < len(profiles):
        raise ResolutionUnsettled("Another request created a profile with the same external_id or braze_id.")
    ids = {row["braze_id"]: row["id"] for row in created}
    if external_ids := [profile.external_id for profile in profiles if profile.external_id is not None]:
        take_over_external_ids(tx, external_ids=external_ids)
    add_free_aliases(tx, [(alias, ids[profile.braze_id]) for profile in profiles for alias in _aliases(profile)])
    return ids


def add_free_aliases(tx: Transaction, aliases: Sequence[tuple[UserAlias, int]]) -> None:
    """Add each alias to the profile with the id beside it. Raises ResolutionUnsettled when one is taken."""
    if len(add_aliases(tx, aliases=aliases)) < len(aliases):
        raise ResolutionUnsettled("Another request took the same alias.")


def _aliases(profile: Profile) -> list[UserAlias]:
    return [UserAlias(label=label, name=name) for label, name in profile.user_aliases.items()]


def _row(profile: Profile) -> dict[str, Any]:
    """Return the columns of *profile* that have another value than without it."""
    row = profile_to_row(profile)
    return {name: row[name] for name, empty in DEFAULTS.items() if row[name] != empty}
