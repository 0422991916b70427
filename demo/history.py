"""Histories: events, purchases, sessions and message engagements, spread over the last eighty days."""

from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from demo.words import APPS, CAMPAIGNS, CANVASES, COLOURS, EVENTS, MODELS, PRODUCTS

Json: TypeAlias = dict[str, Any]

#: Length of a history in days; exports contain ninety.
REACH_DAYS = 80
#: Events of each kind of message.
MESSAGE_EVENTS = {
    "campaign": ("received", "opened", "clicked", "converted"),
    "canvas": ("entered", "received", "opened"),
}
MESSAGES = {"campaign": CAMPAIGNS, "canvas": CANVASES}


def moment(now: datetime, rng: Random) -> datetime:
    """Return a whole second within the last REACH_DAYS, at least an hour ago."""
    return now.replace(microsecond=0) - timedelta(seconds=rng.randrange(3_600, REACH_DAYS * 86_400))


def as_text(time: datetime) -> str:
    """Return *time*, which is in UTC, as ISO 8601 text."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_events(count: int, now: datetime, rng: Random) -> tuple[Json, ...]:
    """Return *count* custom events, some with properties."""
    return tuple(_event(rng.choice(EVENTS), now, rng) for _ in range(count))


def _event(name: str, now: datetime, rng: Random) -> Json:
    """Return one custom event."""
    event: Json = {"name": name, "time": as_text(moment(now, rng))}
    if name == "viewed_product":
        event["properties"] = {"product": rng.choice(PRODUCTS)[0], "colour": rng.choice(COLOURS)}
    return event


def make_purchases(count: int, now: datetime, rng: Random) -> tuple[Json, ...]:
    """Return *count* purchases in dollars; a quantity of two counts as two."""
    return tuple(_purchase(now, rng) for _ in range(count))


def _purchase(now: datetime, rng: Random) -> Json:
    """Return one purchase."""
    product, price = rng.choice(PRODUCTS)
    return {
        "product_id": product,
        "currency": "USD",
        "price": price,
        "quantity": rng.choice((1, 1, 1, 2)),
        "time": as_text(moment(now, rng)),
        "properties": {"color": rng.choice(COLOURS)},
    }


def make_device(device_id: str, rng: Random) -> Json:
    """Return a device."""
    model, system = rng.choice(MODELS)
    return {"device_id": device_id, "model": model, "os": system}


def make_push_token(device: Json, token: str) -> Json:
    """Return the push token that the app on *device* registered."""
    return {"app_id": APPS[device["os"]], "token": token, "device_id": device["device_id"]}


def make_sessions(count: int, device: Json, now: datetime, rng: Random) -> tuple[Json, ...]:
    """Return *count* sessions of the app on *device*, one to forty minutes long."""
    return tuple(_session(device, now, rng) for _ in range(count))


def _session(device: Json, now: datetime, rng: Random) -> Json:
    """Return one session."""
    started_at = moment(now, rng)
    return {
        "app_id": APPS[device["os"]],
        "started_at": as_text(started_at),
        "ended_at": as_text(started_at + timedelta(seconds=rng.randrange(60, 2_400))),
        "device": device,
    }


def make_engagements(count: int, now: datetime, rng: Random) -> tuple[Json, ...]:
    """Return *count* engagements with campaigns and canvases."""
    return tuple(_engagement(rng.choice(tuple(MESSAGES)), now, rng) for _ in range(count))


def _engagement(kind: str, now: datetime, rng: Random) -> Json:
    """Return one engagement with a message of *kind*."""
    message_id, name = rng.choice(MESSAGES[kind])
    return {
        "kind": kind,
        "id": message_id,
        "name": name,
        "event": rng.choice(MESSAGE_EVENTS[kind]),
        "time": as_text(moment(now, rng)),
    }
