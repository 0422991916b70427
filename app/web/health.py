"""Health: is the process alive, and can it do its work. The broker does not count: the front door needs none."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.db import borrow, load_queries
from app.web.resources import pool

QUERIES = load_queries(__package__, "health.sql")

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live() -> ResponseReturnValue:
    """Answer 200 as long as the process answers at all."""
    return {"status": "live"}


@blueprint.get("/ready")
def ready() -> ResponseReturnValue:
    """Answer 200 when PostgreSQL answers, else 503."""
    with borrow(pool()) as connection:
        connection.execute(QUERIES["ping"])
    return {"status": "ready"}
