"""GET with `If-None-Match` and `Prefer: wait=N`: answered when the resource changes, else 304 after N seconds."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from app.web.prefer_wait import preferred_wait, wait_until
from schemas.json_values import dump_json


def respond_when_changed(read: Callable[[], Response]) -> ResponseReturnValue:
    """Return the response of *read* with an ETag; 304 when the client has it.

    With `Prefer: wait=N` it waits before the 304 for another response of *read*. While too many requests wait, it
    answers at once and without `Preference-Applied`.
    """
    response = _tagged(read())
    seconds = preferred_wait()
    applied = False
    if seconds and _is_known(response):

        def changed() -> bool:
            nonlocal response
            response = _tagged(read())
            return not _is_known(response)

        applied = wait_until(changed, seconds=seconds)
    response.vary.add("Prefer")
    if applied:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response.make_conditional(request)


def _tagged(response: Response) -> Response:
    """Return *response* with its ETag, or with a digest of its body as a strong one."""
    if response.get_etag()[0] is None:
        response.add_etag()
    return response


def digest_of(content: Any) -> str:
    """Return the digest of *content* for an ETag."""
    return hashlib.sha256(dump_json(content)).hexdigest()[:40]


def _is_known(response: Response) -> bool:
    """Return whether `If-None-Match` names the ETag of *response*. `*` matches every response, now and later."""
    tag, _ = response.get_etag()
    known = request.if_none_match
    return response.status_code == HTTPStatus.OK and not known.star_tag and tag is not None and known.contains_weak(tag)
