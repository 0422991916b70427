"""Profiles are made here and nowhere else."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.profiles.deprecation import take_over
from app.profiles.targets import NewProfile
from schemas.identifiers import UserAlias

QUERIES = load_queries("app.profiles", "creation.sql")

#: Values of random_bucket, from 0.
BUCKETS = 10_000


def create(tx: Transaction, *, new: Sequence[NewProfile]) -> dict[NewProfile, int]:
    """Make the profiles *new* and return their ids. An external_id that led elsewhere by redirect now is theirs.

    Raises ResolutionUnsettled when someone else took an external_id or an alias meanwhile: the transaction must end
    without effect, and what the identifiers mean be looked up again.
    """
    if not new:
        return {}
    rows = {new_braze_id(): profile for profile in new}
    made = tx.execute(
        QUERIES["create_profiles"],
        {"rows": Jsonb([_row(*each) for each in rows.items()])},
    ).fetchall()
    if len(made) < len(rows):
        raise ResolutionUnsettled("Another request made a profile with the same external_id.")
    ids = {rows[row["braze_id"]]: row["id"] for row in made}
    if external_ids := [profile.external_id for profile in new if profile.external_id is not None]:
        take_over(tx, external_ids=external_ids)
    aliases = [(profile.user_alias, ids[profile]) for profile in new if profile.user_alias is not None]
    if len(add_aliases(tx, aliases=aliases)) < len(aliases):
        raise ResolutionUnsettled("Another request took the same alias.")
    return ids


def add_aliases(tx: Transaction, *, aliases: Sequence[tuple[UserAlias, int]]) -> list[int]:
    """Give each alias to the profile of the id beside it; return the ids of the profiles that got theirs.

    An alias that is taken, and a second name under a label, are not given.
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
    """Return a braze_id: 24 hexadecimal digits, of which the first eight are the time in seconds."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def _row(braze_id: str, profile: NewProfile) -> dict[str, Any]:
    """Return *profile* as the query takes it."""
    return {
        "braze_id": braze_id,
        "external_id": profile.external_id,
        "random_bucket": secrets.randbelow(BUCKETS),
        "email": profile.email and profile.email.address,
        "email_key": profile.email and profile.email.key,
        "phone": profile.phone and profile.phone.number,
        "phone_e164": profile.phone and profile.phone.e164,
    }
