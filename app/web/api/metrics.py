"""`GET /metrics` for Prometheus: open to this machine, elsewhere with the permission `metrics.read`."""

from ipaddress import ip_address

from flask import Blueprint, Flask, Response, current_app, request

from app.ledger.gauges import LedgerGauges
from app.metrics.database import DATABASE
from app.metrics.exposition import CONTENT_TYPE_LATEST, expose
from app.metrics.http import HTTP
from app.metrics.shares import SHARES
from app.web.auth import authenticate_request
from app.web.hosts import is_host_loopback
from app.web.openapi.describe import Common, Tag, describe, reply
from app.web.resources import resources_of

blueprint = Blueprint("metrics", __name__)

NAME = "mergelane-gauges"
PERMISSION = "metrics.read"
#: Beginnings of the names of headers by which proxies announce their client, which may be on another machine.
FORWARDED = (
    "cdn-",
    "cf-",
    "client-ip",
    "fastly-",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-",
    "x-forward",
    "x-original-",
    "x-proxy",
    "x-real-",
)
#: nginx sends it to servers behind it by default; Prometheus and browsers send HTTP/1.1.
OF_PROXIES = "HTTP/1.0"


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

    Requests from this machine that name it as localhost or by its loopback address, and show no sign of a proxy, need
    no key: the metrics can be read while the database is away. All others need a key with `metrics.read`.
    """
    if not (_is_from_this_machine() and is_host_loopback()):
        authenticate_request((PERMISSION,))
    return Response(expose(*HTTP, *DATABASE, *SHARES, current_app.extensions[NAME]), content_type=CONTENT_TYPE_LATEST)


def _is_from_this_machine() -> bool:
    """Return whether the request comes from loopback and shows no sign of a proxy."""
    if request.environ.get("SERVER_PROTOCOL") == OF_PROXIES:
        return False
    if any(name.lower().startswith(FORWARDED) for name in request.headers.keys()):  # noqa: SIM118  not a dict
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:  # a Unix socket has no address
        return False
