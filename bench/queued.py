"""The same work through procrastinate, a queue in PostgreSQL that Python teams often choose.

Its jobs are deferred in one statement, in the transaction that writes the updates. Its two workers run each job alone,
but several at a time, because tasks mostly wait for the database. Run it with

    gunicorn --workers 2 --threads 8 'bench.queued:create_app()'
    procrastinate --app bench.queued.app worker --concurrency 8
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Flask
from procrastinate import App, JobContext, PsycopgConnector
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from bench.plain import plain_pool, run_job
from bench.plain_api import plain_api

if TYPE_CHECKING:
    from procrastinate.types import JSONDict

SETTINGS = Settings.from_environ()

app = App(connector=PsycopgConnector(conninfo=SETTINGS.database_url))


@cache
def pool() -> Pool:
    """Return the pool of this worker process, which opens at its first task."""
    return plain_pool(SETTINGS, name="worker")


@app.task(name="merge_update", pass_context=True, retry=5)
def merge_update(_: JobContext, *, workspace_id: int, job_id: str) -> None:
    """Run one update."""
    with pool().connection() as connection:
        run_job(connection, SETTINGS, workspace_id=workspace_id, job_id=UUID(job_id), task_id=uuid7())


def create_app() -> Flask:
    """Return the web application."""

    def queue(connection: Connection, workspace_id: int, job_ids: Sequence[UUID]) -> Callable[[], None]:
        """Defer the tasks in the transaction of *connection*. Nothing remains to do after its commit."""
        tasks: list[JSONDict] = [{"workspace_id": workspace_id, "job_id": str(job_id)} for job_id in job_ids]
        merge_update.configure(connection=connection).batch_defer(*tasks)
        return lambda: None

    return plain_api(SETTINGS, queue)
