"""`GET /metrics` for Prometheus: open to this machine, elsewhere with the permission `metrics.read`."""

from ipaddress import ip_address

from flask import Blueprint, Flask, Response, current_app, request

from app.ledger.gauges import LedgerGauges
from app.metrics.database import DATABASE
from app.metrics.exposition import CONTENT_TYPE_LATEST, expose
from app.metrics.http import HTTP
from app.metrics.shares import SHARES
from app.web.auth import authenticate_request
from app.web.hosts import is_host_served
from app.web.openapi.describe import Common, Tag, describe, reply
from app.web.resources import resources_of

blueprint = Blueprint("metrics", __name__)

NAME = "mergelane-gauges"
PERMISSION = "metrics.read"
#: Headers of a proxy, whose client may be on another machine.
FORWARDED = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


def register_metrics(flask: Flask) -> None:
    """Add the gauges of the ledger to the metrics of *flask*."""
    resources = resources_of(flask)
    bound = resources.settings.waiting_bound
    flask.extensions[NAME] = LedgerGauges(lambda: resources.pool, bound=bound)


@describe(
    Tag.SERVER,
    "Read the metrics",
    replies={
        200: reply({"type": "string"}, media="text/plain", description="Metrics in Prometheus's text format."),
        401: Common.INVALID_KEY,
        403: Common.ACCESS_DENIED,
        429: Common.TOO_MANY_REQUESTS,
        503: Common.UNAVAILABLE,
    },
)
@blueprint.get("/metrics")
def metrics_view() -> Response:
    """Return the metrics in Prometheus's text format.

    Requests from this machine that came through no proxy and name a host of this server need no key; all others one
    with `metrics.read`.
    """
    if not (_from_this_machine() and is_host_served()):
        authenticate_request((PERMISSION,))
    return Response(expose(*HTTP, *DATABASE, *SHARES, current_app.extensions[NAME]), content_type=CONTENT_TYPE_LATEST)


def _from_this_machine() -> bool:
    """Return whether the request comes from loopback and through no proxy."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:  # a Unix socket has no address
        return False
