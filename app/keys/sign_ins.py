"""Sign-ins: browsers that showed a key once and hold a token in its stead, until it ends or the key does.

A token begins with the number of its workspace, so that it is looked for in that workspace and nowhere else: the
transaction that looks is told the workspace first, as every other is.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.keys.digests import digest, digests, newest, same
from app.keys.rates import read_stored
from app.keys.store import KeyHolder

QUERIES = load_queries(__package__, "sign_ins.sql")
SECRET_BYTES = 32
#: The workspace's number, which PostgreSQL can hold, and the secret.
TOKEN = re.compile(r"([1-9][0-9]{0,8})\.[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser that signed in: whom it acts for, and how the key is told apart from others."""

    holder: KeyHolder
    workspace: str
    label: str
    #: The first characters of the key's secret.
    hint: str
    ends_at: datetime


def workspace_of(token: str) -> int | None:
    """Return the workspace that *token* is to be looked for in, or None when it cannot be a token."""
    match = TOKEN.fullmatch(token)
    return int(match[1]) if match else None


def begin(tx: Transaction, holder: KeyHolder, *, hours: float, peppers: Sequence[str] = ()) -> str:
    """Store that a browser signed in with the key of *holder*, for *hours*, and return its token."""
    token = f"{holder.workspace_id}.{secrets.token_urlsafe(SECRET_BYTES)}"
    row = {
        "workspace_id": holder.workspace_id,
        "digest": digest(token, newest(peppers)),
        "key_id": holder.key_id,
        "seconds": hours * 3600,
    }
    tx.execute(QUERIES["begin_sign_in"], row)
    return token


def find(tx: Transaction, token: str, *, peppers: Sequence[str] = ()) -> SignIn | None:
    """Return the sign-in that *token* stands for; None when it has ended, or its key was revoked or has expired."""
    candidates = digests(token, peppers)
    row = tx.execute(QUERIES["find_sign_in"], {"digests": candidates}).fetchone()
    if row is None or not any(same(row["digest"], candidate) for candidate in candidates):
        return None
    holder = KeyHolder(
        workspace_id=row["workspace_id"],
        key_id=row["key_id"],
        permissions=frozenset(row["permissions"]),
        limits=read_stored(row["rate_limits"]),
    )
    return SignIn(
        holder=holder, workspace=row["workspace"], label=row["label"], hint=row["hint"], ends_at=row["ends_at"]
    )


def end(tx: Transaction, token: str, *, peppers: Sequence[str] = ()) -> None:
    """Forget the sign-in that *token* stands for, if there is one."""
    tx.execute(QUERIES["end_sign_in"], {"digests": digests(token, peppers)})


def prune(tx: Transaction) -> Deferred[int]:
    """Forget the sign-ins that have ended; return how many, later."""
    return tx.defer(QUERIES["prune_sign_ins"], read=lambda cursor: cursor.rowcount)
