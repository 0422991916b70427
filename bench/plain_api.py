"""The API of the plain designs: one view that validates a request, stores it, and queues its updates."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from flask import Flask, Response, jsonify, request

from app import keys
from app.config import Settings
from app.db.connections import Connection, Pool
from bench.plain import insert, plain_pool
from schemas.merge import load_merge

#: Queues updates within the transaction that writes them, and returns a function to call after its commit.
Queue = Callable[[Connection, int, Sequence[UUID]], Callable[[], None]]


def plain_api(settings: Settings, queue: Queue) -> Flask:
    """Return a web application that queues updates with *queue*."""
    flask = Flask(__name__)

    @cache
    def pool() -> Pool:
        """Return the pool of this process, which opens at its first request."""
        return plain_pool(settings, name="web")

    @flask.get("/health/ready")
    def ready() -> dict[str, str]:
        """Report that the API is ready."""
        return {"status": "ok"}

    @flask.post("/users/merge")
    def merge() -> Response | tuple[dict[str, str], int]:
        """Store a request and queue its updates."""
        updates = load_merge(request.get_json())
        with pool().connection() as connection:
            secret = request.headers["Authorization"].removeprefix("Bearer ")
            holder = keys.find_key_holder(connection, secret)
            if holder is None:
                return {"message": "Invalid API key"}, 401
            with connection.transaction():
                batch_id, job_ids = insert(
                    connection, workspace_id=holder.workspace_id, api_key_id=holder.key_id, updates=updates
                )
                send = queue(connection, holder.workspace_id, job_ids)
        send()
        answer: dict[str, Any] = {"message": "success", "batch_id": str(batch_id)}
        response = jsonify(answer)
        response.status_code = 202
        return response

    return flask
