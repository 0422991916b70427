"""Events, purchases, sessions and engagements. Each stays under its origin: the profile that it was recorded for."""

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.attributes import Attributes
from schemas.history import Engagement, Event, Purchase, Session
from schemas.track import Entry

QUERIES = load_queries("app.profiles", "history.sql")

#: Event of a campaign → key of its last time in the summary `campaigns_received`.
CAMPAIGN_TIMES = {"received": "last_received"}
#: Event of a canvas → key of its last time in the summary `canvases_received`.
CANVAS_TIMES = {"received": "last_received_message", "entered": "last_entered", "exited": "last_exited"}

Row = Mapping[str, Any]


def record_history(tx: Transaction, *, entries: Iterable[tuple[int, Entry]]) -> None:
    """Insert *entries*, each beside the id of its profile. Skips attributes, which have no history."""
    rows: dict[str, list[Row]] = {}
    for origin_id, entry in entries:
        if not isinstance(entry, Attributes):
            query, row = _history_row(entry)
            rows.setdefault(query, []).append({"origin_id": origin_id, **row})
    for query, rows_of_kind in rows.items():
        tx.execute(QUERIES[query], {"rows": Jsonb(rows_of_kind)})


def _history_row(entry: Event | Purchase | Session | Engagement) -> tuple[str, Row]:
    """Return the query that records *entry*, and its row."""
    match entry:
        case Event():
            return "record_events", _columns(entry, "name", "app_id", "properties", occurred_at="time")
        case Purchase():
            return "record_purchases", _purchase_row(entry)
        case Session():
            return "record_sessions", _columns(entry, "app_id", "ended_at", started_at="time")
        case Engagement():
            return "record_engagements", _engagement_row(entry)
        case _ as never:
            assert_never(never)


def _purchase_row(purchase: Purchase) -> Row:
    """Return the row of *purchase*, with its revenue distributed over its quantity so that the sum is exact."""
    cents, left = divmod(purchase.revenue_cents, purchase.quantity)
    row = _columns(purchase, "product_id", "currency", "quantity", "app_id", "properties", occurred_at="time")
    return {**row, "price_cents": cents, "one_cent_more": left}


def _engagement_row(engagement: Engagement) -> Row:
    """Return the row of *engagement*, with the canvas step among its properties."""
    step = {"step_id": engagement.step_id, "step_name": engagement.step_name}
    properties = {**(engagement.properties or {}), **{key: value for key, value in step.items() if value is not None}}
    row = _columns(engagement, "kind", "message_id", "event", "name", occurred_at="time")
    return {**row, "properties": properties or None}


def _columns(entry: Entry, *same: str, **renamed: str) -> Row:
    """Return fields of *entry* by column: those of the *same* name, and those *renamed* (column=field)."""
    fields = {**{name: name for name in same}, **renamed}
    return {column: getattr(entry, field) for column, field in fields.items()}
