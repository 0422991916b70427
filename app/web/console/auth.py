"""Signing in and out: the browser sends the API key once and then holds a session token."""

import logging
import re
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import ParamSpec

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app import keys
from app.db.connections import lend_connection
from app.db.transaction import run_in_transaction
from app.errors import Rejected, WorkspaceClosed
from app.keys import sign_ins
from app.keys.secrets import label_of_secret
from app.rates.buckets import Bucket, Limit
from app.web.auth import authorize
from app.web.console import csrf
from app.web.proxies import with_prefix
from app.web.rate_limiting import TooManyRequests, limiter_of
from app.web.resources import pool, settings

LOG = logging.getLogger(__name__)
P = ParamSpec("P")

HOME = "/console"
SIGN_IN = "/console/sign-in"
#: Characters of a page's path: names and ids.
PAGE_PATH = re.compile(r"/console/[A-Za-z0-9/_-]{1,200}", re.ASCII)
#: Failed sign-in attempts per address and minute.
ATTEMPTS = Limit(Bucket.OTHER, 20, 60)
WRONG_KEY = "This key is unknown, expired or revoked. Check it and try again."

blueprint = Blueprint("auth", __name__)


class NotSignedIn(Rejected):
    """The browser is not signed in, or its session has ended."""

    status = 401


def signed_in(
    *, permission: str | tuple[str, ...] | None
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Return a decorator that requires a session whose key has *permission*: `requires` for pages.

    It sets the same attributes of `g`. A POST needs a form token. Raises NotSignedIn, CSRFError, TooManyRequests and
    AccessDenied.
    """
    needed = (permission,) if isinstance(permission, str) else permission

    def guard(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            present = csrf.current_sign_in()
            if present is None:
                raise NotSignedIn("Sign in to see this page.")
            if request.method == "POST":
                csrf.check_form_token()
            authorize(present.holder, needed)
            return view(*args, **kwargs)

        vars(guarded)["page_permissions"] = needed  # a test checks that every page has them
        return guarded

    return guard


@blueprint.get("/sign-in")
def sign_in_page() -> ResponseReturnValue:
    """Show the sign-in form."""
    return _form(HTTPStatus.OK)


@blueprint.post("/sign-in")
def submit_sign_in() -> ResponseReturnValue:
    """Sign in with the key of the form and redirect to the requested page; 401 for an unknown key.

    Only failed attempts count, and a valid key signs in however many of them there were: other clients behind the same
    proxy cannot lock it out. A key is too long to be guessed, with or without the limit.
    """
    secret = request.form.get("key", "").strip()
    try:
        with lend_connection(pool()) as connection:
            holder = keys.find_key_holder(connection, secret, peppers=settings().key_pepper)
    except WorkspaceClosed:
        if (answer := _other_cell(secret)) is not None:
            return answer
        raise
    if holder is None:
        if (answer := _other_cell(secret)) is not None:
            return answer
        _count_failure()
        LOG.warning("console_sign_in_failed")
        return _form(HTTPStatus.UNAUTHORIZED, fault=WRONG_KEY)
    token = run_in_transaction(
        pool(),
        holder.workspace_id,
        sign_ins.begin_sign_in,
        holder,
        hours=settings().console_hours,
        peppers=settings().key_pepper,
    )
    g.workspace_id, g.api_key_id = holder.workspace_id, holder.key_id
    answer = make_response(redirect(with_prefix(safe_next_path(request.form.get("next", ""))), HTTPStatus.SEE_OTHER))
    csrf.set_sign_in_cookie(answer, token)
    if csrf.ROUTE_COOKIE in request.cookies:
        csrf.delete_route_cookie(answer)
    return answer


@blueprint.post("/sign-out")
@signed_in(permission=None)
def submit_sign_out() -> ResponseReturnValue:
    """Delete the session, in the database too, and redirect to the form."""
    run_in_transaction(pool(), g.workspace_id, sign_ins.end_sign_in, g.sign_in_token, peppers=settings().key_pepper)
    answer = make_response(redirect(with_prefix(SIGN_IN), HTTPStatus.SEE_OTHER))
    csrf.delete_sign_in_cookie(answer)
    return answer


def safe_next_path(path: str) -> str:
    """Return *path* if it is a page of the console, else its home page."""
    return path if PAGE_PATH.fullmatch(path) and path != SIGN_IN else HOME


def _form(status: HTTPStatus, *, fault: str | None = None) -> ResponseReturnValue:
    requested = request.form.get("next") or request.args.get("next", "")
    return render_template("sign_in.html", fault=fault, next_path=safe_next_path(requested)), status


def _other_cell(secret: str) -> Response | None:
    """Return the redirect that sends the form to the cell of *secret*, or None when this is it or there are no cells.

    The balancer reads the label from a cookie. A request that has the cookie came by it, so that nothing loops.
    """
    label = label_of_secret(secret)
    if not settings().cell or label is None or request.cookies.get(csrf.ROUTE_COOKIE) == label:
        return None
    answer = make_response(redirect(with_prefix(SIGN_IN), HTTPStatus.TEMPORARY_REDIRECT))
    csrf.set_route_cookie(answer, label)
    return answer


def _count_failure() -> None:
    """Count a failed sign-in attempt of this address; raise TooManyRequests above ATTEMPTS."""
    address = sha256((request.remote_addr or "").encode()).hexdigest()[:16]
    limit_status = limiter_of(current_app).windows.count_request_of(f"sign-in:{address}", ATTEMPTS)
    if limit_status.refused:
        raise TooManyRequests(f"Too many attempts to sign in. Try again in {limit_status.retry_after} seconds.")
