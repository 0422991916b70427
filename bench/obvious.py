"""The obvious way to build this, as its author would ship it: a task for each update, `.delay()` in the view.

One Flask view that checks the request with the product's own schema, writes it down and puts a task for each update on
Celery; one task that runs one update in one transaction. Default workers (prefork, as many processes as cores), events
on for Flower, late acknowledgement so that a killed worker's task is delivered again, connections kept. Run as

    gunicorn --workers 2 --threads 8 'bench.obvious:create_app()'
    celery -A bench.obvious worker -E
"""

from functools import cache
from typing import Any
from uuid import UUID

from celery import Celery, Task
from flask import Flask, Response, jsonify, request

from app import keys
from app.config import Settings, drop_celery_overrides
from app.db import Connection, Pool, borrow, connection_arguments, open_pool
from bench.plain import insert, run_job
from schemas.merge import load_merge

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
    """Return the front door."""
    flask = Flask(__name__)

    @cache
    def pool() -> Pool:
        """Return this process's pool, opened at its first request."""
        return open_pool(SETTINGS, name="web")

    @flask.get("/health/ready")
    def ready() -> dict[str, str]:
        """Tell that the door is open."""
        return {"status": "ok"}

    @flask.post("/users/merge")
    def merge() -> Response | tuple[dict[str, str], int]:
        """Take a request in and queue its updates."""
        updates = load_merge(request.get_json())
        with borrow(pool()) as db:
            holder = keys.authenticate(db, request.headers["Authorization"].removeprefix("Bearer "), peppers=())
            if holder is None:
                return {"message": "Invalid API key"}, 401
            with db.transaction():
                batch_id, job_ids = insert(
                    db, workspace_id=holder.workspace_id, api_key_id=holder.key_id, updates=updates
                )
        for job_id in job_ids:
            merge_update.delay(holder.workspace_id, str(job_id))
        answer: dict[str, Any] = {"message": "success", "batch_id": str(batch_id)}
        response = jsonify(answer)
        response.status_code = 202
        return response

    return flask
