"""Look up first times, last times and marks in the history that stays with a survivor."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.changes import canonical_time
from app.merging.profile import Profile
from app.profiles.history import CANVAS_TIMES
from app.undo.rules import HistoryQuery

QUERIES = load_queries("app.undo", "history_lookup.sql")

#: Summary whose entries have a key and nothing else to look up by → its SQL query.
SQL_BY_SUMMARY = {"custom_events": "find_events", "purchases": "find_purchases", "apps": "find_sessions"}
#: Summary of messages → the kind of its engagements.
ENGAGEMENT_KINDS = {"campaigns_received": "campaign", "canvases_received": "canvas"}
#: Part of an entry → the event whose last time it has.
EVENTS = {"last_received": "received", **{part: event for event, part in CANVAS_TIMES.items()}}
#: Canonical times have milliseconds, the history has microseconds.
BELOW_A_MILLISECOND = timedelta(microseconds=999)

Row = dict[str, Any]


def lookup_history(
    tx: Transaction,
    *,
    origins: Sequence[int],
    profile: Profile,
    queries: Sequence[HistoryQuery],
) -> dict[HistoryQuery, Any]:
    """Return the answers to *queries* about *profile* from the history under *origins*.

    An answer is a time as canonical text, or True in a query for whether it happened. Queries without a match have no
    answer. Costs one index probe per query and origin, and for a last interaction one per message of the profile.
    """
    rows_by_sql: dict[str, list[Row]] = {}
    for place, query in enumerate(queries):
        for name, row in _sql_queries(query, profile):
            rows_by_sql.setdefault(name, []).append({"place": place, **_bounds(query), **row})
    answers: dict[HistoryQuery, Any] = {}
    for name, rows in rows_by_sql.items():
        parameters = {"origin_ids": list(origins), "lookups": Jsonb(rows)}
        for row in tx.execute(QUERIES[name], parameters):
            query = queries[row["place"]]
            answers[query] = _answer(query, row)
    return answers


def _sql_queries(query: HistoryQuery, profile: Profile) -> Iterator[tuple[str, Row]]:
    """Yield the SQL queries for *query*, each with its parameters; none for a part without a history."""
    match query.path:
        case (summary, key, *_) if summary in SQL_BY_SUMMARY:
            yield SQL_BY_SUMMARY[summary], {"key": key}
        case (summary, key, *rest) if summary in ENGAGEMENT_KINDS:
            yield "find_engagements", {"kind": ENGAGEMENT_KINDS[summary], "key": key, **_event(rest)}
        case ("last_interactions", name):
            event = name.removeprefix("last_").removesuffix("_at")
            for summary, kind in ENGAGEMENT_KINDS.items():
                for key in getattr(profile, summary):
                    yield "find_engagements", {"kind": kind, "key": key, "event": event}


def _event(rest: Sequence[str]) -> Row:
    """Return the event, and the canvas step if there is one, of the part at *rest* of a message's entry."""
    match rest:
        case ["engaged", event]:
            return {"event": event}
        case ["steps_received", step, _]:
            return {"event": "received", "step": step}
        case _:
            return {"event": EVENTS.get(rest[0], rest[0])}


def _bounds(query: HistoryQuery) -> Row:
    """Return the times that bound the answer to *query*, and whether the newest match answers it."""
    if query.theirs is None:
        return {"newest": True, "since": "-infinity", "until": "infinity"}
    if _is_for_first_time(query):
        return {"newest": False, "since": query.theirs, "until": query.ours or "infinity"}
    until = datetime.fromisoformat(query.theirs) + BELOW_A_MILLISECOND
    return {"newest": True, "since": query.ours or "-infinity", "until": until}


def _answer(query: HistoryQuery, row: Mapping[str, Any]) -> Any:
    if query.theirs is None:
        return True
    return canonical_time(row["first"] if _is_for_first_time(query) else row["last"])


def _is_for_first_time(query: HistoryQuery) -> bool:
    return query.path[-1].startswith("first")
