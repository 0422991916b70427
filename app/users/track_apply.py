"""What `/users/track` does to a profile: attributes set, and summaries kept in step with the history. Pure.

The single events stand in the history; a summary is what can be made again from it: counts, firsts and lasts. Times in
summaries are when something began, so a session counts by its start.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from app.merging.changes import canonical_time
from app.merging.profile import Profile
from app.users.attributes import add_device, apply_attributes
from app.users.draft import Draft, later, widen
from app.users.revenue import Refused, check_revenue
from schemas.attributes import Attributes
from schemas.history import Engagement, Event, Purchase, Session
from schemas.track import Entry

#: Where a canvas keeps the last time of these events; a campaign keeps that of the first alone.
CANVAS_TIMES = {"received": "last_received_message", "entered": "last_entered", "exited": "last_exited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A profile after what happened to it, and what is to be told of that."""

    profile: Profile
    #: Why entries were refused, by their index.
    refused: Mapping[int, str]
    #: Index of an entry, and why a part of it was ignored.
    ignored: Sequence[tuple[int, str]]


def track(profile: Profile, entries: Sequence[Entry], *, at: datetime, array_cap: int) -> Tracked:
    """Return *profile* after *entries*, in order, at the time *at*; the argument does not change.

    *array_cap* is the number of elements that an array among the custom attributes keeps.
    """
    draft = Draft(profile)
    refused: dict[int, str] = {}
    ignored: list[tuple[int, str]] = []
    for index, entry in enumerate(entries):
        try:
            ignored += [(index, reason) for reason in _apply(draft, entry, at, array_cap=array_cap)]
        except Refused as reason:
            refused[index] = str(reason)
    return Tracked(profile=draft.finish(at), refused=refused, ignored=ignored)


def not_in_future(entry: Entry, *, now: datetime) -> Entry:
    """Return *entry* with a time in the future taken as *now*, in whole milliseconds."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    match entry:
        case Attributes():
            return entry
        case Session():
            ended_at = entry.ended_at and min(entry.ended_at, now)
            return dataclasses.replace(entry, time=min(entry.time, now), ended_at=ended_at)
        case _:
            return dataclasses.replace(entry, time=min(entry.time, now))


def _apply(draft: Draft, entry: Entry, now: datetime, *, array_cap: int) -> list[str]:
    """Apply one *entry* to *draft*, and return what to tell of parts that were ignored. Raises Refused."""
    match entry:
        case Attributes():
            return apply_attributes(draft, entry, now, array_cap=array_cap)
        case Event():
            _count(draft, "custom_events", entry.name, entry.time, 1)
        case Purchase():
            _purchase(draft, entry)
        case Session():
            _session(draft, entry)
        case Engagement():
            _engage(draft, entry)
        case _ as never:
            assert_never(never)
    return []


def _count(draft: Draft, field: str, key: str, moment: datetime, times: int) -> None:
    """Count *times* happenings at *moment* in the entry *key* of the summary *field*."""
    entry = draft.entry(field, key)
    entry["count"] = entry.get("count", 0) + times
    widen(entry, "first", "last", canonical_time(moment))


def _purchase(draft: Draft, purchase: Purchase) -> None:
    """Count a purchase, as many times as its quantity says; a refund takes money away and counts all the same."""
    check_revenue(draft["revenue_cents"], purchase)
    _count(draft, "purchases", purchase.product_id, purchase.time, purchase.quantity)
    draft.add("purchase_count", purchase.quantity)
    draft.add("revenue_cents", purchase.price_cents * purchase.quantity)
    draft.span("first_purchase_at", "last_purchase_at", purchase.time)


def _session(draft: Draft, session: Session) -> None:
    """Count a session, for the profile and for its app, and note the device."""
    draft.add("session_count", 1)
    draft.span("first_session_at", "last_session_at", session.time)
    app = draft.entry("apps", session.app_id)
    app.update(session.app)
    app["sessions"] = app.get("sessions", 0) + 1
    widen(app, "first_used", "last_used", canonical_time(session.time))
    if session.device is not None:
        add_device(draft, session.device)


def _engage(draft: Draft, engagement: Engagement) -> None:
    """Note an engagement with its campaign or canvas, and when such a thing last happened with any."""
    moment = canonical_time(engagement.time)
    is_canvas = engagement.kind == "canvas"
    summary = draft.entry("canvases_received" if is_canvas else "campaigns_received", engagement.message_id)
    summary.update(engagement.details)
    if engagement.name is not None:
        summary["name"] = engagement.name
    times = CANVAS_TIMES if is_canvas else {"received": "last_received"}
    if engagement.event in times:
        later(summary, times[engagement.event], moment)
    elif engagement.event == "converted":
        summary["converted"] = True
    else:
        summary["engaged"] = {**summary.get("engaged", {}), engagement.event: True}
    if is_canvas and engagement.step_id is not None and engagement.event == "received":
        summary["steps_received"] = _with_step(summary.get("steps_received", {}), engagement, moment)
    later(draft.own("last_interactions"), f"last_{engagement.event}_at", moment)


def _with_step(steps: dict[str, dict[str, str]], engagement: Engagement, moment: str) -> dict[str, dict[str, str]]:
    """Return *steps* with the canvas step that *engagement* received at *moment*."""
    step_id = engagement.step_id or ""
    step = dict(steps.get(step_id, {}))
    later(step, "last_received", moment)
    if engagement.step_name is not None:
        step["name"] = engagement.step_name
    return {**steps, step_id: step}
