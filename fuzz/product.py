"""The product in this process: application and lanes on one database, and a profile of another workspace."""

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
from fuzz.application import Application
from fuzz.endpoints import MEDIA
from fuzz.lanes import Worker
from fuzz.names import LABELS, MAY
from fuzz.request import KEY, Request
from fuzz.verdict import CANARY

#: Rate limits that no run reaches.
UNLIMITED = tuple(Limit(bucket, 2_000_000_000, 1) for bucket in Bucket)
WORKSPACE = "fuzz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An application with a key to the workspace of the run, and a worker and a pool on the same database."""

    application: Application
    worker: Worker
    pool: Pool
    settings: Settings


@contextmanager
def product(database_url: str, **options: Any) -> Iterator[Product]:
    """Yield the product on the migrated database at *database_url*, with the settings in *options*."""
    # No response waits for jobs: they run when the caller calls the worker.
    settings = Settings(database_url=database_url, rate_limits=UNLIMITED, identify_wait_s=0, **options)
    flask = create_app(settings)
    try:
        with open_pool(settings, name="fuzz") as pool:
            _plant_canary(Application(flask, new_key(database_url, workspace="somebody-else")))
            application = Application(flask, new_key(database_url, workspace=WORKSPACE))
            yield Product(application=application, worker=Worker(pool, settings), pool=pool, settings=settings)
    finally:
        resources_of(flask).close()


def new_key(database_url: str, *, workspace: str) -> str:
    """Return the secret of a new key with all permissions in *workspace*."""
    with psycopg.connect(database_url) as connection:
        _, secret = keys.create_key(connection, workspace=workspace, label="fuzz", permissions=["*"])
    return secret


def post(rule: str, tree: Any) -> Request:
    """Return a valid POST of *tree* to *rule*."""
    headers = (("Authorization", KEY), ("Content-Type", MEDIA.get(rule, "application/json")))
    return Request(number=0, rule=rule, method="POST", path=rule, headers=headers, body=orjson.dumps(tree), tree=tree)


def _plant_canary(application: Application) -> None:
    """Write a profile of another workspace, with identifiers that requests use and CANARY in its data."""
    who = {"external_id": "u-0-0"}
    person = {**who, "email": "e0.0@example.com", "first_name": CANARY, "last_name": CANARY, "plan": CANARY}
    event = {**who, "name": "login", "time": MAY, "properties": {"a": CANARY}}
    requests = (
        post("/users/track", {"attributes": [person], "events": [event]}),
        post("/users/alias/new", {"user_aliases": [{**who, "alias_label": LABELS[0], "alias_name": "n-0-0"}]}),
    )
    for request in requests:
        answer = application.ask(request)
        if answer.status != HTTPStatus.CREATED:
            message = f"Could not write the profile of the other workspace: {answer}"
            raise RuntimeError(message)
