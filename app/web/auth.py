"""Authentication and authorization of API requests."""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request

from app import keys
from app.audit.log import Actor
from app.db.connections import lend_connection
from app.errors import Rejected
from app.web.json_bodies import json_body
from app.web.key_uses import record_use
from app.web.rate_limiting import count_request
from app.web.resources import pool, settings
from app.web.workspace_shares import refuse_again, take_thread

__all__ = [
    "ACCESS_DENIED",
    "POLLING",
    "AccessDenied",
    "InvalidKey",
    "authenticate_request",
    "authorize",
    "current_actor",
    "json_body",
    "pool",
    "requires",
    "settings",
]

P = ParamSpec("P")
R = TypeVar("R")

BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE)
#: The message of AccessDenied, which the vendor's clients know.
ACCESS_DENIED = "Access Denied"
#: A key with any one of these permissions may read the jobs of its workspace.
POLLING = ("users.merge", "users.identify")


class InvalidKey(Rejected):
    """The request has no valid API key."""

    status = 401


class AccessDenied(Rejected):
    """The key lacks the permission of the endpoint."""

    status = 403


def requires(*, permission: str | tuple[str, ...] | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that requires a valid key with *permission*, or with any one of several; None: any key.

    It sets `g.workspace_id`, `g.api_key_id` and `g.may`, a function that returns whether the key has a permission.
    Raises InvalidKey, TooManyRequests and AccessDenied.
    """
    needed = (permission,) if isinstance(permission, str) else permission

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            authenticate_request(needed)
            return view(*args, **kwargs)

        vars(guarded)["permissions"] = needed  # a test checks that every endpoint has them
        return guarded

    return guard


def authenticate_request(needed: tuple[str, ...] | None) -> None:
    """Authenticate the request by its API key and authorize it.

    Raises InvalidKey without a valid key, and Overloaded if the key's last request was refused and nothing has changed.
    """
    secret = _secret()
    refuse_again(secret)
    with lend_connection(pool()) as connection:
        holder = keys.find_key_holder(connection, secret, peppers=settings().key_pepper)
    if holder is None:
        raise InvalidKey("Invalid API key")
    authorize(holder, needed)


def authorize(holder: keys.KeyHolder, needed: tuple[str, ...] | None) -> None:
    """Set the request's workspace and key, and count it; raise TooManyRequests, Overloaded or AccessDenied."""
    g.workspace_id = holder.workspace_id
    g.api_key_id = holder.key_id
    g.may = holder.may
    take_thread()
    count_request(workspace_id=holder.workspace_id, own=holder.limits)
    record_use(workspace_id=holder.workspace_id, key_id=holder.key_id)
    if needed is not None and not any(map(holder.may, needed)):
        raise AccessDenied(ACCESS_DENIED)


def current_actor() -> Actor:
    """Return the API key, request id and path of this request, for the audit log."""
    return Actor(api_key_id=g.api_key_id, request_id=g.request_id, path=request.path)


def _secret() -> str:
    """Return the API key of the request; raise InvalidKey if it has none."""
    match = BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        raise InvalidKey("Invalid API key")
    # WSGI decodes headers as Latin-1; keys are UTF-8.
    return match[1].encode("latin-1").decode("utf-8", errors="replace")
