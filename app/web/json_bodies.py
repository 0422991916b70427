"""JSON on orjson: responses, and request bodies with a check for text that cannot be stored."""

import codecs
from typing import Any

import orjson
from flask import Response, request
from flask.json.provider import JSONProvider
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import Rejected
from schemas.json_values import InvalidJson, parse_json
from schemas.text import UnfitText, check_body

#: Limit of a request body in bytes: the vendor's 4 MB.
MAX_BODY = 4 * 1024 * 1024
UTF_8 = frozenset({"utf-8", "ascii"})
CHARSET = "The charset of the Content-Type header must be utf-8; send the request body as JSON in UTF-8."
SYNTAX = "Error while parsing request body. Please check your syntax."


class OrjsonProvider(JSONProvider):
    """Flask's JSON provider on orjson: faster than the standard library. Serializes times and UUIDs, refuses NaN."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = self._prepare_response_obj(args, kwargs)
        return Response(orjson.dumps(body) + b"\n", mimetype="application/json")


class WrongContentType(Rejected):
    """The Content-Type of the request body is not JSON in UTF-8."""

    status = 415


def json_body() -> Any:
    """Return the parsed body of this request; integers beyond 64 bits are OversizedIntegers.

    Raises WrongContentType for another Content-Type than JSON in UTF-8, RequestEntityTooLarge above MAX_BODY bytes, and
    Rejected for invalid JSON, invalid UTF-8 or text that cannot be stored. A byte order mark before the JSON is
    ignored.
    """
    if not _is_json(request.mimetype):
        raise WrongContentType("The Content-Type header must be application/json.")
    if not is_utf_8(request.mimetype_params.get("charset", "")):
        raise WrongContentType(CHARSET)
    try:
        body = parse_json(_read().removeprefix(codecs.BOM_UTF8))
    except InvalidJson:
        raise Rejected(SYNTAX) from None
    check_text(body)
    return body


def check_text(body: Any) -> None:
    """Raise Rejected if *body* contains text that cannot be stored, such as NUL."""
    try:
        check_body(body)
    except UnfitText as error:
        raise Rejected(str(error)) from None


def _read() -> bytes:
    # Flask refuses a Content-Length above MAX_BODY, but cuts a body without one at that length.
    data = request.get_data(cache=False)
    if request.content_length is None and len(data) >= MAX_BODY:
        raise RequestEntityTooLarge
    return data


def _is_json(mimetype: str) -> bool:
    """Return whether *mimetype*, in lower case and without parameters, is JSON or a `+json` type."""
    return mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))


def is_utf_8(charset: str) -> bool:
    """Return whether *charset* is another name of UTF-8 or of its subset ASCII; none means UTF-8."""
    try:
        return not charset or codecs.lookup(charset).name in UTF_8
    except (LookupError, ValueError):  # ValueError: a name with a NUL
        return False
