"""Errors as pages: what happened, in the sentence that programs get too, and what to do about it."""

import logging
from http import HTTPStatus
from urllib.parse import quote

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from app.db.errors import CONTENTION_ERRORS, RETRYABLE_ERRORS
from app.errors import DatabaseUnavailable, Rejected, ResolutionUnsettled
from app.web.auth import AccessDenied
from app.web.console.auth import HOME, SIGN_IN, NotSignedIn
from app.web.errors import RETRY_AFTER, UNEXPECTED, first_sentence

LOG = logging.getLogger(__name__)

TITLES = {
    HTTPStatus.BAD_REQUEST: "That could not be understood",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "Not possible just now",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too much at once",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database does not answer",
}
NOTHING_HERE = "There is no such page in the console."
TRY_AGAIN = "Nothing is lost: what was accepted is kept and goes on by itself. Load the page again in a few seconds."


def register_error_pages(blueprint: Blueprint) -> None:
    """Have every error of the console's pages shown by them."""
    blueprint.register_error_handler(NotSignedIn, redirect_to_sign_in)
    blueprint.register_error_handler(AccessDenied, access_denied_page)
    blueprint.register_error_handler(Rejected, rejected_page)
    blueprint.register_error_handler(ValidationError, invalid_page)
    blueprint.register_error_handler(HTTPException, http_error_page)
    for error in {DatabaseUnavailable, ResolutionUnsettled, *RETRYABLE_ERRORS, *CONTENTION_ERRORS}:
        blueprint.register_error_handler(error, unavailable_page)
    blueprint.register_error_handler(Exception, unexpected_error_page)


def redirect_to_sign_in(_: NotSignedIn) -> Response:
    """Lead to the form that takes a key, and from there on to the page that was wanted."""
    wanted = request.path if request.method == "GET" else HOME
    form = SIGN_IN if wanted == HOME else f"{SIGN_IN}?next={quote(wanted)}"
    if "HX-Request" in request.headers:
        # htmx would put the form into the middle of the page; so it is told to go there instead.
        answer = Response(status=HTTPStatus.UNAUTHORIZED)
        answer.headers["HX-Redirect"] = SIGN_IN
        return answer
    return make_response(redirect(form, HTTPStatus.SEE_OTHER))


def access_denied_page(_: AccessDenied) -> Response:
    """Show which permission the key lacks."""
    view = current_app.view_functions[request.endpoint or ""]
    wanted = " or ".join(getattr(view, "page_door", None) or ())
    return error_page(
        HTTPStatus.FORBIDDEN, f"This takes a key with the permission {wanted}, which yours does not have."
    )


def rejected_page(error: Rejected) -> Response:
    """Show why a request cannot be accepted."""
    return error_page(HTTPStatus(error.status), str(error))


def invalid_page(error: ValidationError) -> Response:
    """Show the first fault of a request that does not look as it should."""
    return error_page(HTTPStatus.BAD_REQUEST, first_sentence(error.messages))


def http_error_page(error: HTTPException) -> Response:
    """Show what Flask itself refuses."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    return error_page(status, NOTHING_HERE if status == HTTPStatus.NOT_FOUND else f"{status.phrase}.")


def unavailable_page(error: Exception) -> Response:
    """Show that PostgreSQL does not answer, or is too busy."""
    LOG.warning("PostgreSQL did not serve a page", extra={"error": type(error).__name__})
    answer = error_page(HTTPStatus.SERVICE_UNAVAILABLE, TRY_AGAIN)
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def unexpected_error_page(error: Exception) -> Response:
    """Show what nobody foresaw, and log all of it."""
    LOG.error("A page failed unexpectedly", exc_info=error)
    return error_page(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)


def error_page(status: HTTPStatus, sentence: str) -> Response:
    """Return a page that tells *sentence*."""
    # Whoever is signed in keeps the navigation; nobody is looked up for an error's sake, since that may be the error.
    g.setdefault("sign_in", None)
    title = TITLES.get(status, status.phrase)
    return make_response(render_template("trouble.html", title=title, sentence=sentence, status=int(status)), status)
