"""The import of whole profiles by `POST /profiles/import`, compared with the same people by `/users/track`, in turn.

All write to one database, with the same number of clients. `/users/track` cannot set a summary, so it gets two events,
purchases, sessions or engagements for each summary, which lead to the same values. It is also measured with attributes
only, which leaves the summaries empty.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from time import perf_counter
from typing import Any

import orjson

from bench.client import ApiConnection, import_lines
from bench.contenders import Mergelane, running
from bench.errors import BenchError
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.usage import memory
from bench.world import World

Json = dict[str, Any]

#: Profiles of one round at scale 1, and profiles before the first round that are not measured.
TRACKED, IMPORTED, WARM = 6_000, 40_000, 1_000
ROUNDS = 3
#: Clients at once. A web process runs two imports of a workspace.
CLIENTS = 2
#: People of a request to `/users/track`, which accepts 75 objects of each kind: with six events each, and without.
PEOPLE, PEOPLE_WITHOUT_EVENTS = 12, 75
EVENTS, PRODUCTS = ("login", "search", "share"), ("hat", "coat")
ENDS = ("2026-05-01T12:00:00.000Z", "2026-06-01T12:00:00.000Z")
PRICE = 9.99
#: No two people have one phone number.
NUMBERS = count()


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both ways in turn."""
    database = ground.copy(ground.empty)
    product = Mergelane(ground, World(database, 0), database)
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    with running(product):
        web = product.start_web()
        for nth, (post, _) in enumerate(WAYS.values()):
            post(product.port, _people(f"warm-{nth}", sizes.of(WARM)))
        for number in range(sizes.rounds(ROUNDS)):
            for nth, (name, (post, full)) in enumerate(WAYS.items()):
                ground.checkpoint()
                rates[name].append(post(product.port, _people(f"{number}-{nth}", sizes.of(full))))
                log(f"{name}: {rates[name][-1]:,.0f} profiles/s")
        held = memory([web])
    return {
        "profiles_per_s": {name: Spread.of(measured).to_json() for name, measured in rates.items()},
        "ratio": Ratio.of(rates["import"], rates["track"]).to_json(),
        "ratio_to_attributes": Ratio.of(rates["import"], rates["track, attributes alone"]).to_json(),
        "memory": {name: used.to_json() for name, used in held.items()},
    }


def _track(port: int, people: Sequence[Json]) -> float:
    """Create *people* with their events by `/users/track`; return the profiles per second."""
    return _post_tracked(port, people, [_tracked(each) for each in _grouped(people, PEOPLE)])


def _track_attributes(port: int, people: Sequence[Json]) -> float:
    """Create *people* without events by `/users/track`; return the profiles per second."""
    bodies = [{"attributes": list(map(_attributes, each))} for each in _grouped(people, PEOPLE_WITHOUT_EVENTS)]
    return _post_tracked(port, people, bodies)


def _post_tracked(port: int, people: Sequence[Json], bodies: Sequence[Json]) -> float:
    def post(share: Sequence[bytes]) -> int:
        with closing(ApiConnection(port)) as api:
            return sum(api.track(body)["attributes_processed"] for body in share)

    encoded = list(map(orjson.dumps, bodies))
    return _rate(post, [encoded[start::CLIENTS] for start in range(CLIENTS)], people)


def _import(port: int, people: Sequence[Json]) -> float:
    """Create *people* by `POST /profiles/import`, in a stream for each client; return the profiles per second."""
    lines = [orjson.dumps({**person, **_summaries()}) for person in people]

    def post(body: bytes) -> int:
        return import_lines(port, body).count(b'"result":"created"')

    bodies = [b"\n".join(lines[start::CLIENTS]) for start in range(CLIENTS)]
    return _rate(post, bodies, people)


def _rate(post: Callable[[Any], int], bodies: Sequence[Any], people: Sequence[Json]) -> float:
    began = perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        created = sum(threads.map(post, bodies))
    took = perf_counter() - began
    if created != len(people):
        raise BenchError(f"{created:,} of {len(people):,} profiles were created.")
    return created / took


def _people(prefix: str, number: int) -> list[Json]:
    """Return whole profiles without summaries."""
    return [_person(f"{prefix}-{nth}", nth) for nth in range(number)]


def _person(name: str, nth: int) -> Json:
    return {
        "external_id": name,
        "first_name": f"First{nth}",
        "last_name": f"Last{nth}",
        "email": f"{name}@example.com",
        "phone": f"+49151{next(NUMBERS):08}",
        "dob": "1990-04-12",
        "gender": "F",
        "country": "DE",
        "language": "de",
        "home_city": "Berlin",
        "time_zone": "Europe/Berlin",
        "custom_attributes": {"plan": "gold", "score": nth, "vip": nth % 2 == 0, "tags": ["a", "b"], "since": ENDS[0]},
        "devices": [{"device_id": f"d-{name}", "model": "m", "os": "o"}],
        "push_tokens": [{"app": "app", "token": f"t-{name}", "device_id": f"d-{name}", "platform": "ios"}],
        "email_subscribe": "opted_in",
        "subscription_groups": [{"subscription_group_id": "news", "subscription_state": "subscribed"}],
    }


def _grouped(people: Sequence[Json], size: int) -> list[Sequence[Json]]:
    return [people[start : start + size] for start in range(0, len(people), size)]


def _attributes(person: Json) -> Json:
    """Return the object of `/users/track` that sets the attributes of *person*."""
    (token,) = person["push_tokens"]
    renamed = {"app_id": token["app"], **{name: value for name, value in token.items() if name != "app"}}
    own = {name: value for name, value in person.items() if name != "custom_attributes"}
    return {**own, **person["custom_attributes"], "push_tokens": [renamed]}


def _tracked(people: Sequence[Json]) -> Json:
    """Return the request to `/users/track` that creates *people* with the summaries of `_summaries`."""
    whos = [{"external_id": person["external_id"]} for person in people]
    sale = {"kind": "campaign", "id": "sale", "name": "Sale", "time": ENDS[-1]}
    app = {"app_id": "app", "app_name": "App"}
    bought = {"currency": "USD", "price": PRICE}
    return {
        "attributes": list(map(_attributes, people)),
        "events": [{**who, "name": name, "time": time} for who in whos for name in EVENTS for time in ENDS],
        "purchases": [
            {**who, "product_id": name, **bought, "time": time} for who in whos for name in PRODUCTS for time in ENDS
        ],
        "sessions": [{**who, **app, "started_at": time} for who in whos for time in ENDS],
        "engagements": [{**who, **sale, "event": event} for who in whos for event in ("received", "opened_email")],
    }


def _summaries() -> Json:
    """Return the summaries of two of each event, purchase and session, and of a campaign."""
    first, last = ENDS

    def counted(names: Sequence[str]) -> list[Json]:
        return [{"name": name, "count": len(ENDS), "first": first, "last": last} for name in names]

    received = {"name": "Sale", "api_campaign_id": "sale", "last_received": last, "engaged": {"opened_email": True}}
    app = {"name": "App", "app_id": "app", "sessions": len(ENDS), "first_used": first, "last_used": last}
    bought = len(PRODUCTS) * len(ENDS)
    return {
        "custom_events": counted(EVENTS),
        "purchases": counted(PRODUCTS),
        "total_revenue": round(bought * PRICE, 2),
        "purchase_count": bought,
        "apps": [app],
        "session_count": len(ENDS),
        "campaigns_received": [received],
    }


#: Name in the results → the function that creates the profiles, and their number at scale 1.
WAYS: Mapping[str, tuple[Callable[[int, Sequence[Json]], float], int]] = {
    "track": (_track, TRACKED),
    "track, attributes alone": (_track_attributes, TRACKED),
    "import": (_import, IMPORTED),
}
