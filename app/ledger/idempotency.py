"""Idempotency keys: a request that is sent twice is accepted once.

A client may put a name of a person into its key, and an erasure could not find it. So only a digest is stored.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import KeyInUse, KeyReused

QUERIES = load_queries("app.ledger", "idempotency.sql")

STILL_RUNNING = "The first request with this Idempotency-Key is still running; send this one again in a moment."
OTHER_BODY = "This Idempotency-Key was used with another body; use a new key for a new request."


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """The Idempotency-Key of a request, and the body in its canonical form."""

    key: str
    body: bytes = field(repr=False)
    #: Hours for which the key is remembered.
    hours: float


def claim_idempotency_key(tx: Transaction, given: IdempotencyKey, *, path: str, batch_id: UUID) -> UUID | None:
    """Return the batch of an earlier request with this key; when there is none, store *batch_id* and return None.

    Raises KeyInUse and KeyReused as find_first_use does.
    """
    first = find_first_use(tx, given, path=path)
    if first is None:
        store_use(tx, given, path=path, batch_id=batch_id)
        return None
    found: UUID = first["batch_id"]
    return found


def find_first_use(tx: Transaction, given: IdempotencyKey, *, path: str) -> Mapping[str, Any] | None:
    """Lock the key until the transaction ends; return the `batch_id` and the `response` of an earlier use, or None.

    Raises KeyInUse when another request has locked the key, and KeyReused when it was used with another body.
    """
    (lock,) = tx.execute(QUERIES["lock_key"], {"path": path, "key": given.key})
    if not lock["locked"]:
        raise KeyInUse(STILL_RUNNING)
    parameters = {"path": path, "key": digest_key(given.key), "plain_key": given.key, "seconds": given.hours * 3600}
    first = tx.execute(QUERIES["find_first_use"], parameters).fetchone()
    if first is not None and first["body_digest"] != digest_body(given.body):
        raise KeyReused(OTHER_BODY)
    return first


def store_use(
    tx: Transaction,
    given: IdempotencyKey,
    *,
    path: str,
    batch_id: UUID | None = None,
    response: bytes | None = None,
) -> None:
    """Store the use of the key with the batch or the encrypted response of its request."""
    use = {
        "path": path,
        "key": digest_key(given.key),
        "body_digest": digest_body(given.body),
        "batch_id": batch_id,
        "response": response,
    }
    tx.execute(QUERIES["store_use"], use)


def digest_key(key: str) -> str:
    """Return the text that is stored for *key*."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def digest_body(body: bytes) -> bytes:
    """Return the bytes that are stored for *body*."""
    return hashlib.sha256(body).digest()
