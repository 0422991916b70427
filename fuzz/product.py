"""The product in this very process: front door and lanes on one database, and somebody who is not to be seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
import psycopg

from app import keys
from app.config import Settings
from app.db.connections import Pool, open_pool
from app.rates.buckets import Bucket, Limit
from app.web import create_app
from app.web.resources import resources_of
from fuzz.door import Door
from fuzz.lanes import Worker
from fuzz.names import LABELS, MAY
from fuzz.request import KEY, Request
from fuzz.verdict import CANARY

#: Enough requests that nobody is told to come back later.
UNLIMITED = tuple(Limit(bucket, 2_000_000_000, 1) for bucket in Bucket)
WORKSPACE = "fuzz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A door with a key to the workspace of the run, and a worker and a pool on the same database."""

    door: Door
    worker: Worker
    pool: Pool
    settings: Settings


@contextmanager
def product(database_url: str, **options: Any) -> Iterator[Product]:
    """Lend the product on the migrated database at *database_url*, with settings that *options* name."""
    settings = Settings(database_url=database_url, rate_limits=UNLIMITED, **options)
    flask = create_app(settings)
    try:
        with open_pool(settings, name="fuzz") as pool:
            _plant_canary(Door(flask, new_key(database_url, workspace="somebody-else")))
            door = Door(flask, new_key(database_url, workspace=WORKSPACE))
            yield Product(door=door, worker=Worker(pool, settings), pool=pool, settings=settings)
    finally:
        resources_of(flask).close()


def new_key(database_url: str, *, workspace: str) -> str:
    """Return the secret of a new key that may do everything in *workspace*."""
    with psycopg.connect(database_url) as connection:
        _, secret = keys.create(connection, workspace=workspace, label="fuzz", permissions=["*"])
    return secret


def post(rule: str, tree: Any) -> Request:
    """Return a POST of *tree* to *rule* about which nothing is wrong."""
    headers = (("Authorization", KEY), ("Content-Type", "application/json"))
    return Request(number=0, rule=rule, method="POST", path=rule, headers=headers, body=orjson.dumps(tree), tree=tree)


def _plant_canary(door: Door) -> None:
    """Write somebody who has names that requests use, and whose data tell that they are of another workspace."""
    who = {"external_id": "u-0-0"}
    person = {**who, "email": "e0.0@example.com", "first_name": CANARY, "last_name": CANARY, "plan": CANARY}
    event = {**who, "name": "login", "time": MAY, "properties": {"a": CANARY}}
    requests = (
        post("/users/track", {"attributes": [person], "events": [event]}),
        post("/users/alias/new", {"user_aliases": [{**who, "alias_label": LABELS[0], "alias_name": "n-0-0"}]}),
    )
    for request in requests:
        answer = door.ask(request)
        if answer.status != HTTPStatus.CREATED:
            message = f"Somebody else could not be written: {answer}"
            raise RuntimeError(message)
