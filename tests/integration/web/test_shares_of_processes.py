"""A workspace has one share in all processes of a server together while other workspaces are active."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from app.config import Settings
from app.db.connections import Connection
from app.web.workspace_shares import running_beside_others
from tests.support.flask_caller import Caller
from tests.support.waiting import wait_until
from tests.support.web_server import Web, web_server

PROCESSES = 3
REQUESTS = 12


@pytest.fixture
def web(tmp_path: Path, database_url: str) -> Iterator[Web]:
    """A server with several processes and a long timeout for turns."""
    settings = {"MERGELANE_WEB_PROCESSES": str(PROCESSES), "MERGELANE_POOL_TIMEOUT_S": "30"}
    with web_server(tmp_path, database_url, **settings) as web:
        yield web


def test_the_concurrent_requests_of_a_workspace_are_limited_over_all_processes(
    web: Web, connection: Connection, make_caller: Callable[..., Caller]
) -> None:
    busy, stranger = make_caller(workspace="busy"), make_caller(workspace="stranger")

    def touch(caller: Caller) -> int:
        """Write to the profile `ada` on a new connection, which any process may accept."""
        body = {"attributes": [{"external_id": "ada", "first_name": "Ada"}]}
        headers = {"Authorization": f"Bearer {caller.secret}"}
        return requests.post(f"{web.url}/users/track", json=body, headers=headers, timeout=60).status_code

    def waiting() -> int:
        (row,) = connection.execute(
            "SELECT count(*) AS backends FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ).fetchall()
        return int(row["backends"])

    assert [touch(busy), touch(stranger)] == [201, 201]
    run = running_beside_others(Settings(web_processes=PROCESSES))
    with ThreadPoolExecutor(REQUESTS) as threads:
        with connection.transaction():
            connection.execute("SELECT 1 FROM profile WHERE workspace_id = %s FOR UPDATE", [busy.workspace_id])
            running = [threads.submit(touch, busy) for _ in range(REQUESTS)]
            wait_until(lambda: waiting() >= run, what="the maximum number of requests to run")
            others = [touch(stranger) for _ in range(20)]
            most = waiting()
        statuses = [each.result() for each in running]

    assert others == [201] * 20
    assert most == run
    assert statuses == [201] * REQUESTS
