"""Every error as an answer: a status, and `{"message": one sentence}`."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.db.errors import CONTENTION_ERRORS, RETRYABLE_ERRORS
from app.errors import DatabaseUnavailable, Gone, Overloaded, Rejected, ResolutionUnsettled

LOG = logging.getLogger(__name__)

#: Seconds after which a client may try again when the database did not answer.
RETRY_AFTER = 2
TRY_AGAIN = "The database does not answer just now; send the request again soon, with its Idempotency-Key if any."
UNEXPECTED = "Something went wrong on the server; quote this answer's X-Request-Id when you report it."
SENTENCES = {
    HTTPStatus.NOT_FOUND: "There is nothing at this URL; check its path.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This URL does not take this method; the Allow header names those that it takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body may not be larger than 4 MB.",
}


def register(flask: Flask) -> None:
    """Have every error of *flask* answered here."""
    flask.register_error_handler(Rejected, refused)
    flask.register_error_handler(ValidationError, invalid)
    flask.register_error_handler(HTTPException, standard)
    flask.register_error_handler(DatabaseUnavailable, unavailable)
    flask.register_error_handler(ResolutionUnsettled, unavailable)
    for error in {*RETRYABLE_ERRORS, *CONTENTION_ERRORS}:
        flask.register_error_handler(error, unavailable)
    flask.register_error_handler(Exception, unexpected)


def answer(status: int, message: str, **headers: str) -> Response:
    """Return an error's answer; underscores in the names of *headers* stand for dashes."""
    response = jsonify(message=message)
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def refused(error: Rejected) -> Response:
    """Answer a request that cannot be accepted."""
    response = answer(error.status, str(error))
    if isinstance(error, Gone):
        # "canonical" (RFC 6596) leads from a duplicate to the resource that holds all that it held, which is what a
        # survivor is to its orphan; "successor-version" (RFC 5829) would call them two versions of one.
        response.headers["Link"] = f'</profiles/{error.survivor_braze_id}>; rel="canonical"'
    if isinstance(error, Overloaded):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def invalid(error: ValidationError) -> Response:
    """Answer a request that does not look as it should, with the first fault's sentence."""
    return answer(HTTPStatus.BAD_REQUEST, first_sentence(error.messages))


def first_sentence(messages: Any) -> str:
    """Return the first sentence in marshmallow's nested *messages*."""
    while not isinstance(messages, str):
        messages = next(iter(messages.values() if isinstance(messages, dict) else messages))
    return str(messages)


def standard(error: HTTPException) -> Response:
    """Answer what Flask itself refuses: unknown URLs and methods, bodies that are too large."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = answer(status, SENTENCES.get(HTTPStatus(status), error.description or HTTPStatus(status).phrase))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def unavailable(error: Exception) -> Response:
    """Answer while PostgreSQL does not answer, or is too busy to let the request through."""
    LOG.warning("PostgreSQL did not serve a request", extra={"error": type(error).__name__})
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, TRY_AGAIN, Retry_After=str(RETRY_AFTER))


def unexpected(error: Exception) -> Response:
    """Answer what nobody foresaw, and log all of it."""
    LOG.error("A request failed unexpectedly", exc_info=error)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)
