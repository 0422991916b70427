"""The obvious way to build this, as its author would ship it: a task for each update, `.delay()` in the view.

One Flask view that checks the request with the product's own schema, writes it down and puts a task for each update on
Celery; one task that runs one update in one transaction. Default workers (prefork, as many processes as cores), events
on for Flower, late acknowledgement so that a killed worker's task is delivered again, connections kept. Run as

    gunicorn --workers 2 --threads 8 'bench.obvious:create_app()'
    celery -A bench.obvious worker -E
"""

from collections.abc import Callable, Sequence
from functools import cache
from uuid import UUID

from celery import Celery, Task
from flask import Flask

from app.config import Settings
from app.db.connections import Connection, connection_arguments
from app.environment import drop_celery_overrides
from bench.plain import run_job
from bench.plain_door import plain_door

SETTINGS = Settings.from_environ()

drop_celery_overrides()
app = Celery("obvious", set_as_current=False)
app.conf.update(
    broker_url=SETTINGS.broker_url,
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_send_task_events=True,
)


@cache
def connection() -> Connection:
    """Return this worker process's own connection, opened at its first task."""
    return Connection.connect(SETTINGS.database_url, **connection_arguments(SETTINGS, name="worker"))


@app.task(name="merge_update", bind=True, autoretry_for=(Exception,), max_retries=5, retry_backoff=True)
def merge_update(self: Task, workspace_id: int, job_id: str) -> None:
    """Run one update."""
    run_job(connection(), SETTINGS, workspace_id=workspace_id, job_id=UUID(job_id), task_id=UUID(self.request.id))


def create_app() -> Flask:
    """Return the web application."""

    def queue(_: Connection, workspace_id: int, job_ids: Sequence[UUID]) -> Callable[[], None]:
        """Return what puts the tasks on the broker, to be called when the updates are written for good."""

        def send() -> None:
            for job_id in job_ids:
                merge_update.delay(workspace_id, str(job_id))

        return send

    return plain_door(SETTINGS, queue)
