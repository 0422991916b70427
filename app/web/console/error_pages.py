"""Error pages of the console, with the same sentences as the API."""

import logging
from http import HTTPStatus
from urllib.parse import quote

import psycopg
from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from app.db.errors import Response as ErrorResponse
from app.db.errors import response_to, to_unavailable
from app.errors import DatabaseUnavailable, NotFound, Rejected, ResolutionUnsettled, WorkspaceClosed
from app.web.auth import ACCESS_DENIED, AccessDenied
from app.web.console.auth import HOME, SIGN_IN, NotSignedIn, signed_in
from app.web.errors import CLOSED_RETRY_AFTER, NOT_STORABLE, RETRY_AFTER, UNEXPECTED, first_sentence
from app.web.proxies import with_prefix

LOG = logging.getLogger(__name__)

blueprint = Blueprint("error_pages", __name__)

TITLES = {
    HTTPStatus.BAD_REQUEST: "Invalid request",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "Not possible now",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Sent before with other values",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request too large",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database does not answer",
}
NOTHING_HERE = "There is no such page in the console."
TRY_AGAIN = "No accepted merge is lost; all of them continue without help. Reload the page in a few seconds."


@blueprint.get("/<path:path>")
@signed_in(permission=None)
def unknown_page(path: str) -> ResponseReturnValue:
    """Raise NotFound for any other path of the console, so that the answer is a page and not JSON."""
    del path
    raise NotFound(NOTHING_HERE)


def register_error_pages(console: Blueprint) -> None:
    """Register the handlers of all errors of console pages."""
    console.register_error_handler(NotSignedIn, redirect_to_sign_in)
    console.register_error_handler(AccessDenied, access_denied_page)
    console.register_error_handler(Rejected, rejected_page)
    console.register_error_handler(ValidationError, invalid_page)
    console.register_error_handler(HTTPException, http_error_page)
    console.register_error_handler(DatabaseUnavailable, unavailable_page)
    console.register_error_handler(ResolutionUnsettled, unavailable_page)
    console.register_error_handler(psycopg.Error, database_error_page)
    console.register_error_handler(Exception, unexpected_error_page)


def redirect_to_sign_in(_: NotSignedIn) -> Response:
    """Redirect to the sign-in form, which redirects to the requested page."""
    next_path = request.path if request.method == "GET" else HOME
    form = SIGN_IN if next_path == HOME else f"{SIGN_IN}?next={quote(next_path)}"
    if "HX-Request" in request.headers:
        # htmx would insert the form into the page, so it gets the redirect in a header.
        answer = Response(status=HTTPStatus.UNAUTHORIZED)
        answer.headers["HX-Redirect"] = with_prefix(SIGN_IN)
        return answer
    return make_response(redirect(with_prefix(form), HTTPStatus.SEE_OTHER))


def access_denied_page(error: AccessDenied) -> Response:
    """Show which permission is missing: that of the page, unless *error* has a sentence of its own."""
    if str(error) != ACCESS_DENIED:
        return error_page(HTTPStatus.FORBIDDEN, str(error))
    view = current_app.view_functions[request.endpoint or ""]
    needed = " or ".join(getattr(view, "page_permissions", None) or ())
    return error_page(HTTPStatus.FORBIDDEN, f"The API key lacks the permission {needed}.")


def rejected_page(error: Rejected) -> Response:
    return error_page(HTTPStatus(error.status), str(error))


def invalid_page(error: ValidationError) -> Response:
    """Show the first validation error."""
    return error_page(HTTPStatus.BAD_REQUEST, first_sentence(error.messages))


def http_error_page(error: HTTPException) -> Response:
    """Show an error of Flask itself, such as 404 or 405."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    return error_page(status, NOTHING_HERE if status == HTTPStatus.NOT_FOUND else f"{status.phrase}.")


def database_error_page(error: psycopg.Error) -> Response:
    """Show what the API answers to an error of PostgreSQL."""
    kind = response_to(error)
    if kind is ErrorResponse.WAIT:
        return unavailable_page(to_unavailable(error))
    if kind is ErrorResponse.REFUSE:
        LOG.error("page_refused_by_database", exc_info=error)
        return error_page(HTTPStatus.BAD_REQUEST, NOT_STORABLE)
    return unexpected_error_page(error)


def unavailable_page(error: Exception) -> Response:
    if isinstance(error, WorkspaceClosed):
        return _closed_page(error)
    LOG.warning("page_without_database", extra={"error": type(error).__name__, "reason": str(error)})
    answer = error_page(HTTPStatus.SERVICE_UNAVAILABLE, TRY_AGAIN)
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _closed_page(error: WorkspaceClosed) -> Response:
    """Say that the workspace moves. No navigation: its pages are closed too."""
    sentence = f"{error} Reload the page in a few seconds."
    answer = error_page(HTTPStatus.SERVICE_UNAVAILABLE, sentence, title="The workspace is closed")
    answer.headers["Retry-After"] = str(CLOSED_RETRY_AFTER)
    return answer


def unexpected_error_page(error: Exception) -> Response:
    """Show a bug of our own without its text, and log it."""
    LOG.error("page_failed", exc_info=error)
    return error_page(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)


def error_page(status: HTTPStatus, sentence: str, *, title: str | None = None) -> Response:
    """Return an error page with *sentence* and *title*, by default that of *status*."""
    # A known session keeps the navigation. It is not loaded for the error page, since loading may be what failed.
    g.setdefault("sign_in", None)
    title = title or TITLES.get(status, status.phrase)
    return make_response(render_template("error.html", title=title, sentence=sentence, status=int(status)), status)
