"""What history remembers: firsts, lasts, and whether something happened, under the origins that stay with a profile."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.changes import canonical_time
from app.merging.profile import Profile
from app.profiles.history import CANVAS_TIMES
from app.undo.rules import Question

QUERIES = load_queries("app.undo", "history_lookup.sql")

#: Summaries that are asked by key alone, each with the query that does.
COUNTED = {"custom_events": "recall_events", "purchases": "recall_purchases", "apps": "recall_sessions"}
#: Summaries of messages, each with the kind of engagement that it sums up.
MESSAGES = {"campaigns_received": "campaign", "canvases_received": "canvas"}
#: Part of an entry → the event whose last time it holds.
EVENTS = {"last_received": "received", **{part: event for event, part in CANVAS_TIMES.items()}}
#: Canonical times leave out what is below a millisecond.
BELOW = timedelta(microseconds=999)

Row = dict[str, Any]


def recollect(
    tx: Transaction,
    *,
    origins: Sequence[int],
    profile: Profile,
    questions: Sequence[Question],
) -> dict[Question, Any]:
    """Return the answers to *questions* about *profile*, from the history under *origins*.

    A question for a time is answered with canonical text, one for whether something happened with True. What never
    happened, or is in no history, has no answer. Costs one index probe for each question and origin, and for a last
    interaction one more for each message that the profile has had.
    """
    asked: dict[str, list[Row]] = {}
    for place, question in enumerate(questions):
        for query, row in _asked(question, profile):
            asked.setdefault(query, []).append({"place": place, **_between(question), **row})
    answers: dict[Question, Any] = {}
    for query, rows in asked.items():
        parameters = {"origin_ids": list(origins), "asked": Jsonb(rows)}
        for row in tx.execute(QUERIES[query], parameters):
            question = questions[row["place"]]
            answers[question] = _answer(question, row)
    return answers


def _asked(question: Question, profile: Profile) -> Iterator[tuple[str, Row]]:
    """Yield the queries that *question* comes to, each with what it asks for; none for what has no history."""
    match question.path:
        case (summary, key, *_) if summary in COUNTED:
            yield COUNTED[summary], {"key": key}
        case (summary, key, *rest) if summary in MESSAGES:
            yield "recall_engagements", {"kind": MESSAGES[summary], "key": key, **_event(rest)}
        case ("last_interactions", name):
            event = name.removeprefix("last_").removesuffix("_at")
            for summary, kind in MESSAGES.items():
                for key in getattr(profile, summary):
                    yield "recall_engagements", {"kind": kind, "key": key, "event": event}


def _event(rest: Sequence[str]) -> Row:
    """Return which event, and which step, the part at *rest* of a message's entry tells of."""
    match rest:
        case ["engaged", event]:
            return {"event": event}
        case ["steps_received", step, _]:
            return {"event": "received", "step": step}
        case _:
            return {"event": EVENTS.get(rest[0], rest[0])}


def _between(question: Question) -> Row:
    """Return the times between which the answer to *question* lies, and whether the last of them is asked for."""
    if question.theirs is None:
        return {"newest": True, "since": "-infinity", "until": "infinity"}
    if _wants_first(question):
        return {"newest": False, "since": question.theirs, "until": question.ours or "infinity"}
    until = datetime.fromisoformat(question.theirs) + BELOW
    return {"newest": True, "since": question.ours or "-infinity", "until": until}


def _answer(question: Question, row: Mapping[str, Any]) -> Any:
    """Return the answer that *row* holds."""
    if question.theirs is None:
        return True
    return canonical_time(row["first"] if _wants_first(question) else row["last"])


def _wants_first(question: Question) -> bool:
    """Return whether *question* is for a first time."""
    return question.path[-1].startswith("first")
