"""Creating profiles and adding aliases to them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from app.db.clock import SERVER_CLOCK
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.merging.profile import EmailAddress, PhoneNumber
from app.profiles.deprecation import take_over_external_ids
from schemas.identifiers import UserAlias

QUERIES = load_queries("app.profiles", "creation.sql")

#: Number of random buckets; random_bucket starts at 0.
BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewProfile:
    """A profile to create, with its first identifiers. Each instance equals only itself."""

    external_id: str | None = None
    user_alias: UserAlias | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None

    @property
    def identified(self) -> bool:
        """Whether the profile will have an external_id."""
        return self.external_id is not None


def create_profiles(tx: Transaction, *, new: Sequence[NewProfile]) -> dict[NewProfile, int]:
    """Create the profiles *new* and return their ids. Redirects of their external_ids end.

    Raises ResolutionUnsettled when another transaction took an external_id or an alias meanwhile. The caller must then
    roll back and resolve its identifiers again.
    """
    if not new:
        return {}
    profiles = {new_braze_id(): profile for profile in new}
    rows = [_new_row(braze_id, profile) for braze_id, profile in profiles.items()]
    created = tx.execute(QUERIES["create_profiles"], {"rows": Jsonb(rows)}).fetchall()
    if len(created) < len(profiles):
        raise ResolutionUnsettled("Another request created a profile with the same external_id.")
    ids = {profiles[row["braze_id"]]: row["id"] for row in created}
    if external_ids := [profile.external_id for profile in new if profile.external_id is not None]:
        take_over_external_ids(tx, external_ids=external_ids)
    aliases = [(profile.user_alias, ids[profile]) for profile in new if profile.user_alias is not None]
    if len(add_aliases(tx, aliases=aliases)) < len(aliases):
        raise ResolutionUnsettled("Another request took the same alias.")
    return ids


def add_aliases(tx: Transaction, *, aliases: Sequence[tuple[UserAlias, int]]) -> list[int]:
    """Add each alias to the profile with the id beside it; return the ids of the profiles that got theirs.

    Skips an alias that another profile has, and a second name under one label.
    """
    if not aliases:
        return []
    parameters = {
        "labels": [alias.label for alias, _ in aliases],
        "names": [alias.name for alias, _ in aliases],
        "profile_ids": [profile_id for _, profile_id in aliases],
    }
    return [row["profile_id"] for row in tx.execute(QUERIES["add_aliases"], parameters)]


def new_braze_id() -> str:
    """Return a braze_id: 24 hexadecimal digits, the first eight are the time in seconds by PostgreSQL's clock."""
    return f"{int(SERVER_CLOCK.now()):08x}{secrets.token_hex(8)}"


def _new_row(braze_id: str, profile: NewProfile) -> dict[str, Any]:
    return {
        "braze_id": braze_id,
        "external_id": profile.external_id,
        "random_bucket": secrets.randbelow(BUCKETS),
        "email": profile.email and profile.email.address,
        "email_key": profile.email and profile.email.key,
        "phone": profile.phone and profile.phone.number,
        "phone_e164": profile.phone and profile.phone.e164,
    }
