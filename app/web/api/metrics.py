"""`GET /metrics` for Prometheus where it reaches only the port of the API."""

from flask import Blueprint, Response, current_app

from app.metrics.exposition import CONTENT_TYPE_LATEST, expose
from app.web.auth import requires
from app.web.metrics import metric_sources
from app.web.openapi.describe import Tag, describe, reply

blueprint = Blueprint("metrics", __name__)


@describe(
    Tag.SERVER,
    "Read the metrics",
    replies={200: reply({"type": "string"}, media="text/plain", description="Metrics in Prometheus's text format.")},
)
@blueprint.get("/metrics")
@requires(permission="metrics.read")
def metrics_view() -> Response:
    """Return the metrics in Prometheus's text format.

    `MERGELANE_METRICS_ADDRESS` serves the same without a key, also while the database is away.
    """
    return Response(expose(*metric_sources(current_app)), content_type=CONTENT_TYPE_LATEST)
