"""The import of whole profiles by `POST /profiles/import`, against the same people by `/users/track`, in turn.

Both write to one database, with the same number of clients. The lines of the import also have summaries of events,
purchases, apps and campaigns, which no attribute of `/users/track` can set.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import perf_counter
from typing import Any

import orjson

from bench.client import Door, import_lines
from bench.contenders import Mergelane, running
from bench.errors import BenchError
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.usage import memory
from bench.world import World

Json = dict[str, Any]

#: Profiles of one round at scale 1, and profiles before the first round that are not measured.
TRACKED, IMPORTED, WARM = 10_000, 50_000, 1_000
ROUNDS = 3
#: Clients at once. A web process runs two imports of a workspace.
CLIENTS = 2
#: Objects of a request to `/users/track`: the most that it takes.
OBJECTS = 75
NOON, LATER = "2026-05-01T12:00:00.000Z", "2026-06-01T12:00:00.000Z"


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both ways in turn."""
    database = ground.copy(ground.empty)
    product = Mergelane(ground, World(database, 0), database)
    tracked: list[float] = []
    imported: list[float] = []
    with running(product):
        web = product.start_web()
        _track(product.port, _people("warm-track", sizes.of(WARM)))
        _import(product.port, _people("warm-import", sizes.of(WARM)))
        for number in range(sizes.rounds(ROUNDS)):
            tracked.append(_track(product.port, _people(f"track-{number}", sizes.of(TRACKED))))
            ground.checkpoint()
            imported.append(_import(product.port, _people(f"import-{number}", sizes.of(IMPORTED))))
            ground.checkpoint()
            log(f"track: {tracked[-1]:,.0f} profiles/s; import: {imported[-1]:,.0f} profiles/s")
        held = memory([web])
    return {
        "profiles_per_s": {"track": Spread.of(tracked).to_json(), "import": Spread.of(imported).to_json()},
        "ratio": Ratio.of(imported, tracked).to_json(),
        "web": {name: told.to_json() for name, told in held.items()},
    }


def _track(port: int, people: Sequence[Json]) -> float:
    """Create *people* by `/users/track`; return the profiles per second."""
    objects = [_tracked(person) for person in people]
    bodies = [orjson.dumps({"attributes": objects[n : n + OBJECTS]}) for n in range(0, len(objects), OBJECTS)]

    def post(share: Sequence[bytes]) -> int:
        with closing(Door(port)) as door:
            return sum(door.track(body)["attributes_processed"] for body in share)

    return _rate(post, [bodies[start::CLIENTS] for start in range(CLIENTS)], people)


def _import(port: int, people: Sequence[Json]) -> float:
    """Create *people* by `POST /profiles/import`, in a stream for each client; return the profiles per second."""
    lines = [orjson.dumps({**person, **_summaries(nth)}) for nth, person in enumerate(people)]

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
        raise BenchError(f"Of {len(people):,} profiles {created:,} were created.")
    return created / took


def _people(prefix: str, count: int) -> list[Json]:
    """Return whole profiles without summaries."""
    return [_person(f"{prefix}-{nth}", nth) for nth in range(count)]


def _person(name: str, nth: int) -> Json:
    return {
        "external_id": name,
        "first_name": f"First{nth}",
        "last_name": f"Last{nth}",
        "email": f"{name}@example.com",
        "phone": f"+1415{nth % 10_000_000:07}",
        "dob": "1990-04-12",
        "gender": "F",
        "country": "DE",
        "language": "de",
        "home_city": "Berlin",
        "time_zone": "Europe/Berlin",
        "custom_attributes": {"plan": "gold", "score": nth, "vip": nth % 2 == 0, "tags": ["a", "b"], "since": NOON},
        "devices": [{"device_id": f"d-{name}", "model": "m", "os": "o"}],
        "push_tokens": [{"app": "app", "token": f"t-{name}", "device_id": f"d-{name}", "platform": "ios"}],
        "email_subscribe": "opted_in",
        "subscription_groups": [{"subscription_group_id": "news", "subscription_state": "subscribed"}],
    }


def _tracked(person: Json) -> Json:
    """Return the object of `/users/track` that sets what *person* has."""
    (token,) = person["push_tokens"]
    renamed = {"app_id": token["app"], **{name: value for name, value in token.items() if name != "app"}}
    own = {name: value for name, value in person.items() if name != "custom_attributes"}
    return {**own, **person["custom_attributes"], "push_tokens": [renamed]}


def _summaries(nth: int) -> Json:
    def counted(*names: str) -> list[Json]:
        return [{"name": name, "count": 1 + nth % 9, "first": NOON, "last": LATER} for name in names]

    received = [{"name": "Sale", "api_campaign_id": "sale", "last_received": LATER, "engaged": {"opened_email": True}}]
    return {
        "custom_events": counted("login", "search", "share"),
        "purchases": counted("hat", "coat"),
        "total_revenue": 39.98,
        "purchase_count": 2 * (1 + nth % 9),
        "apps": [{"name": "App", "app_id": "app", "sessions": 7, "first_used": NOON, "last_used": LATER}],
        "session_count": 7,
        "campaigns_received": received,
    }
