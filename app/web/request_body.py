"""Request bodies: read, parsed and found fit to be stored, or refused with a sentence."""

from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import Rejected
from schemas.text import UnfitText, check_body

#: Bytes that a request body may have: the vendor's 4 MB.
MAX_BODY = 4 * 1024 * 1024
SYNTAX = "Error while parsing request body. Please check your syntax."


class WrongContentType(Rejected):
    """A request body is not declared to be JSON."""

    status = 415


def json_body() -> Any:
    """Return the parsed body of this request.

    Raises WrongContentType unless it is declared as JSON, RequestEntityTooLarge above MAX_BODY bytes, and Rejected
    when it is not JSON in UTF-8 or holds what no field may hold.
    """
    if not _is_json(request.mimetype):
        raise WrongContentType("The Content-Type header must be application/json.")
    try:
        body = orjson.loads(_read())
    except orjson.JSONDecodeError:
        raise Rejected(SYNTAX) from None
    check_text(body)
    return body


def check_text(body: Any) -> None:
    """Raise Rejected when *body*, as it was parsed or made of a form, holds what no field may hold."""
    try:
        check_body(body)
    except UnfitText as error:
        raise Rejected(str(error)) from None


def _read() -> bytes:
    """Return the bytes of the body. Flask refuses a length above MAX_BODY; a body without one it cuts off there."""
    data = request.get_data(cache=False)
    if request.content_length is None and len(data) >= MAX_BODY:
        raise RequestEntityTooLarge
    return data


def _is_json(mimetype: str) -> bool:
    """Return whether *mimetype*, in lower case and without parameters, is JSON or built on it."""
    return mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))
