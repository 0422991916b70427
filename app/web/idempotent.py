"""Requests with an Idempotency-Key: a repeated one gets the first response again."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Wrapper, unchanged
from app.errors import Rejected
from app.ledger.idempotency import IdempotencyKey
from app.ledger.stored_responses import OnceByKey, Replayed, StoredResponse
from app.web.resources import settings
from schemas.json_values import dump_json

R = TypeVar("R")

VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
WRONG_KEY = "The Idempotency-Key header must have from 1 to 255 visible ASCII characters."
#: Headers that differ for each response.
NOT_STORED = frozenset({"content-length"})


def idempotency_key(body: Any = None, *, given: str | None = None) -> IdempotencyKey | None:
    """Return the Idempotency-Key of this request, or None; raise Rejected if it is invalid.

    *given* replaces the header. Two bodies are equal if their JSON is: white space and the order of keys do not count.
    """
    key = request.headers.get("Idempotency-Key") if given is None else given
    if key is None:
        return None
    if not VISIBLE.fullmatch(key):
        raise Rejected(WRONG_KEY)
    canonical = dump_json(body, option=orjson.OPT_SORT_KEYS)
    return IdempotencyKey(key=key, body=canonical, hours=settings().idempotency_hours)


def respond_once(
    effect: Callable[[Wrapper], R],
    answer: Callable[[R], ResponseReturnValue],
    *,
    body: Any = None,
    key: str | None = None,
    errors_count: bool = False,
) -> ResponseReturnValue:
    """Return the *answer* to the result of *effect*; of a repeated request, the first response again.

    *effect* wraps its use case with the Wrapper that it gets, so that the response is stored in the transaction of the
    effect. *answer* is called again when that transaction is repeated, so it changes nothing. *body* is the parsed body
    of this request, and *key* replaces its header. An error does not use the key up, unless *errors_count*: the effect
    has counted a request whose response is an error. Raises KeyInUse and KeyReused.
    """
    given = idempotency_key(body, given=key)
    if given is None:
        return answer(effect(unchanged))
    responses: list[Response] = []

    def respond(result: R) -> StoredResponse:
        response = current_app.make_response(answer(result))
        responses.append(response)
        headers = {name: value for name, value in response.headers if name.lower() not in NOT_STORED}
        return StoredResponse(status=response.status_code, headers=headers, body=response.get_data())

    try:
        peppers = settings().key_pepper
        effect(OnceByKey(given, path=request.path, peppers=peppers, respond=respond, errors_count=errors_count))
    except Replayed as earlier:
        first = earlier.response
        headers = {**first.headers, "Idempotent-Replayed": "true"}
        return Response(first.body, status=first.status, headers=headers)
    return responses[-1]
