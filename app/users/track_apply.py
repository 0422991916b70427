"""Apply the entries of `/users/track` to a profile: set attributes and update summaries of the history. Pure.

A summary holds counts, first and last times, which can be computed again from the history. Times are start times, so a
session counts by its start.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from app.merging.changes import canonical_time
from app.profiles.history import CAMPAIGN_TIMES, CANVAS_TIMES
from app.profiles.push_tokens import push_token_key
from app.users.attributes import add_device, apply_attributes
from app.users.consent import SharedConsent
from app.users.draft import Draft, extend_range, set_latest
from app.users.revenue import EntryRefused, check_revenue
from schemas.attributes import Attributes
from schemas.history import Engagement, Event, Purchase, Session
from schemas.identifiers import DeviceId
from schemas.track import Entry

#: Attributes with the time of something that happened. `marked_for_deletion_at` may be the time of a plan, and no merge
#: passes it on.
RECORDED_TIMES = ("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedEntries:
    """The entries that had no effect or only a part of it."""

    #: Index of a refused entry → the reason.
    refused: Mapping[int, str]
    #: Index of an entry, and the reason why a part of it was ignored.
    ignored: Sequence[tuple[int, str]]


def apply_assigned(
    assigned: Sequence[tuple[Draft, Entry]], *, at: datetime, array_cap: int, consent: SharedConsent
) -> AppliedEntries:
    """Apply entries to the drafts of their profiles, in order, at the time *at*.

    *array_cap* is the number of elements that an array custom attribute keeps. The states that an entry sets also reach
    the other drafts of *consent*.
    """
    refused: dict[int, str] = {}
    ignored: list[tuple[int, str]] = []
    for index, (draft, entry) in enumerate(assigned):
        try:
            reasons = _apply_entry(draft, entry, at, array_cap=array_cap, consent=consent)
            ignored += [(index, reason) for reason in reasons]
            if isinstance(entry.target, DeviceId):
                # Last, because the attribute `devices` may be null, which removes all.
                add_device(draft, {"device_id": entry.target.value})
        except EntryRefused as reason:
            refused[index] = str(reason)
    return AppliedEntries(refused=refused, ignored=ignored)


def device_ids(entry: Entry) -> Sequence[str]:
    """Return the ids of the devices that *entry* adds to its profile."""
    match entry:
        case Attributes():
            devices = entry.standard.get("devices") or ()
        case Session() if entry.device is not None:
            devices = (entry.device,)
        case _:
            devices = ()
    return [device["device_id"] for device in devices]


def push_token_keys(entry: Entry) -> Sequence[str]:
    """Return the keys of the push tokens that *entry* reports."""
    tokens = entry.standard.get("push_tokens") or () if isinstance(entry, Attributes) else ()
    return [push_token_key(token["app_id"], token["token"]) for token in tokens]


def clamp_to_now(entry: Entry, *, now: datetime) -> Entry:
    """Return *entry* with *now*, in whole milliseconds, instead of a time in the future."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    match entry:
        case Attributes():
            late = [name for name in RECORDED_TIMES if (entry.standard.get(name) or now) > now]
            return dataclasses.replace(entry, standard={**entry.standard, **dict.fromkeys(late, now)})
        case Session():
            ended_at = entry.ended_at and min(entry.ended_at, now)
            return dataclasses.replace(entry, time=min(entry.time, now), ended_at=ended_at)
        case _:
            return dataclasses.replace(entry, time=min(entry.time, now))


def _apply_entry(draft: Draft, entry: Entry, now: datetime, *, array_cap: int, consent: SharedConsent) -> list[str]:
    """Apply *entry* to *draft*; return the reasons of ignored parts. Raises EntryRefused."""
    match entry:
        case Attributes():
            return apply_attributes(draft, entry, now, array_cap=array_cap, consent=consent)
        case Event():
            _add_to_count(draft, "custom_events", entry.name, entry.time, 1)
        case Purchase():
            _apply_purchase(draft, entry)
        case Session():
            _apply_session(draft, entry)
        case Engagement():
            _apply_engagement(draft, entry)
        case _ as never:
            assert_never(never)
    return []


def _add_to_count(draft: Draft, field: str, key: str, moment: datetime, times: int) -> None:
    """Add *times* to the count of entry *key* in the summary *field*, at *moment*."""
    entry = draft.writable_entry(field, key)
    entry["count"] = entry.get("count", 0) + times
    extend_range(entry, "first", "last", canonical_time(moment))


def _apply_purchase(draft: Draft, purchase: Purchase) -> None:
    """Count *purchase* by its quantity. A refund, with a negative price, counts too and lowers the revenue."""
    check_revenue(draft["revenue_cents"], purchase)
    _add_to_count(draft, "purchases", purchase.product_id, purchase.time, purchase.quantity)
    draft.add("purchase_count", purchase.quantity)
    draft.add("revenue_cents", purchase.revenue_cents)
    draft.extend("first_purchase_at", "last_purchase_at", purchase.time)


def _apply_session(draft: Draft, session: Session) -> None:
    """Count *session* for the profile and for its app, and add its device."""
    draft.add("session_count", 1)
    draft.extend("first_session_at", "last_session_at", session.time)
    app = draft.writable_entry("apps", session.app_id)
    app.update(session.app)
    app["sessions"] = app.get("sessions", 0) + 1
    extend_range(app, "first_used", "last_used", canonical_time(session.time))
    if session.device is not None:
        add_device(draft, session.device)


def _apply_engagement(draft: Draft, engagement: Engagement) -> None:
    """Record *engagement* in the summary of its campaign or canvas, and its time in `last_interactions`."""
    moment = canonical_time(engagement.time)
    is_canvas = engagement.kind == "canvas"
    summary = draft.writable_entry("canvases_received" if is_canvas else "campaigns_received", engagement.message_id)
    summary.update(engagement.details)
    if engagement.name is not None:
        summary["name"] = engagement.name
    times = CANVAS_TIMES if is_canvas else CAMPAIGN_TIMES
    if engagement.event in times:
        set_latest(summary, times[engagement.event], moment)
    elif engagement.event == "converted":
        summary["converted"] = True
    else:
        summary["engaged"] = {**summary.get("engaged", {}), engagement.event: True}
    if is_canvas and engagement.step_id is not None and engagement.event == "received":
        summary["steps_received"] = _with_step(summary.get("steps_received", {}), engagement, moment)
    set_latest(draft.writable("last_interactions"), f"last_{engagement.event}_at", moment)


def _with_step(steps: dict[str, dict[str, str]], engagement: Engagement, moment: str) -> dict[str, dict[str, str]]:
    """Return *steps* with the canvas step that the profile received by *engagement* at *moment*."""
    step_id = engagement.step_id or ""
    step = dict(steps.get(step_id, {}))
    set_latest(step, "last_received", moment)
    if engagement.step_name is not None:
        step["name"] = engagement.step_name
    return {**steps, step_id: step}
