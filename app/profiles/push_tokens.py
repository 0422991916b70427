"""Push tokens: each belongs to the profile that reported it last. Only reports and undos write or read the owners."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled

QUERIES = load_queries("app.profiles", "push_tokens.sql")


def push_token_key(app_id: str, token: str) -> str:
    """Return the key of a token in `push_tokens`."""
    return f"{app_id}:{token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwners:
    """The new owners of push tokens, and the profiles that may have had them before."""

    #: Key of a token → id of the profile that reports it.
    owners: Mapping[str, int] = field(default_factory=dict)
    #: Origins whose profiles had reported some of the tokens.
    former_origins: frozenset[int] = frozenset()
    #: The ids of the profiles that these origins belong to.
    former_holders: frozenset[int] = frozenset()


def report_push_tokens(tx: Transaction, *, owners: Mapping[str, int]) -> TokenOwners:
    """Record that each token, by its key, belongs to a profile now; return the profiles to take it from.

    Waits for other transactions that report one of the tokens.
    """
    if not owners:
        return TokenOwners()
    parameters = {"digests": [_digest(key) for key in owners], "profile_ids": list(owners.values())}
    moved = tx.execute(QUERIES["report_push_tokens"], parameters).fetchall()
    origins = frozenset(row["former_origin_id"] for row in moved if row["former_origin_id"] is not None)
    return TokenOwners(owners=owners, former_origins=origins, former_holders=_live_profiles(tx, origins))


def check_former_holders(tx: Transaction, tokens: TokenOwners) -> None:
    """Raise ResolutionUnsettled if a merge or an undo moved tokens before their former holders were locked."""
    if tokens.former_origins and _live_profiles(tx, tokens.former_origins) != tokens.former_holders:
        raise ResolutionUnsettled("A push token moved to another profile before its profile was locked.")


def find_reporters(tx: Transaction, *, keys: Collection[str]) -> dict[str, int]:
    """Return the origin that reported each of the tokens *keys* last. Tokens that no one reported are missing."""
    if not keys:
        return {}
    key_of = {_digest(key): key for key in keys}
    rows = tx.execute(QUERIES["reporters_of_push_tokens"], {"digests": list(key_of)})
    return {key_of[bytes(row["token_digest"])]: row["origin_id"] for row in rows}


def find_holders(tx: Transaction, *, keys: Collection[str]) -> dict[str, int]:
    """Return the id of the live profile that has each of the tokens *keys* by its last report."""
    if not keys:
        return {}
    key_of = {_digest(key): key for key in keys}
    rows = tx.execute(QUERIES["holders_of_push_tokens"], {"digests": list(key_of)})
    return {key_of[bytes(row["token_digest"])]: row["profile_id"] for row in rows}


def _live_profiles(tx: Transaction, origins: frozenset[int]) -> frozenset[int]:
    if not origins:
        return frozenset()
    rows = tx.execute(QUERIES["live_profiles_of_origins"], {"origin_ids": sorted(origins)})
    return frozenset(row["profile_id"] for row in rows)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
