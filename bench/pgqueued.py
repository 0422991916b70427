"""The same work through pgqueuer, a queue in PostgreSQL that wakes its workers by notifications.

Its jobs are written in one statement, in the transaction that writes the updates. Its two workers claim them in groups
and run them on several threads, because the merge code is not asynchronous and mostly waits for the database. Run it
with

    gunicorn --workers 2 --threads 8 'bench.pgqueued:create_app()'
    pgqueuer run bench.pgqueued:create_worker --batch-size 50
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

import orjson
import psycopg
from flask import Flask
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.models import Job
from pgqueuer.queries import SyncQueries
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection
from bench.plain import plain_pool, run_job
from bench.plain_api import plain_api

SETTINGS = Settings.from_environ()
NAME = "merge_update"
#: Jobs that a worker runs at a time.
THREADS = 8


@asynccontextmanager
async def create_worker() -> AsyncIterator[PgQueuer]:
    """Yield a worker with its connection for claims and notifications, and with a pool for the merges."""
    connection = await psycopg.AsyncConnection.connect(SETTINGS.database_url, autocommit=True)
    with plain_pool(SETTINGS, name="worker") as pool, ThreadPoolExecutor(THREADS) as threads:
        worker = PgQueuer(PsycopgDriver(connection))

        def run(job: Job) -> None:
            given = orjson.loads(job.payload or b"{}")
            with pool.connection() as own:
                run_job(
                    own,
                    SETTINGS,
                    workspace_id=given["workspace_id"],
                    job_id=UUID(given["job_id"]),
                    task_id=uuid7(),
                )

        @worker.entrypoint(NAME, executor_factory=DatabaseRetryEntrypointExecutor)
        async def merge_update(job: Job) -> None:
            """Run one update."""
            await asyncio.get_running_loop().run_in_executor(threads, run, job)

        try:
            yield worker
        finally:
            await connection.close()


def create_app() -> Flask:
    """Return the web application."""

    def queue(connection: Connection, workspace_id: int, job_ids: Sequence[UUID]) -> Callable[[], None]:
        """Enqueue the jobs in the transaction of *connection*. Nothing remains to do after its commit."""
        payloads: list[bytes | None] = [
            orjson.dumps({"workspace_id": workspace_id, "job_id": str(job_id)}) for job_id in job_ids
        ]
        # The driver is typed for rows as tuples; it sets the rows of its own cursors.
        queries = SyncQueries(SyncPsycopgDriver(cast("psycopg.Connection", connection)))
        queries.enqueue([NAME] * len(payloads), payloads, [0] * len(payloads))
        return lambda: None

    return plain_api(SETTINGS, queue)
