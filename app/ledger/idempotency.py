"""Idempotency keys: a request that is sent twice is accepted once.

A client may put a name of a person into its key, and an erasure could not find it. So only a digest is stored.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict

QUERIES = load_queries("app.ledger", "idempotency.sql")

STILL_RUNNING = "The first request with this Idempotency-Key is still being accepted; send this one again in a moment."
OTHER_BODY = "This Idempotency-Key was used with another body; use a new key for a new request."


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """The Idempotency-Key of a request, and the digest of its body."""

    key: str
    body_digest: bytes
    #: Hours for which the key is remembered.
    hours: float


def claim_idempotency_key(tx: Transaction, given: IdempotencyKey, *, path: str, batch_id: UUID) -> UUID | None:
    """Return the batch of an earlier request with this key; when there is none, store *batch_id* and return None.

    The key is locked until the transaction ends, and stored only when it commits. Raises Conflict when another request
    has locked it, or when it was used with another body.
    """
    (lock,) = tx.execute(QUERIES["lock_key"], {"path": path, "key": given.key})
    if not lock["locked"]:
        raise Conflict(STILL_RUNNING)
    scope = {"path": path, "key": digest_key(given.key)}
    first = tx.execute(
        QUERIES["find_first_use"], {**scope, "plain_key": given.key, "seconds": given.hours * 3600}
    ).fetchone()
    if first is None:
        use = {**scope, "body_digest": given.body_digest, "batch_id": batch_id}
        tx.execute(QUERIES["store_use"], use)
        return None
    if first["body_digest"] != given.body_digest:
        raise Conflict(OTHER_BODY)
    found: UUID = first["batch_id"]
    return found


def digest_key(key: str) -> str:
    """Return the text that is stored for *key*."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
