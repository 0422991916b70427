"""`Idempotency-Key`: the same request sent twice is accepted once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.db.connections import Connection
from tests.support.flask_caller import Caller

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}
OTHER = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "c"}}]}
KEY = {"Idempotency-Key": "0b9d2f4e/1"}


def send(caller: Caller, body: Any = BODY, headers: dict[str, str] = KEY) -> TestResponse:
    """Request a merge with an Idempotency-Key."""
    return caller.post("/users/merge", body, headers=headers)


def test_a_repeated_request_gets_the_first_response(caller: Caller, count: Callable[[], dict[str, int]]) -> None:
    first = send(caller)
    again = send(caller)

    assert again.status_code == first.status_code == 202
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count()["batch"] == count()["job"] == 1


def test_a_body_is_the_same_with_another_order_of_keys_and_other_white_space(caller: Caller) -> None:
    first = send(caller)
    data = b"""{ "merge_updates": [ {"identifier_to_keep": {"external_id": "b"},
                 "identifier_to_merge": {"external_id": "a"} } ] }"""

    again = caller.post("/users/merge", data=data, content_type="application/json", headers=KEY)

    assert again.json == first.json


def test_another_body_with_the_same_key_gets_422(caller: Caller, count: Callable[[], dict[str, int]]) -> None:
    send(caller)

    response = send(caller, OTHER)

    assert response.status_code == 422
    assert response.json == {
        "message": "This Idempotency-Key was used with another body; use a new key for a new request."
    }
    assert response.headers["Link"] == '</docs>; rel="describedby"; type="text/html"'
    assert count()["batch"] == 1


def test_a_repeated_request_without_a_key_is_accepted_again(
    caller: Caller, count: Callable[[], dict[str, int]]
) -> None:
    send(caller, headers={})
    send(caller, headers={})

    assert count() == {"batch": 2, "job": 2, "idempotency": 0, "profile": 0}


def test_a_key_belongs_to_its_workspace(make_caller: Callable[..., Caller]) -> None:
    first, second = send(make_caller()), send(make_caller(), OTHER)

    assert second.status_code == 202
    assert second.json != first.json


def test_two_keys_of_one_workspace_share_idempotency_keys(make_caller: Callable[..., Caller]) -> None:
    first = send(make_caller(workspace="shop"))

    assert send(make_caller(workspace="shop")).json == first.json


def test_a_refused_request_does_not_use_its_key(caller: Caller, count: Callable[[], dict[str, int]]) -> None:
    refused = send(caller, {"merge_updates": [1]})
    assert refused.status_code == 400
    assert count()["idempotency"] == 0

    assert send(caller).status_code == 202


def test_an_expired_key_can_be_used_again(caller: Caller, connection: Connection) -> None:
    first = send(caller)
    connection.execute(
        "UPDATE idempotency SET created_at = created_at - interval '24 hours' WHERE workspace_id = %s",
        [caller.workspace_id],
    )

    second = send(caller, OTHER)

    assert second.status_code == 202
    assert second.json != first.json
    assert send(caller, OTHER).json == second.json


def test_a_repeated_request_gets_409_while_the_first_runs(caller: Caller, connection: Connection) -> None:
    scope = f"{caller.workspace_id} /users/merge {KEY['Idempotency-Key']}"
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [scope])
        response = send(caller)

    assert response.status_code == 409
    assert response.json is not None
    assert response.json["message"].startswith("The first request with this Idempotency-Key is still running")
    assert response.headers["Link"] == '</docs>; rel="describedby"; type="text/html"'
    assert send(caller).status_code == 202


def test_concurrent_requests_with_one_key_are_accepted_once(
    caller: Caller, count: Callable[[], dict[str, int]]
) -> None:
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda _: send(caller), range(40)))

    accepted = {response.json["batch_id"] for response in responses if response.status_code == 202 and response.json}
    assert {response.status_code for response in responses} <= {202, 409}
    assert len(accepted) == 1
    assert count()["batch"] == count()["job"] == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "ü", "x" * 256])
def test_an_invalid_key_is_refused(caller: Caller, count: Callable[[], dict[str, int]], key: str) -> None:
    response = send(caller, headers={"Idempotency-Key": key})

    assert response.status_code == 400
    assert response.json == {"message": "The Idempotency-Key header must have from 1 to 255 visible ASCII characters."}
    assert not any(count().values())


def test_a_key_of_255_characters_is_accepted(caller: Caller) -> None:
    assert send(caller, headers={"Idempotency-Key": "~" * 255}).status_code == 202
