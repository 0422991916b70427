"""The door before every endpoint: who is asking, and may they."""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request

from app import keys
from app.db.connections import lend_connection
from app.errors import Rejected
from app.web.rate_limiting import take
from app.web.request_body import json_body
from app.web.resources import pool, settings

__all__ = [
    "POLLING",
    "AccessDenied",
    "InvalidKey",
    "authenticate_request",
    "authorize",
    "json_body",
    "pool",
    "requires",
    "settings",
]

P = ParamSpec("P")
R = TypeVar("R")

BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE)
#: Permissions of which any one lets a key see what became of its workspace's jobs.
POLLING = ("users.merge", "users.identify")


class InvalidKey(Rejected):
    """The request carries no key that opens a workspace."""

    status = 401


class AccessDenied(Rejected):
    """The key does not have the permission that the endpoint asks for."""

    status = 403


def requires(*, permission: str | tuple[str, ...] | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets a view be entered with a valid key that has *permission* only.

    Of several permissions any one will do; None asks for a valid key alone. The view finds `g.workspace_id`,
    `g.api_key_id`, and in `g.may` a function that says whether the key has a permission. Raises InvalidKey,
    TooManyRequests and AccessDenied.
    """
    wanted = (permission,) if isinstance(permission, str) else permission

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            authenticate_request(wanted)
            return view(*args, **kwargs)

        vars(guarded)["door"] = wanted  # by this a test knows that the endpoint has a door
        return guarded

    return guard


def authenticate_request(wanted: tuple[str, ...] | None) -> None:
    """Note whose request this is, or raise."""
    with lend_connection(pool()) as connection:
        holder = keys.authenticate(connection, _secret(), peppers=settings().key_pepper)
    if holder is None:
        raise InvalidKey("Invalid API key")
    authorize(holder, wanted)


def authorize(holder: keys.KeyHolder, wanted: tuple[str, ...] | None) -> None:
    """Note that this is a request of *holder*, and count it; raise TooManyRequests or AccessDenied."""
    g.workspace_id = holder.workspace_id
    g.api_key_id = holder.key_id
    g.may = holder.may
    take(workspace_id=holder.workspace_id, own=holder.limits)
    if wanted is not None and not any(map(holder.may, wanted)):
        raise AccessDenied("Access Denied")


def _secret() -> str:
    """Return the key that the request carries; raise InvalidKey when it carries none."""
    match = BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        raise InvalidKey("Invalid API key")
    # WSGI hands the header's bytes over as Latin-1; keys are UTF-8.
    return match[1].encode("latin-1").decode("utf-8", errors="replace")
