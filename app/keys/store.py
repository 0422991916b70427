"""Keeps API keys: made, ensured, listed, revoked and recognised. A secret is shown once and never stored."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from app.db.transaction import set_workspace
from app.errors import SetupError
from app.keys.digests import digest, digests, fingerprint, newest, same
from app.keys.permissions import ALL, PERMISSIONS
from app.keys.rates import read_stored
from app.rates.buckets import Limit

#: Any connection will do, whatever its rows look like: those who manage keys bring their own.
Connection = psycopg.Connection[Any]

QUERIES = load_queries(__package__, "keys.sql")
WORKSPACE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PREFIX = "ml_"
SECRET_BYTES = 32
#: Characters of a secret that are kept to recognise it by: at most this many, and never more than a quarter of it.
HINT = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """Whom a secret belongs to, and what they may do."""

    workspace_id: int
    key_id: UUID
    permissions: frozenset[str]
    #: Limits that the workspace has of its own.
    limits: tuple[Limit, ...] = ()

    def may(self, permission: str) -> bool:
        """Return whether the holder has *permission*."""
        return permission in self.permissions or ALL in self.permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key as operators see it: all but its secret."""

    key_id: UUID
    workspace: str
    label: str
    #: The first characters of the secret.
    hint: str
    permissions: Sequence[str]
    #: The fingerprint of the pepper that its digest is keyed with.
    pepper: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    expired: bool | None

    @property
    def state(self) -> str:
        """Whether it opens anything: open, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expired else "open"


def create(
    connection: Connection,
    *,
    workspace: str,
    label: str,
    permissions: Sequence[str],
    expires_after: timedelta | None = None,
    peppers: Sequence[str] = (),
) -> tuple[UUID, str]:
    """Make a key and return its id and its secret, which cannot be shown again; a new *workspace* is made with it.

    After *expires_after* it opens nothing. Raises SetupError when the workspace's name or a permission is none.
    """
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    key = _new_key(secret, workspace=workspace, label=label, permissions=permissions, pepper=newest(peppers))
    key["expires_after"] = expires_after
    with connection.transaction():
        connection.execute(QUERIES["ensure_workspace"], {"workspace": workspace})
        connection.execute(QUERIES["create_key"], key)
    return key["id"], secret


def ensure(
    connection: Connection,
    *,
    key: str,
    workspace: str,
    permissions: Sequence[str] = (ALL,),
    peppers: Sequence[str] = (),
) -> UUID:
    """See to it that the secret *key* opens *workspace* with *permissions*, and return the key's id.

    Raises SetupError when it opens another workspace, or when a name is none.
    """
    row = _new_key(key, workspace=workspace, label="ensured at start", permissions=permissions, pepper=newest(peppers))
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        _renew(connection, key, peppers)
        cursor.execute(QUERIES["ensure_workspace"], {"workspace": workspace})
        kept = cursor.execute(QUERIES["ensure_key"], row).fetchone()
    if kept is None:
        raise SetupError(f"The key {row['hint']}… opens another workspace than {workspace}; choose another secret.")
    key_id: UUID = kept["id"]
    return key_id


def list_keys(connection: Connection, *, workspace: str | None = None, prefix: str | None = None) -> list[KeyRecord]:
    """Return the keys of *workspace*, or of all when it is None, oldest first; those that open nothing too.

    With *prefix*, those whose secrets may begin so: it is compared with their hints as far as either goes.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(QUERIES["list_keys"], {"workspace": workspace, "prefix": prefix})
        return [KeyRecord(**row) for row in rows]


def revoke(connection: Connection, *, key_id: UUID) -> bool:
    """Close a key for good and return whether there is one of that id; it opens nothing from the next request on."""
    return connection.execute(QUERIES["revoke_key"], {"key_id": key_id}).fetchone() is not None


def authenticate(connection: Connection, secret: str, *, peppers: Sequence[str] = ()) -> KeyHolder | None:
    """Return whom *secret* belongs to; None when it belongs to nobody, was revoked or has expired.

    A digest that is keyed with an older of *peppers* is keyed with the newest from now on. Nothing is remembered from
    call to call, so that a key opens nothing as soon as it is revoked.
    """
    candidates = digests(secret, peppers)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["authenticate"], {"digests": candidates}).fetchone()
    if row is None or not any(same(row["digest"], candidate) for candidate in candidates):
        return None
    if not same(row["digest"], candidates[0]):
        with connection.transaction():
            set_workspace(connection, row["workspace_id"])
            _renew(connection, secret, peppers)
    return KeyHolder(
        workspace_id=row["workspace_id"],
        key_id=row["key_id"],
        permissions=frozenset(row["permissions"]),
        limits=read_stored(row["rate_limits"]),
    )


def _renew(connection: Connection, secret: str, peppers: Sequence[str]) -> None:
    """Key the digest of *secret* with the newest of *peppers*, when it is keyed with an older one."""
    now, *older = digests(secret, peppers)
    if older:
        values = {"digest": now, "pepper": fingerprint(newest(peppers)), "older": older}
        connection.execute(QUERIES["renew_digest"], values)


def _new_key(secret: str, *, workspace: str, label: str, permissions: Sequence[str], pepper: str) -> dict[str, Any]:
    """Return the row of a new key; raise SetupError when a name in it is none."""
    if not WORKSPACE_NAME.fullmatch(workspace):
        raise SetupError(
            f"{workspace!r} cannot name a workspace; use up to 63 of a-z, 0-9, - and _, a letter or digit first."
        )
    unknown = [name for name in permissions if name not in {*PERMISSIONS, ALL}]
    if unknown or not permissions:
        known = ", ".join((*PERMISSIONS, ALL))
        raise SetupError(f"{', '.join(unknown) or 'No permission'} cannot be given to a key; choose from: {known}")
    return {
        "id": uuid7(),
        "digest": digest(secret, pepper),
        "pepper": fingerprint(pepper),
        "hint": secret[: min(HINT, len(secret) // 4)],
        "label": label,
        "permissions": list(dict.fromkeys(permissions)),
        "workspace": workspace,
    }
