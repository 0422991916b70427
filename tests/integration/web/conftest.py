"""Fixtures for tests of the API and the console.

The tests of a file share a database. Each test has its own workspace.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.db.connections import Connection
from tests.support.console_data import FEW, make_console_data, sender_of
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.two_workspaces import MakeCallers, opening
from tests.support.unguarded import unguarded
from tests.support.worker import Worker

TABLES = ("batch", "job", "idempotency", "profile")


database_url = make_database_url(scope="module")


@pytest.fixture
def count(connection: Connection, caller: Caller) -> Callable[[], dict[str, int]]:
    """A function that counts the rows of the caller's workspace in the tables that requests write."""

    def rows() -> dict[str, int]:
        counts = [f"(SELECT count(*) FROM {table} WHERE workspace_id = %(id)s) AS {table}" for table in TABLES]
        return connection.execute(f"SELECT {', '.join(counts)}", {"id": caller.workspace_id}).fetchone() or {}

    return rows


@pytest.fixture
def console_values(caller: Caller, worker: Worker, connection: Connection) -> dict[str, str]:
    """Values for the arguments of all URLs of the console, from the caller's workspace."""
    return make_console_data(
        sender_of(caller), lambda _: worker.work(), connection, workspace=caller.workspace, batches=FEW
    )


@pytest.fixture
def finish(connection: Connection) -> Callable[..., None]:
    """A function that finishes a job as a worker does. It takes the id, the outcome and further columns by name."""

    def end(job_id: str, outcome: str = "orphan_not_found", **columns: Any) -> None:
        columns = {"reason": "Because the test says so.", **columns}
        sides = "".join(f", {name} = %({name})s" for name in columns)
        connection.execute(
            f"""
            UPDATE job SET state = 'finished', outcome = %(outcome)s, attempts = 1, started_at = now(),
                finished_at = now() {sides}
            WHERE id = %(job_id)s
            """,
            {"job_id": job_id, "outcome": outcome, **columns},
        )

    return end


@pytest.fixture
def no_cancellations(connection: Connection) -> None:
    """Delete the cancellations of other tests, because the relay processes all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE queue_cancellation")


@pytest.fixture
def make_callers(database_url: str, connection: Connection) -> Iterator[MakeCallers]:
    """A function that starts an application with small shares and returns callers of two workspaces, one busy."""
    with opening(database_url, connection) as open_:
        yield open_
