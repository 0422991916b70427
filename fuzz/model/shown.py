"""The expected export of a person, computed from their whole activity."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fuzz.model.consent import shown_consent
from fuzz.model.people import Happening, Json, Person

#: Replaces the time of an action of the product, which the model cannot know.
SOMETIME = "sometime"
#: Times that the model cannot know: it knows only whether they exist.
MOMENTS = ("email_opted_in_at", "email_unsubscribed_at", "push_opted_in_at")
#: Times that belong to a state. The model knows only the current state.
OF_STATES = {"email_opted_in_at": "opted_in", "email_unsubscribed_at": "unsubscribed"}
#: Members that the product chooses once.
CHOSEN = ("braze_id", "appboy_id", "created_at", "random_bucket")
#: Engagement with a canvas → the member with its last time.
CANVAS_TIMES = {"received": "last_received_message", "entered": "last_entered", "exited": "last_exited"}


def comparable(user: Json) -> Json:
    """Return a *user* of an export without the values that the model cannot know."""
    hidden = {*CHOSEN, "updated_at"}
    hidden |= {name for name, state in OF_STATES.items() if user["email_subscribe"] != state}
    return {name: SOMETIME if name in MOMENTS else value for name, value in user.items() if name not in hidden}


def shown(person: Person) -> Json:
    """Return the expected export of *person* without the values that the model cannot know."""
    summary = {
        "external_id": person.external_id,
        **{name: value for name, value in person.facts.items() if name != "current_location"},
        "last_coordinates": _coordinates(person.facts.get("current_location")),
        "email_encrypted": person.email_encrypted or None,
        "custom_attributes": person.custom,
        "devices": [person.devices[each] for each in sorted(person.devices)],
        "push_tokens": [{"app": app, "token": token} for app, token in sorted(person.tokens)],
        "marked_for_deletion_at": person.marked_at,
        **_push(person),
        **shown_consent(person.consent, SOMETIME),
        **_sums(person.did),
    }
    always = {
        "user_aliases": [{"alias_name": name, "alias_label": label} for label, name in sorted(person.aliases.items())],
        "test_user": person.test_user,
        "control_group": person.control_group,
    }
    return {name: value for name, value in summary.items() if value not in (None, [], {})} | always


def _coordinates(location: Json | None) -> list[float] | None:
    """Return a location as longitude and latitude."""
    return None if location is None else [location["longitude"], location["latitude"]]


def _push(person: Person) -> Json:
    """Return the push state, and whether there ever was an opt-in."""
    state, begun = person.push or ("subscribed", frozenset())
    return {"push_subscribe": state, "push_opted_in_at": SOMETIME if "opted_in" in begun else None}


def _sums(did: Iterable[Happening]) -> Json:
    """Return all sums of an export."""
    of: dict[str, list[Happening]] = defaultdict(list)
    for each in did:
        of[each.kind].append(each)
    bought, used = of["purchase"], of["session"]
    return {
        "custom_events": _by_name(of["event"]),
        "purchases": _by_name(bought),
        "total_revenue": sum(each.cents for each in bought) / 100,
        "purchase_count": sum(each.quantity for each in bought),
        "first_purchase": min((each.at for each in bought), default=None),
        "last_purchase": max((each.at for each in bought), default=None),
        "session_count": len(used),
        "first_session": min((each.at for each in used), default=None),
        "last_session": max((each.at for each in used), default=None),
        "apps": [
            {"name": app, "app_id": app, "sessions": len(times), "first_used": min(times), "last_used": max(times)}
            for app, times in _times(used)
        ],
        "campaigns_received": [_campaign(*each) for each in _grouped(of["campaign"])],
        "canvases_received": [_canvas(*each) for each in _grouped(of["canvas"])],
        "last_interactions": _last_interactions([*of["campaign"], *of["canvas"]]),
    }


def _grouped(did: Iterable[Happening]) -> list[tuple[str, list[Happening]]]:
    """Return the activity grouped by its object, in order."""
    groups: dict[str, list[Happening]] = defaultdict(list)
    for each in did:
        groups[each.what].append(each)
    return sorted(groups.items())


def _times(did: Iterable[Happening]) -> list[tuple[str, list[str]]]:
    """Return the times of the activity, grouped by its object."""
    return [(what, [each.at for each in group]) for what, group in _grouped(did)]


def _by_name(did: Iterable[Happening]) -> list[Json]:
    """Return count, first and last of each name."""
    return [
        {
            "name": what,
            "count": sum(each.quantity for each in group),
            "first": min(each.at for each in group),
            "last": max(each.at for each in group),
        }
        for what, group in _grouped(did)
    ]


def _engaged(group: Iterable[Happening], times: dict[str, str]) -> Json:
    """Return the export of the engagements with one campaign or canvas; *times* maps events to keys of last times."""
    summary: Json = {}
    for each in group:
        if each.engagement in times:
            name = times[each.engagement]
            summary[name] = max(summary.get(name, each.at), each.at)
        elif each.engagement == "converted":
            summary["converted"] = True
        else:
            summary.setdefault("engaged", {})[each.engagement] = True
    return summary


def _campaign(what: str, group: list[Happening]) -> Json:
    """Return the export of a campaign."""
    return {"name": what, "api_campaign_id": what, **_engaged(group, {"received": "last_received"})}


def _canvas(what: str, group: list[Happening]) -> Json:
    """Return the export of a canvas."""
    return {"name": what, "api_canvas_id": what, **_engaged(group, CANVAS_TIMES)}


def _last_interactions(did: Iterable[Happening]) -> dict[str, Any]:
    """Return the last time of each kind of engagement."""
    last: dict[str, str] = {}
    for each in did:
        name = f"last_{each.engagement}_at"
        last[name] = max(last.get(name, each.at), each.at)
    return last
