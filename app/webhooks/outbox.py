"""The outbox of the sender: events become deliveries, one for each webhook of their type."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.base import Instant
from schemas.webhooks import EventType

QUERIES = load_queries("app.webhooks", "outbox.sql")
INSTANT = Instant()


def lock_webhooks_of_type(tx: Transaction, *, event: EventType) -> list[UUID]:
    """Return the enabled webhooks of a type, locked against deletion."""
    return [row["id"] for row in tx.execute(QUERIES["lock_webhooks_of_type"], {"type": event})]


def format_event(event: EventType, at: datetime | None, data: Mapping[str, Any]) -> str:
    """Return the JSON text of an *event* that happened *at* that time."""
    moment = INSTANT.serialize("at", {"at": at}, accessor=lambda each, *_: each["at"])
    return orjson.dumps({"type": event, "timestamp": moment, "data": data}).decode()


def delivery_rows(
    webhook_ids: Iterable[UUID], *, event: EventType, body: str, batch_id: UUID | None = None
) -> list[Mapping[str, Any]]:
    """Return the rows of new deliveries of *body*, one for each webhook."""
    return [
        {
            "id": str(new_id()),
            "webhook_id": str(webhook_id),
            "type": event,
            "batch_id": None if batch_id is None else str(batch_id),
            "body": body,
        }
        for webhook_id in webhook_ids
    ]


def insert_deliveries(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows* of `delivery_rows`."""
    tx.execute(QUERIES["insert_deliveries"], {"rows": Jsonb(rows)})
