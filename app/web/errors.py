"""Error responses: a status, and `{"message": one sentence}`."""

import logging
from http import HTTPStatus
from typing import Any

import psycopg
from flask import Flask, Response, jsonify
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.db.errors import Response as ErrorResponse
from app.db.errors import response_to, to_unavailable
from app.errors import (
    DatabaseUnavailable,
    Gone,
    KeyInUse,
    KeyReused,
    Overloaded,
    Rejected,
    ResolutionUnsettled,
    WorkspaceClosed,
)
from app.web.content_encoding import ACCEPTED, UnsupportedEncoding
from app.web.proxies import with_prefix

LOG = logging.getLogger(__name__)

#: Retry-After in seconds while PostgreSQL does not answer.
RETRY_AFTER = 2
#: Retry-After in seconds while the workspace is closed: its last rows are copied to another cell.
CLOSED_RETRY_AFTER = 5
SEND_AGAIN = "Send the request again in a few seconds, with its Idempotency-Key if any."
TRY_AGAIN = "The database does not answer just now; send the request again soon, with its Idempotency-Key if any."
NOT_STORABLE = "The database cannot store or compare a value of this request; correct it before you send it again."
UNEXPECTED = "Something went wrong on the server; quote this answer's X-Request-Id when you report it."
SENTENCES = {
    HTTPStatus.NOT_FOUND: "There is nothing at this URL; check its path.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This URL does not take this method; the Allow header lists its methods.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body may not be larger than 4 MB.",
}


def register_error_handlers(flask: Flask) -> None:
    flask.register_error_handler(Rejected, rejected_response)
    flask.register_error_handler(ValidationError, invalid_response)
    flask.register_error_handler(HTTPException, http_error_response)
    flask.register_error_handler(DatabaseUnavailable, unavailable_response)
    flask.register_error_handler(ResolutionUnsettled, unavailable_response)
    flask.register_error_handler(psycopg.Error, database_error_response)
    flask.register_error_handler(Exception, unexpected_response)


def error_response(status: int, message: str, **headers: str) -> Response:
    """Return an error response; underscores in the names of *headers* stand for dashes."""
    response = jsonify(message=message)
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def rejected_response(error: Rejected) -> Response:
    response = error_response(error.status, str(error))
    if isinstance(error, Gone):
        # "canonical" (RFC 6596) leads from a duplicate to the resource with its content, as a survivor has that of
        # its orphan; "successor-version" (RFC 5829) means two versions of one resource.
        response.headers["Link"] = f'<{with_prefix(f"/profiles/{error.survivor_braze_id}")}>; rel="canonical"'
    if isinstance(error, KeyInUse | KeyReused):
        # As in the draft of the header's standard, draft-ietf-httpapi-idempotency-key-header.
        response.headers["Link"] = f'<{with_prefix("/docs")}>; rel="describedby"; type="text/html"'
    if isinstance(error, Overloaded):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, UnsupportedEncoding):
        response.headers["Accept-Encoding"] = ACCEPTED
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def invalid_response(error: ValidationError) -> Response:
    """Return 400 with the first validation error."""
    return error_response(HTTPStatus.BAD_REQUEST, first_sentence(error.messages))


def first_sentence(messages: Any) -> str:
    """Return the first sentence in marshmallow's nested *messages*."""
    while not isinstance(messages, str):
        messages = next(iter(messages.values() if isinstance(messages, dict) else messages))
    return str(messages)


def http_error_response(error: HTTPException) -> Response:
    """Return an error of Flask itself: unknown URL or method, body too large."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = error_response(status, SENTENCES.get(HTTPStatus(status), error.description or HTTPStatus(status).phrase))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def database_error_response(error: psycopg.Error) -> Response:
    """Return 503, 400 or 500, as app.db.errors decides."""
    kind = response_to(error)
    if kind is ErrorResponse.WAIT:
        return unavailable_response(to_unavailable(error))
    if kind is ErrorResponse.REFUSE:
        LOG.error("request_refused_by_database", exc_info=error)
        return error_response(HTTPStatus.BAD_REQUEST, NOT_STORABLE)
    return unexpected_response(error)


def unavailable_response(error: Exception) -> Response:
    """Return 503 while PostgreSQL is away, refuses work or is too busy, or while the workspace is closed."""
    if isinstance(error, WorkspaceClosed):
        sentence = f"{error} {SEND_AGAIN}"
        return error_response(HTTPStatus.SERVICE_UNAVAILABLE, sentence, Retry_After=str(CLOSED_RETRY_AFTER))
    LOG.warning("request_without_database", extra={"error": type(error).__name__, "reason": str(error)})
    return error_response(HTTPStatus.SERVICE_UNAVAILABLE, TRY_AGAIN, Retry_After=str(RETRY_AFTER))


def unexpected_response(error: Exception) -> Response:
    """Return 500 for a bug of our own, without its text, and log it."""
    LOG.error("request_failed", exc_info=error)
    return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)
