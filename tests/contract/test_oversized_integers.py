"""An integer beyond 64 bits in any place of any request: no 5xx, and no response and no profile has it rounded."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fuzz.endpoints import LISTED, Endpoint
from fuzz.names import Names
from schemas.json_values import OversizedInteger, dump_json
from tests.support.flask_caller import Caller

BIG = OversizedInteger("109876543210987654321")
#: The beginning of BIG as orjson would write the rounded float.
ROUNDED = b"1.09876543"
WITH_BODY = [endpoint for endpoint in LISTED if endpoint.bodies and "<" not in endpoint.rule]


def replaced(tree: Any) -> Iterator[Any]:
    """Yield *tree* once for each place in it, with BIG there."""
    yield BIG
    if isinstance(tree, dict):
        for key, part in tree.items():
            yield from ({**tree, key: each} for each in replaced(part))
    elif isinstance(tree, list):
        for index, part in enumerate(tree):
            yield from ([*tree[:index], each, *tree[index + 1 :]] for each in replaced(part))


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: f"{endpoint.method} {endpoint.rule}")
def test_an_oversized_integer_is_refused_or_left_out_in_any_place(caller: Caller, endpoint: Endpoint) -> None:
    send = {"POST": caller.post, "PUT": caller.put}[endpoint.method]
    bodies = [body(Names(Random(number), spell=0)) for number, body in enumerate(endpoint.bodies)]
    for body in (changed for each in bodies for changed in replaced(each)):
        response = send(endpoint.rule, data=dump_json(body), content_type=endpoint.media)

        assert response.status_code < 500, (body, response.json)
        assert ROUNDED not in response.data, body
    for path in ("/profiles", "/audit", "/merge/jobs"):
        assert ROUNDED not in caller.get(path, limit=100).data
