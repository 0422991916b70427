"""Processes that connect to a worker node of Citus, which has the workspace or not."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection
from cli.database import connected
from cli.up import commands
from tests.support.citus import CitusDatabases, client_on
from tests.support.client import Client
from tests.support.receiver import receiving
from tests.support.system import System
from tests.support.waiting import wait_until

WEBHOOKS = {"MERGELANE_WEBHOOK_PRIVATE_NETWORKS": "true", "MERGELANE_WEBHOOK_PEPPER": "the-pepper-of-these-webhooks"}
NOON = "2026-05-01T12:00:00Z"
LOCK = (
    "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', workspace_id, '/users/track', 'held'), 0))"
    " FROM workspace_home WHERE workspace_id = %s"
)


SEGMENT = {"filter": {"custom_attribute": {"custom_attribute_name": "of_old", "comparison": "equals", "value": 1}}}


def track_people(client: Client) -> None:
    """Create three profiles with a history."""
    client.track(
        attributes=[{"external_id": name, "email": "ada@example.com", f"of_{name}": 1} for name in ("old", "ada")],
        events=[{"external_id": "old", "name": "login", "time": NOON}],
        purchases=[{"external_id": "old", "product_id": "hat", "currency": "USD", "price": 1, "time": NOON}],
        sessions=[{"external_id": "eve", "app_id": "app", "started_at": NOON}],
    )


def send(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    """Return the body of the response to POST *path*, which must not be an error."""
    response = client.post(path, body, **headers)
    assert response.ok, response.text
    return response.json()


def wait_for_state(client: Client, accepted: Any, state: str) -> None:
    """Wait until the resource of the response *accepted* has a *state*."""
    url = accepted["status_url"]
    wait_until(lambda: client.get(url).json()["state"] == state, seconds=60, what=f"{url} to be {state}")


def hold_key(connection: Connection, client: Client) -> None:
    """Lock the key `held` of the workspace as a concurrent request does."""
    (row,) = connection.execute("SELECT workspace_id FROM workspace WHERE name = %s", [client.workspace]).fetchall()
    connection.execute(LOCK, [row["workspace_id"]])


@pytest.mark.parametrize("home", [True, False], ids=["its own node", "another node"])
def test_a_workspace_works_from_a_worker_node(
    home: bool, citus_databases: CitusDatabases, start_system: Callable[..., System], broker_url: str
) -> None:
    node = citus_databases.cluster.workers[0]
    database = citus_databases.create()
    with citus_databases.lend(database) as url, receiving() as receiver:
        entry = {"DATABASE_URL": citus_databases.cluster.url(database, node), "DATABASE_DISTRIBUTED": "on"}
        system = start_system(database_url=url, broker_url=broker_url, environ={**entry, **WEBHOOKS})
        sender = system.process("sender", commands.sender()).start()
        try:
            client = client_on(system, node, home=home)
            hook = send(client, "/webhooks", {"url": f"{receiver.url}/hook"})
            track_people(client)
            wait = {"Prefer": "wait=20", "Idempotency-Key": "once"}
            body = {
                "merge_updates": [
                    {"identifier_to_merge": {"external_id": "old"}, "identifier_to_keep": {"external_id": "ada"}}
                ]
            }
            merged = send(client, "/users/merge", body, **wait)
            again = send(client, "/users/merge", body, **wait)
            with connected(system.settings, system.database_url, name="test") as connection:
                hold_key(connection, client)
                refused = client.post("/users/track", {"attributes": [{"external_id": "x"}]}, Idempotency_Key="held")
            found = send(client, "/segments/query", SEGMENT)
            job_id = client.batch(merged["batch_id"])["jobs"][0]["job_id"]
            undone = send(client, f"/merge/jobs/{job_id}/undo", Prefer="wait=20")
            plan = send(client, "/merge/plans", body)
            assert client.put("/duplicates/policy", {"identifier": "email"}).ok
            run = send(client, "/duplicates/runs")
            wait_for_state(client, plan, "open")
            wait_for_state(client, run, "finished")
            rotated = send(client, f"/webhooks/{hook['webhook_id']}/secret/rotate")
            notices = wait_until(lambda: len(receiver.received) >= 2 and receiver.received, what="the notices")
            deleted = send(client, "/users/delete", {"external_ids": ["eve"]})

            assert again["batch_id"] == merged["batch_id"]
            assert merged["batch"]["counts"] == {"merged": 1}
            assert refused.status_code == 409
            assert [user["external_id"] for user in found["profiles"]] == ["ada"]
            assert undone["batch"]["counts"] == {"undone": 1}
            assert rotated["secret"] != hook["secret"]
            assert notices[0].verified(hook["secret"])
            assert deleted["deleted"] == 1
            assert {entry["action"] for entry in client.get("/audit").json()["entries"]} >= {"merge", "undo", "delete"}
        finally:
            sender.stop()
            system.stop()
