"""Deliveries of the changes that a pass of the numbering gave their numbers, in its transaction."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.db.transaction import Transaction
from app.identities.feed import IdentityChange
from app.webhooks.outbox import delivery_rows, format_event, insert_deliveries, lock_webhooks_of_type
from schemas.webhooks import EventType, IdentityChangedSchema

DATA = IdentityChangedSchema()

#: The most changes of one delivery: a body of about 50 kB.
MOST = 100


def create_identity_deliveries(tx: Transaction, changes: Sequence[IdentityChange]) -> None:
    """Create deliveries of *changes*, in their order, for each webhook of their type."""
    if not changes:
        return
    webhook_ids = lock_webhooks_of_type(tx, event=EventType.IDENTITY_CHANGED)
    if not webhook_ids:
        return
    rows: list[Mapping[str, Any]] = []
    for some in _chunks(changes):
        body = format_event(EventType.IDENTITY_CHANGED, some[-1].at, DATA.dump({"changes": some}))
        rows += delivery_rows(webhook_ids, event=EventType.IDENTITY_CHANGED, body=body)
    insert_deliveries(tx, rows)


def _chunks(changes: Sequence[IdentityChange]) -> Iterator[Sequence[IdentityChange]]:
    for start in range(0, len(changes), MOST):
        yield changes[start : start + MOST]
