"""A workspace moves under load between two installations with separate servers: nothing is lost or doubled."""

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import requests
from uuid_utils import uuid7

from app import keys
from app.config import Settings
from app.db import migrations
from app.moving.workspaces import start_workspace_ids
from cli.database import session
from tests.support.client import Client
from tests.support.postgres import PostgresServer
from tests.support.processes import Process
from tests.support.redis import RedisServer
from tests.support.system import System
from tests.support.waiting import wait_until

WORKSPACE = "shop"
PEPPERS = {"MERGELANE_KEY_PEPPER": "a-pepper-of-all-cells", "MERGELANE_WEBHOOK_PEPPER": "another-pepper-of-them"}
CLIENTS = 2


class Load:
    """Clients that track two profiles with a purchase each and merge them, again and again, in the balancer's cell.

    They repeat a request that gets 503 with the same Idempotency-Key, as every client should.
    """

    def __init__(self, secret: str, near: System) -> None:
        self._secret = secret
        self._over = Event()
        #: The cell to which the balancer routes.
        self.cell = near
        self.batches: list[str] = []
        self.survivors: list[str] = []
        self.refusals: list[str] = []
        self.failures: list[str] = []

    @contextmanager
    def flowing(self) -> Iterator[None]:
        threads = [Thread(target=self._send, args=[number]) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def wait_for_batches(self, batches: int) -> None:
        """Wait until the server accepts this number of further *batches*."""
        goal = len(self.batches) + batches
        wait_until(lambda: len(self.batches) >= goal or self.failures, seconds=120, what="the load to continue")

    def _send(self, client: int) -> None:
        with requests.Session() as http:
            for number in itertools.count():
                if self._over.is_set():
                    return
                names = [f"{client}-{number}-{name}" for name in ("orphan", "survivor")]
                purchases = [
                    {
                        "external_id": name,
                        "product_id": "hat",
                        "currency": "USD",
                        "price": 1,
                        "time": "2026-11-01T00:00:00Z",
                    }
                    for name in names
                ]
                pair = {
                    "identifier_to_merge": {"external_id": names[0]},
                    "identifier_to_keep": {"external_id": names[1]},
                }
                attributes = [{"external_id": name} for name in names]
                self._post(http, "/users/track", {"attributes": attributes, "purchases": purchases})
                accepted = self._post(http, "/users/merge", {"merge_updates": [pair]})
                self.batches.append(accepted.get("batch_id", ""))
                self.survivors.append(names[1])

    def _post(self, http: requests.Session, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._secret}", "Idempotency-Key": str(uuid7())}
        while True:
            answer = http.post(self.cell.base_url + path, json=body, headers=headers, timeout=60)
            if answer.status_code in {201, 202}:
                result: dict[str, Any] = answer.json()
                return result
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                return {}
            self.refusals.append(answer.json()["message"])
            if self._over.wait(0.1):
                self.failures.append(f"{path}: refused to the end")
                return {}


def move(source: System, target: str, workspace: str = WORKSPACE) -> Process:
    """Start the command that moves the workspace."""
    command = [sys.executable, "-m", "cli", "workspaces", "move", workspace, "--to", target]
    return Process.of("move", command, folder=source.folder, environ=source.environ).start()


def finished(process: Process) -> str:
    """Wait for the command to succeed, and return its output."""
    wait_until(lambda: not process.running, seconds=180, what="the move to end")
    assert process.returncode == 0, process.log
    return process.log


def test_a_workspace_moves_under_load_and_nothing_is_lost_or_doubled(
    start_system: Callable[..., System],
    database_url: str,
    redis_server: RedisServer,
    own_postgres: PostgresServer,
    own_redis: RedisServer,
) -> None:
    migrations.upgrade_schema(own_postgres.url())
    with session(Settings(), own_postgres.url(), name="test") as connection:
        start_workspace_ids(connection, 1_000_001)
    near = start_system(workers=1, environ={**PEPPERS, "MERGELANE_CELL": "eu-1"}, broker_url=redis_server.url)
    far = start_system(
        database_url=own_postgres.url(),
        broker_url=own_redis.url,
        workers=1,
        environ={**PEPPERS, "MERGELANE_CELL": "eu-2"},
    )
    settings = Settings.from_environ({"DATABASE_URL": database_url, **PEPPERS})
    with session(settings, database_url, name="test") as connection:
        _, secret = keys.create_key(
            connection, workspace=WORKSPACE, label="test", permissions=["*"], peppers=settings.key_pepper
        )
    load = Load(secret, near)

    with load.flowing():
        load.wait_for_batches(20)
        killed = move(near, own_postgres.url())
        wait_until(lambda: "Pass 1" in killed.log, seconds=60, what="the first pass")
        # The command is about to close the workspace, or has closed it.
        killed.kill()
        printed = finished(move(near, own_postgres.url()))
        load.cell = far
        load.wait_for_batches(20)
    client = Client(far.base_url, secret)
    jobs = [job for batch in load.batches for job in client.finished(batch)["jobs"]]
    exported = [client.profile(survivor) for survivor in load.survivors]
    wait_until(lambda: len(all_changes(client)) >= len(jobs), seconds=60, what="the feed")
    feed = all_changes(client)
    client.close()

    assert load.failures == []
    assert {job["outcome"] for job in jobs} == {"merged"}
    assert len({job["job_id"] for job in jobs}) == len(load.batches)
    assert {person["purchases"][0]["count"] for person in exported} == {2}
    assert len({change["job_id"] for change in feed}) == len(feed) == len(jobs)
    assert [change["number"] for change in feed] == list(range(1, len(feed) + 1))
    assert any("moved to another cell" in sentence for sentence in load.refusals)
    assert re.search(rf"^nginx:    {secret.split('_')[1]} eu-2;$", printed, re.MULTILINE)
    assert "ML503" not in near.relay.log


def all_changes(client: Client) -> list[dict[str, Any]]:
    """Return all changes of the identity feed, once they have their numbers."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get("/identities", **({"cursor": cursor} if cursor else {})).json()
        found += page["changes"]
        if not page["has_more"]:
            return found
        cursor = page["next_cursor"]
