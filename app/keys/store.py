"""Keeps API keys: made, ensured, listed, revoked and recognised. A secret is shown once and never stored."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from uuid_utils.compat import uuid7

from app.db import load_queries
from app.errors import SetupError
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
    created_at: datetime
    revoked_at: datetime | None


def create(connection: Connection, *, workspace: str, label: str, permissions: Sequence[str]) -> tuple[UUID, str]:
    """Make a key and return its id and its secret, which cannot be shown again; a new *workspace* is made with it.

    Raises SetupError when the workspace's name or a permission is none.
    """
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    key = _new_key(secret, workspace=workspace, label=label, permissions=permissions)
    with connection.transaction():
        connection.execute(QUERIES["ensure_workspace"], {"workspace": workspace})
        connection.execute(QUERIES["create_key"], key)
    return key["id"], secret


def ensure(connection: Connection, *, key: str, workspace: str, permissions: Sequence[str] = (ALL,)) -> UUID:
    """See to it that the secret *key* opens *workspace* with *permissions*, and return the key's id.

    Raises SetupError when it opens another workspace, or when a name is none.
    """
    row = _new_key(key, workspace=workspace, label="ensured at start", permissions=permissions)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(QUERIES["ensure_workspace"], {"workspace": workspace})
        kept = cursor.execute(QUERIES["ensure_key"], row).fetchone()
    if kept is None:
        raise SetupError(f"The key {row['hint']}… opens another workspace than {workspace}; choose another secret.")
    key_id: UUID = kept["id"]
    return key_id


def list_keys(connection: Connection, *, workspace: str | None = None) -> list[KeyRecord]:
    """Return the keys of *workspace*, or of all when it is None, oldest first; revoked ones too."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [KeyRecord(**row) for row in cursor.execute(QUERIES["list_keys"], {"workspace": workspace})]


def revoke(connection: Connection, *, key_id: UUID) -> bool:
    """Close a key for good and return whether there is one of that id; it opens nothing from the next request on."""
    return connection.execute(QUERIES["revoke_key"], {"key_id": key_id}).fetchone() is not None


def authenticate(connection: Connection, secret: str) -> KeyHolder | None:
    """Return whom *secret* belongs to, or None when it belongs to nobody or was revoked."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["authenticate"], {"digest": digest(secret)}).fetchone()
    if row is None:
        return None
    return KeyHolder(
        workspace_id=row["workspace_id"],
        key_id=row["key_id"],
        permissions=frozenset(row["permissions"]),
        limits=read_stored(row["rate_limits"]),
    )


def digest(secret: str) -> bytes:
    """Return the form in which *secret* is stored.

    A plain hash is enough for secrets that are long and random: there is nothing to guess them from.
    """
    return hashlib.sha256(secret.encode()).digest()


def _new_key(secret: str, *, workspace: str, label: str, permissions: Sequence[str]) -> dict[str, Any]:
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
        "digest": digest(secret),
        "hint": secret[: min(HINT, len(secret) // 4)],
        "label": label,
        "permissions": list(dict.fromkeys(permissions)),
        "workspace": workspace,
    }
