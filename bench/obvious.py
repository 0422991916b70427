"""The obvious design: a Celery task for each update, sent with `.delay()` in the view.

One Flask view validates the request with the product's schema, stores it, and sends a task for each update. The task
runs one update in one transaction. Workers have the defaults (prefork, as many processes as cores), events for Flower,
late acknowledgement so that a killed worker's task is delivered again, and persistent connections. Run it with

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
from bench.plain_api import plain_api

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
    """Return the connection of this worker process, which opens at its first task."""
    return Connection.connect(SETTINGS.database_url, **connection_arguments(SETTINGS, name="worker"))


@app.task(name="merge_update", bind=True, autoretry_for=(Exception,), max_retries=5, retry_backoff=True)
def merge_update(self: Task, workspace_id: int, job_id: str) -> None:
    """Run one update."""
    run_job(connection(), SETTINGS, workspace_id=workspace_id, job_id=UUID(job_id), task_id=UUID(self.request.id))


def create_app() -> Flask:
    """Return the web application."""

    def queue(_: Connection, workspace_id: int, job_ids: Sequence[UUID]) -> Callable[[], None]:
        """Return a function that sends the tasks to the broker, to call after the commit of the updates."""

        def send() -> None:
            for job_id in job_ids:
                merge_update.delay(workspace_id, str(job_id))

        return send

    return plain_api(SETTINGS, queue)
