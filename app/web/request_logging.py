"""What happens around every request: its id, and one line in the log when it is answered."""

import logging
import re
from http import HTTPStatus
from time import perf_counter

from flask import Flask, Response, g, request
from uuid_utils import uuid7

from app.logs import request_id
from app.metrics.http import count_answer, declare_routes
from app.telemetry import spans

LOG = logging.getLogger(__name__)
HEADER = "X-Request-Id"
#: An id that a client may give its request: nothing that could break a line or a header.
SANE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
#: Endpoints that are asked every few seconds and tell nothing.
QUIET = frozenset({"health.live", "health.ready"})


def register(flask: Flask) -> None:
    """Surround every request to *flask*."""
    flask.before_request(begin)
    flask.after_request(end)
    flask.teardown_request(leave)


def know_routes(flask: Flask) -> None:
    """Make room for measuring the answers of every URL; to be called when all of them are known."""
    rules = flask.url_map.iter_rules()
    declare_routes([(method, rule.rule) for rule in rules for method in rule.methods or ()])


def begin() -> None:
    """Note when the request began, and its id: the client's, if it gave a sane one, or a new one."""
    given = request.headers.get(HEADER, "")
    g.began = perf_counter()
    g.request_id = given if SANE.fullmatch(given) else str(uuid7())
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


def end(response: Response) -> Response:
    """Tell the client the request's id, and log the answer. The path is logged without its values and its query."""
    response.headers[HEADER] = g.request_id
    seconds = perf_counter() - g.began
    route = request.url_rule.rule if request.url_rule else None
    count_answer(
        method=request.method,
        route=route,
        status=response.status_code,
        seconds=max(0.0, seconds - g.get("waited_s", 0.0)),
    )
    _note(response)
    level = logging.DEBUG if request.endpoint in QUIET else logging.INFO
    if LOG.isEnabledFor(level):
        LOG.log(level, "Request answered", extra=_facts(response, route, seconds))
    return response


def leave(_: BaseException | None) -> None:
    """Forget the id: the thread goes on to other requests."""
    request_id.set("")
    if "span" in g:
        g.span.end()
        spans.current_traceparent.set("")


def _note(response: Response) -> None:
    """Add to the request's span, where it has one, what is known of it now."""
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
    """Return what the log tells about an answered request; none of it tells who a person is."""
    return {
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "duration_ms": round(seconds * 1000, 1),
        "workspace_id": g.get("workspace_id"),
        "api_key_id": g.get("api_key_id"),
        **({"batch_id": str(g.batch_id)} if "batch_id" in g else {}),
    }
