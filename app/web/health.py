"""Health: is the process alive, and can it do its work. The broker does not count: the front door needs none."""

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.db.connections import lend_connection
from app.db.queries import load_queries
from app.web.draining import is_draining
from app.web.errors import RETRY_AFTER, answer
from app.web.openapi.describe import Common, Tag, describe
from app.web.resources import pool
from schemas.base import LiveSchema, ReadySchema

ENDING = "This server is about to end; send requests to another one."

QUERIES = load_queries(__package__, "health.sql")

blueprint = Blueprint("health", __name__, url_prefix="/health")


@describe(Tag.SERVER, "Check that the process responds", replies={200: LiveSchema})
@blueprint.get("/live")
def live() -> ResponseReturnValue:
    """Answer 200 as long as the process answers at all."""
    return {"status": "live"}


@describe(Tag.SERVER, "Check that the server can take requests", replies={200: ReadySchema, 503: Common.UNAVAILABLE})
@blueprint.get("/ready")
def ready() -> ResponseReturnValue:
    """Answer 200 when PostgreSQL answers; 503 when it does not, or when this server was asked to end."""
    if is_draining():
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, ENDING, Retry_After=str(RETRY_AFTER))
    with lend_connection(pool()) as connection:
        connection.execute(QUERIES["ping"])
    return {"status": "ready"}
