"""Generates random requests of `/users/track`. They use few names and times, so profiles have much in common."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Json = dict[str, Any]

TIMES = [f"2026-0{month}-0{day}T08:00:00.000Z" for month in range(1, 7) for day in (1, 2)]
APPS = ("shop", "news")
MESSAGES = (("campaign", "c1"), ("campaign", "c2"), ("canvas", "v1"), ("canvas", "v2"))
ENGAGEMENTS = ("received", "opened", "clicked", "converted", "entered", "exited")
#: Attribute → function that returns a random value.
ATTRIBUTES: dict[str, Callable[[Random], Any]] = {
    "first_name": lambda chance: chance.choice(["Ann", "", "Zoë"]),
    "last_name": lambda chance: chance.choice(["Ash", "Oak"]),
    "gender": lambda chance: chance.choice("FMO"),
    "dob": lambda chance: chance.choice(["1980-12-21", "1999-01-01"]),
    "home_city": lambda chance: chance.choice(["Ulm", "Bonn"]),
    "country": lambda chance: chance.choice(["DE", "US"]),
    "language": lambda chance: chance.choice(["de", "en"]),
    "time_zone": lambda chance: chance.choice(["Europe/Berlin", "UTC"]),
    "facebook": lambda chance: {"id": str(chance.randrange(9)), "likes": ["hats"]},
    "current_location": lambda chance: {"longitude": chance.choice([7.5, 8.25]), "latitude": 50.5},
    "test_user": lambda chance: chance.random() < 0.5,
    "email": lambda chance: f"{chance.choice('abc')}@X.org",
    "phone": lambda chance: chance.choice(["+14155550123", "+1 (415) 555-0124"]),
    "email_subscribe": lambda chance: chance.choice(["opted_in", "subscribed", "unsubscribed"]),
    "push_subscribe": lambda chance: chance.choice(["opted_in", "subscribed", "unsubscribed"]),
    "email_open_tracking_disabled": lambda chance: chance.random() < 0.5,
    "marked_email_as_spam_at": lambda chance: chance.choice(TIMES),
    "date_of_first_session": lambda chance: chance.choice(TIMES),
    "date_of_last_session": lambda chance: chance.choice(TIMES),
    "push_tokens": lambda chance: [{"app_id": "shop", "token": f"t{chance.randrange(3)}"}],
    "devices": lambda chance: [{"device_id": f"d{chance.randrange(3)}", "model": "A1"}],
    "subscription_groups": lambda chance: [
        {"subscription_group_id": f"g{chance.randrange(2)}", "subscription_state": chance.choice(["subscribed"])}
    ],
    "plan": lambda chance: chance.choice(["pro", "free", False, 0, ""]),
    "seats": lambda chance: chance.randrange(5),
    "address": lambda chance: {"street": {"name": chance.choice(["Elm", "Ash"])}, "floors": [1, 2]},
    "tags": lambda chance: chance.sample(["a", "b", "c"], 2),
}


def attributes(chance: Random, identifier: Json) -> Json:
    """Return an attributes object that creates the profile of *identifier*."""
    known = [name for name in ATTRIBUTES if chance.random() < 0.4]
    return {**identifier, **{name: ATTRIBUTES[name](chance) for name in known}, "_update_existing_only": False}


def happenings(chance: Random, identifier: Json) -> dict[str, list[Json]]:
    """Return up to three events, purchases, sessions and engagements of the profile with *identifier*."""
    makers = {"events": _event, "purchases": _purchase, "sessions": _session, "engagements": _engagement}
    return {
        array: [{**identifier, "time": chance.choice(TIMES), **make(chance)} for _ in range(chance.randrange(4))]
        for array, make in makers.items()
    }


def together(each: Sequence[dict[str, list[Json]]]) -> dict[str, list[Json]]:
    """Combine the arrays of several people into those of one request."""
    names = ("events", "purchases", "sessions", "engagements")
    return {name: [entry for arrays in each for entry in arrays[name]] for name in names}


def _event(chance: Random) -> Json:
    """Return the fields of an event except its time."""
    return {"name": chance.choice(["login", "logout"])}


def _purchase(chance: Random) -> Json:
    """Return the fields of a purchase except its time; some are refunds."""
    return {
        "product_id": chance.choice(["hat", "mug"]),
        "currency": "USD",
        "price": chance.choice([9.99, 5, -3.5]),
        "quantity": chance.choice([1, 2]),
    }


def _session(chance: Random) -> Json:
    """Return the fields of a session."""
    app = chance.choice(APPS)
    return {"app_id": app, "app_name": app.title(), "started_at": chance.choice(TIMES)}


def _engagement(chance: Random) -> Json:
    """Return the fields of an engagement except its time."""
    kind, message = chance.choice(MESSAGES)
    engagement = {"kind": kind, "id": message, "name": message.title(), "event": chance.choice(ENGAGEMENTS)}
    if kind == "canvas" and engagement["event"] == "received":
        engagement |= {"step_id": chance.choice(["s1", "s2"]), "step_name": "Step"}
    return engagement
