"""The id, span, metrics and log line of every request."""

import logging
from http import HTTPStatus
from time import perf_counter

from flask import Flask, Response, g, request
from uuid_utils import uuid7

from app.logs import VALID_REQUEST_ID, request_id
from app.metrics.http import count_response, declare_routes
from app.telemetry import spans

LOG = logging.getLogger(__name__)
HEADER = "X-Request-Id"
#: Endpoints that are polled every few seconds.
QUIET = frozenset({"health.live_view", "health.ready_view"})


def register_request_logging(flask: Flask) -> None:
    flask.before_request(begin_request)
    flask.after_request(end_request)
    flask.teardown_request(clear_request_context)


def declare_url_rules(flask: Flask) -> None:
    """Declare the URL rules to the metrics; call it after the last blueprint is registered."""
    rules = flask.url_map.iter_rules()
    declare_routes([(method, rule.rule) for rule in rules for method in rule.methods or ()])


def begin_request() -> None:
    """Set the start time and the id of the request: the client's id if it is valid, else a new one."""
    given = request.headers.get(HEADER, "")
    g.began = perf_counter()
    g.request_id = given if VALID_REQUEST_ID.fullmatch(given) else str(uuid7())
    request_id.set(g.request_id)
    if request.endpoint in QUIET or not spans.is_tracing():
        return
    route = request.url_rule.rule if request.url_rule else ""
    g.span = spans.begin_span(
        f"{request.method} {route}".strip(),
        kind=spans.Kind.SERVER,
        parents=[request.headers.get("traceparent", "")],
        attributes={
            "http__request__method": request.method,
            "http__route": route,
            "mergelane__request_id": g.request_id,
        },
    )
    spans.current_traceparent.set(g.span.traceparent)


def end_request(response: Response) -> Response:
    """Add the request id to the response and log it. The log has the URL rule, not the path or query."""
    response.headers[HEADER] = g.request_id
    seconds = perf_counter() - g.began
    route = request.url_rule.rule if request.url_rule else None
    count_response(
        method=request.method,
        route=route,
        status=response.status_code,
        seconds=max(0.0, seconds - g.get("waited_s", 0.0)),
    )
    _finish_span(response)
    level = logging.DEBUG if request.endpoint in QUIET else logging.INFO
    if LOG.isEnabledFor(level):
        LOG.log(level, "request_answered", extra=_facts(response, route, seconds))
    return response


def clear_request_context(_: BaseException | None) -> None:
    """Clear the request id, since the thread serves other requests next."""
    request_id.set("")
    if "span" in g:
        g.span.end()
        spans.current_traceparent.set("")


def _finish_span(response: Response) -> None:
    if "span" not in g:
        return
    g.span.note(http__response__status_code=response.status_code)
    if "workspace_id" in g:
        g.span.note(mergelane__workspace_id=g.workspace_id)
    if "batch_id" in g:
        g.span.note(mergelane__batch_id=str(g.batch_id))
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        g.span.fail()


def _facts(response: Response, route: str | None, seconds: float) -> dict[str, object]:
    """Return the log fields of a response; none is personal data."""
    return {
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "duration_ms": round(seconds * 1000, 1),
        "workspace_id": g.get("workspace_id"),
        "api_key_id": g.get("api_key_id"),
        **({"batch_id": str(g.batch_id)} if "batch_id" in g else {}),
    }
