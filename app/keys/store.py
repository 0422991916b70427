"""API keys: created, listed, revoked and recognised. A secret is returned once and never stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from app.db.ids import new_id
from app.db.local_settings import set_workspace
from app.db.queries import load_queries
from app.errors import SetupError
from app.keys.digests import candidate_digests, digest_secret, digests_equal, newest_pepper, pepper_fingerprint
from app.keys.permissions import ALL, PERMISSIONS
from app.keys.rates import parse_stored_limits
from app.keys.secrets import hint_of_secret, new_secret
from app.rates.buckets import Limit

#: Any connection: the callers that manage keys use connections with other row factories.
Connection = psycopg.Connection[Any]

QUERIES = load_queries(__package__, "keys.sql")
WORKSPACE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """The owner of a secret and its permissions."""

    workspace_id: int
    key_id: UUID
    permissions: frozenset[str]
    #: Rate limits of the workspace itself.
    limits: tuple[Limit, ...] = ()

    def may(self, permission: str) -> bool:
        """Return whether the holder has *permission*."""
        return permission in self.permissions or ALL in self.permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key without its secret."""

    key_id: UUID
    workspace: str
    label: str
    #: The first characters of the secret.
    hint: str
    permissions: Sequence[str]
    #: The fingerprint of the pepper of its digest.
    pepper: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    expired: bool | None

    @property
    def state(self) -> str:
        """`open`, `expired` or `revoked`."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expired else "open"


def find_workspaces(connection: Connection, *, name: str | None = None) -> dict[str, int]:
    """Return the ids of the workspaces by name: all, or the one called *name*, if it exists."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(QUERIES["list_workspaces"], {"name": name}).fetchall()
    return {row["name"]: row["workspace_id"] for row in rows}


def create_key(
    connection: Connection,
    *,
    workspace: str,
    label: str,
    permissions: Sequence[str],
    expires_after: timedelta | None = None,
    peppers: Sequence[str] = (),
) -> tuple[UUID, str]:
    """Create a key, and its *workspace* when it is new; return its id and its secret, which cannot be read again.

    The key expires after *expires_after*. Raises SetupError for an invalid name of the workspace or a permission.
    """
    _check_names(workspace, permissions)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        _ensure_workspace(connection, workspace)
        (found,) = cursor.execute(QUERIES["read_route_label"], {"workspace": workspace}).fetchall()
        secret = new_secret(found["route_label"])
        key = _new_key(secret, workspace=workspace, label=label, permissions=permissions, pepper=newest_pepper(peppers))
        hint = hint_of_secret(secret, route_label=found["route_label"])
        cursor.execute(QUERIES["create_key"], {**key, "hint": hint, "expires_after": expires_after})
    return key["id"], secret


def ensure_key(
    connection: Connection,
    *,
    key: str,
    workspace: str,
    permissions: Sequence[str] = (ALL,),
    peppers: Sequence[str] = (),
) -> UUID:
    """Create or update the key with the secret *key*, for *workspace* with *permissions*; return its id.

    Raises SetupError when the secret belongs to another workspace, or when a name is invalid.
    """
    _check_names(workspace, permissions)
    row = _new_key(
        key, workspace=workspace, label="development key", permissions=permissions, pepper=newest_pepper(peppers)
    )
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        _renew(connection, key, peppers, query="renew_digest")
        _ensure_workspace(connection, workspace)
        kept = cursor.execute(QUERIES["ensure_key"], row).fetchone()
    if kept is None:
        raise SetupError(f"The key {row['hint']}… opens another workspace than {workspace}; choose another secret.")
    key_id: UUID = kept["id"]
    return key_id


def _ensure_workspace(connection: Connection, name: str) -> None:
    """Create the workspace called *name*, unless it exists."""
    connection.execute(QUERIES["lock_keys"])
    connection.execute(QUERIES["ensure_workspace"], {"workspace": name})
    for workspace_id in find_workspaces(connection, name=name).values():
        connection.execute(QUERIES["ensure_home"], {"workspace_id": workspace_id})


def list_keys(connection: Connection, *, workspace: str | None = None, prefix: str | None = None) -> list[KeyRecord]:
    """Return the keys of *workspace*, or of all when it is None, oldest first; expired and revoked ones too.

    With *prefix*, only keys whose secrets may start with it: the shorter of prefix and hint is compared.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(QUERIES["list_keys"], {"workspace": workspace, "prefix": prefix})
        return [KeyRecord(**row) for row in rows]


def revoke_key(connection: Connection, *, key_id: UUID) -> bool:
    """Revoke a key, from the next request on, and end its sign-ins; return whether there is one of that id."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["revoke_key"], {"key_id": key_id}).fetchone()
        if row is not None:
            cursor.execute(QUERIES["end_sign_ins"], {"workspace_id": row["workspace_id"], "key_id": key_id})
    return row is not None


def find_key_holder(connection: Connection, secret: str, *, peppers: Sequence[str] = ()) -> KeyHolder | None:
    """Return the holder of *secret*; None when it is unknown, revoked or expired.

    A digest with an older pepper is renewed with the newest of *peppers*. Nothing is cached, so a revocation takes
    effect at once.
    """
    candidates = candidate_digests(secret, peppers)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["authenticate"], {"digests": candidates}).fetchone()
    if row is None or not any(digests_equal(row["digest"], candidate) for candidate in candidates):
        return None
    if not digests_equal(row["digest"], candidates[0]):
        with connection.transaction():
            set_workspace(connection, row["workspace_id"])
            _renew(connection, secret, peppers, query="renew_own_digest")
    return KeyHolder(
        workspace_id=row["workspace_id"],
        key_id=row["key_id"],
        permissions=frozenset(row["permissions"]),
        limits=parse_stored_limits(row["rate_limits"]),
    )


def _renew(connection: Connection, secret: str, peppers: Sequence[str], *, query: str) -> None:
    """Renew the digest of *secret* with the newest of *peppers*, when it has an older one."""
    now, *older = candidate_digests(secret, peppers)
    if older:
        values = {"digest": now, "pepper": pepper_fingerprint(newest_pepper(peppers)), "older": older}
        connection.execute(QUERIES[query], values)


def _check_names(workspace: str, permissions: Sequence[str]) -> None:
    """Raise SetupError for an invalid name of a workspace or of a permission."""
    if not WORKSPACE_NAME.fullmatch(workspace):
        raise SetupError(
            f"{workspace!r} cannot name a workspace; use up to 63 of a-z, 0-9, - and _, a letter or digit first."
        )
    unknown = [name for name in permissions if name not in {*PERMISSIONS, ALL}]
    if unknown or not permissions:
        known = ", ".join((*PERMISSIONS, ALL))
        raise SetupError(f"{', '.join(unknown) or 'No permission'} cannot be given to a key; choose from: {known}")


def _new_key(secret: str, *, workspace: str, label: str, permissions: Sequence[str], pepper: str) -> dict[str, Any]:
    """Return the row of a new key."""
    return {
        "id": new_id(),
        "digest": digest_secret(secret, pepper),
        "pepper": pepper_fingerprint(pepper),
        "hint": hint_of_secret(secret),
        "label": label,
        "permissions": list(dict.fromkeys(permissions)),
        "workspace": workspace,
    }
