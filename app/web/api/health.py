"""Health checks. The broker is not checked, since web does not use it."""

import logging
from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.db.connections import lend_connection
from app.db.readiness import require_writable
from app.errors import DatabaseUnavailable
from app.web.errors import RETRY_AFTER, error_response
from app.web.openapi.describe import Common, Tag, describe
from app.web.resources import pool, settings
from app.web.server.draining import is_draining
from schemas.base import LiveSchema, ReadySchema

LOG = logging.getLogger(__name__)

ENDING = "This server is about to end; send requests to another one."

blueprint = Blueprint("health", __name__, url_prefix="/health")


@describe(Tag.SERVER, "Check that the process responds", replies={200: LiveSchema})
@blueprint.get("/live")
def live_view() -> ResponseReturnValue:
    """Return 200 while the process runs."""
    return _state("live")


@describe(Tag.SERVER, "Check that the server can take requests", replies={200: ReadySchema, 503: Common.UNAVAILABLE})
@blueprint.get("/ready")
def ready_view() -> ResponseReturnValue:
    """Return 200 if PostgreSQL answers and takes writes; 503 with the cause if not, or while this server stops."""
    if is_draining():
        return error_response(HTTPStatus.SERVICE_UNAVAILABLE, ENDING, Retry_After=str(RETRY_AFTER))
    try:
        with lend_connection(pool()) as connection:
            require_writable(connection)
    except DatabaseUnavailable as error:
        LOG.warning("not_ready", extra={"reason": str(error)})
        return error_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error), Retry_After=str(RETRY_AFTER))
    return _state("ready")


def _state(status: str) -> dict[str, str]:
    """Return the body of a response: *status*, and the cell if it has a name."""
    cell = settings().cell
    return {"status": status, "cell": cell} if cell else {"status": status}
