"""Sign-ins to the console: a browser exchanges a key for a token, which is valid until it or the key expires.

A token has the id of its workspace, so that it is looked up in a transaction of that workspace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.keys.digests import candidate_digests, digest_secret, digests_equal, newest_pepper
from app.keys.rates import parse_stored_limits
from app.keys.secrets import new_token
from app.keys.store import KeyHolder

QUERIES = load_queries(__package__, "sign_ins.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser that signed in with a key."""

    holder: KeyHolder
    workspace: str
    label: str
    #: The first characters of the key's secret.
    hint: str
    ends_at: datetime


def begin_sign_in(tx: Transaction, holder: KeyHolder, *, hours: float, peppers: Sequence[str] = ()) -> str:
    """Create a sign-in of *holder* for a number of *hours* and return its token."""
    (found,) = tx.execute(QUERIES["read_label"]).fetchall()
    token = new_token(found["route_label"], holder.workspace_id)
    row = {
        "digest": digest_secret(token, newest_pepper(peppers)),
        "key_id": holder.key_id,
        "seconds": hours * 3600,
    }
    tx.execute(QUERIES["begin_sign_in"], row)
    return token


def find_sign_in(tx: Transaction, token: str, *, peppers: Sequence[str] = ()) -> SignIn | None:
    """Return the sign-in of *token*; None when it has ended, or its key was revoked or has expired."""
    candidates = candidate_digests(token, peppers)
    row = tx.execute(QUERIES["find_sign_in"], {"digests": candidates}).fetchone()
    if row is None or not any(digests_equal(row["digest"], candidate) for candidate in candidates):
        return None
    holder = KeyHolder(
        workspace_id=row["workspace_id"],
        key_id=row["key_id"],
        permissions=frozenset(row["permissions"]),
        limits=parse_stored_limits(row["rate_limits"]),
    )
    return SignIn(
        holder=holder, workspace=row["workspace"], label=row["label"], hint=row["hint"], ends_at=row["ends_at"]
    )


def end_sign_in(tx: Transaction, token: str, *, peppers: Sequence[str] = ()) -> None:
    """Delete the sign-in of *token*, if there is one."""
    tx.execute(QUERIES["end_sign_in"], {"digests": candidate_digests(token, peppers)})


def prune_sign_ins(tx: Transaction) -> Deferred[int]:
    """Delete the sign-ins that have ended; return their number."""
    return tx.defer(QUERIES["prune_sign_ins"], read=lambda cursor: cursor.rowcount)
