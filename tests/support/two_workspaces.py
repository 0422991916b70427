"""Two workspaces of one application with small shares: a busy one and another one, the stranger."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from flask import Flask

from app import keys
from app.db.connections import Connection
from app.web import create_app
from app.web.resources import resources_of
from tests.support.factories import Factory
from tests.support.flask_caller import Caller
from tests.support.on_citus import database_settings

#: Two threads and two connections for each workspace.
SMALL = {
    "web_processes": 1,
    "web_threads": 4,
    "pool_size": 4,
    "workspace_share_percent": 50,
    "pool_timeout_s": 1.0,
    "workspace_share_beside_others_percent": 50,
}

MakeCallers = Callable[..., tuple[Caller, Caller]]


@contextmanager
def opening(database_url: str, connection: Connection) -> Iterator[MakeCallers]:
    """Yield a function that opens an application and returns a caller of a busy workspace and one of another."""
    doors: list[Flask] = []

    def open_(**settings: Any) -> tuple[Caller, Caller]:
        flask = create_app(database_settings(database_url, **{**SMALL, **settings}))
        doors.append(flask)
        busy, stranger = (_caller(flask, connection, name) for name in ("busy", "stranger"))
        return busy, stranger

    try:
        yield open_
    finally:
        for flask in doors:
            resources_of(flask).close()


def _caller(flask: Flask, connection: Connection, name: str) -> Caller:
    workspace = f"{name}-{Factory(connection).workspace_id}"
    key_id, secret = keys.create_key(connection, workspace=workspace, label="test", permissions=["*"])
    (row,) = connection.execute("SELECT workspace_id FROM workspace WHERE name = %s", [workspace]).fetchall()
    return Caller(flask, secret=secret, key_id=key_id, workspace_id=row["workspace_id"], workspace=workspace)


def touch(caller: Caller) -> Any:
    """Write to the profile `ada`."""
    return caller.post("/users/track", {"attributes": [{"external_id": "ada", "first_name": "Ada"}]})


@contextmanager
def stuck(caller: Caller, connection: Connection, requests: int) -> Iterator[list["Future[Any]"]]:
    """Send *requests* requests of *caller* that wait for a locked profile during the block."""
    assert touch(caller).status_code == 201
    with ThreadPoolExecutor(requests) as threads:
        with connection.transaction():
            connection.execute("SELECT 1 FROM profile WHERE workspace_id = %s FOR UPDATE", [caller.workspace_id])
            running = [threads.submit(touch, caller) for _ in range(requests)]
            yield running
        for each in running:
            each.result()
