"""Idempotency keys: a request that is sent twice is accepted once.

A client may put a name of a person into its key, and an erasure could not find it. So only a digest is stored.
"""

import hashlib
import zlib
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import DictRow

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict

QUERIES = load_queries("app.ledger", "idempotency.sql")

STILL_RUNNING = "The first request with this Idempotency-Key is still being accepted; send this one again in a moment."
OTHER_BODY = "This Idempotency-Key was used with another body; use a new key for a new request."

#: zlib's level of compression: most of a response is random, as braze_ids are.
FASTEST = 1


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
    first = _find_first_use(tx, given, path=path)
    if first is None:
        _store_use(tx, given, path=path, batch_id=batch_id)
        return None
    found: UUID = first["batch_id"]
    return found


def find_reply(tx: Transaction, given: IdempotencyKey, *, path: str) -> bytes | None:
    """Return the stored response to an earlier request with this key, or None. Locks and raises as the other one."""
    first = _find_first_use(tx, given, path=path)
    return None if first is None else zlib.decompress(first["reply"])


def store_reply(tx: Transaction, given: IdempotencyKey, *, path: str, reply: bytes) -> None:
    """Store the body of a response that belongs to no batch, after find_reply returned None."""
    _store_use(tx, given, path=path, batch_id=new_id(), reply=zlib.compress(reply, FASTEST))


def _find_first_use(tx: Transaction, given: IdempotencyKey, *, path: str) -> DictRow | None:
    (lock,) = tx.execute(QUERIES["lock_key"], {"path": path, "key": given.key})
    if not lock["locked"]:
        raise Conflict(STILL_RUNNING)
    use = {"path": path, "key": digest_key(given.key), "plain_key": given.key, "seconds": given.hours * 3600}
    first = tx.execute(QUERIES["find_first_use"], use).fetchone()
    if first is not None and first["body_digest"] != given.body_digest:
        raise Conflict(OTHER_BODY)
    return first


def _store_use(
    tx: Transaction, given: IdempotencyKey, *, path: str, batch_id: UUID, reply: bytes | None = None
) -> None:
    use = {"path": path, "key": digest_key(given.key), "body_digest": given.body_digest}
    tx.execute(QUERIES["store_use"], {**use, "batch_id": batch_id, "reply": reply})


def digest_key(key: str) -> str:
    """Return the text that is stored for *key*."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
