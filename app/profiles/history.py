"""History: events, purchases, sessions and engagements, recorded for ever under the profile they happened to."""

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.attributes import Attributes
from schemas.history import Engagement, Event, Purchase, Session
from schemas.track import Entry

QUERIES = load_queries("app.profiles", "history.sql")

Row = Mapping[str, Any]


def record(tx: Transaction, *, happened: Iterable[tuple[int, Entry]]) -> None:
    """Record what *happened*: each entry under the id of the profile it happened to. Attributes are no history."""
    rows: dict[str, list[Row]] = {}
    for origin_id, entry in happened:
        if not isinstance(entry, Attributes):
            query, row = _row(entry)
            rows.setdefault(query, []).append({"origin_id": origin_id, **row})
    for query, of_kind in rows.items():
        tx.execute(QUERIES[query], {"rows": Jsonb(of_kind)})


def _row(entry: Event | Purchase | Session | Engagement) -> tuple[str, Row]:
    """Return the query that records *entry*, and its row."""
    match entry:
        case Event():
            return "record_events", _columns(entry, "name", "app_id", "properties", occurred_at="time")
        case Purchase():
            names = ("product_id", "currency", "price_cents", "quantity", "app_id", "properties")
            return "record_purchases", _columns(entry, *names, occurred_at="time")
        case Session():
            return "record_sessions", _columns(entry, "app_id", "ended_at", started_at="time")
        case Engagement():
            return "record_engagements", _engagement(entry)
        case _ as never:
            assert_never(never)


def _engagement(engagement: Engagement) -> Row:
    """Return the row of *engagement*; the step of a canvas stands among its properties."""
    step = {"step_id": engagement.step_id, "step_name": engagement.step_name}
    properties = {**(engagement.properties or {}), **{key: value for key, value in step.items() if value is not None}}
    row = _columns(engagement, "kind", "message_id", "event", "name", occurred_at="time")
    return {**row, "properties": properties or None}


def _columns(entry: Entry, *same: str, **renamed: str) -> Row:
    """Return the fields of *entry* as columns: those of the same name, and those renamed (column=field)."""
    fields = {**{name: name for name in same}, **renamed}
    return {column: getattr(entry, field) for column, field in fields.items()}
