"""Idempotency keys: the same request sent twice is accepted once."""

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
    """The key that a client gave its request, and what tells whether it is the same request again."""

    key: str
    body_digest: bytes
    #: Hours for which the key is remembered.
    hours: float


def first_use(tx: Transaction, given: IdempotencyKey, *, path: str, batch_id: UUID) -> UUID | None:
    """Return the batch that was accepted under this key before, or None and note that *batch_id* is accepted now.

    The key is held until the transaction ends, and is used up only if it commits. Raises Conflict when another
    request holds it, or when it was used with another body.
    """
    scope = {"path": path, "key": given.key}
    (lock,) = tx.execute(QUERIES["hold_key"], scope)
    if not lock["held"]:
        raise Conflict(STILL_RUNNING)
    first = tx.execute(QUERIES["find_first_use"], {**scope, "seconds": given.hours * 3600}).fetchone()
    if first is None:
        use = {**scope, "body_digest": given.body_digest, "batch_id": batch_id}
        tx.execute(QUERIES["note_use"], use)
        return None
    if first["body_digest"] != given.body_digest:
        raise Conflict(OTHER_BODY)
    found: UUID = first["batch_id"]
    return found
