"""`Idempotency-Key` on requests that create no batch: a repeated request has no effect and gets the first response."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.db.connections import Connection
from app.users import track
from app.web.resources import resources_of
from tests.support.flask_caller import Caller

MARKER = "lovelace-7f3a"
KEY = {"Idempotency-Key": f"of-{MARKER}"}
PURCHASE = {
    "external_id": MARKER,
    "product_id": "hat",
    "currency": "USD",
    "price": 9.99,
    "time": "2026-05-01T12:00:00Z",
}
BODY = {"purchases": [PURCHASE], "attributes": [{"first_name": "nobody's"}]}
FIRST_USE = "SELECT key, body_digest, batch_id, response FROM idempotency WHERE workspace_id = %s"


def send(caller: Caller, body: Any = BODY, headers: dict[str, str] = KEY) -> TestResponse:
    return caller.post("/users/track", body, headers=headers)


def purchases(caller: Caller) -> int:
    """Return the number of purchases of the profile."""
    found = caller.post("/users/export/ids", {"external_ids": [MARKER]}).json or {}
    return sum(each["count"] for user in found["users"] for each in user.get("purchases", ()))


def test_a_repeated_track_has_its_effect_once_and_gets_the_first_response(caller: Caller) -> None:
    first, again = send(caller), send(caller)

    assert first.status_code == again.status_code == 201
    assert again.data == first.data
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert purchases(caller) == 1


def test_concurrent_repeated_tracks_have_one_effect(caller: Caller) -> None:
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda _: send(caller), range(24)))

    assert {response.status_code for response in responses} <= {201, 409}
    assert len({response.data for response in responses if response.status_code == 201}) == 1
    assert purchases(caller) == 1


def test_another_body_with_the_same_key_gets_422_and_has_no_effect(caller: Caller) -> None:
    send(caller)

    response = send(caller, {"purchases": [PURCHASE]})

    assert response.status_code == 422
    assert purchases(caller) == 1


def test_a_track_without_a_key_has_its_effect_again(caller: Caller, count: Callable[[], dict[str, int]]) -> None:
    send(caller, headers={})
    send(caller, headers={})

    assert purchases(caller) == 2
    assert count()["idempotency"] == 0


def test_a_failed_track_does_not_use_its_key(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(track, "record_history", lambda tx, *, entries: 1 / 0)
        assert send(caller).status_code == 500
    assert purchases(caller) == 0

    assert send(caller).status_code == 201
    assert purchases(caller) == 1


def test_a_track_without_a_valid_object_does_not_use_its_key(
    caller: Caller, count: Callable[[], dict[str, int]]
) -> None:
    refused = {"purchases": [{**PURCHASE, "price": 90_000_000_000_000, "quantity": 100}]}

    assert send(caller, refused).status_code == 400
    assert count()["idempotency"] == 0
    assert send(caller).status_code == 201


def test_a_repeated_transaction_stores_its_response_once(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []
    log_events = track.log_events

    def fail_first(tx: Any, **options: Any) -> None:
        attempts.append(tx)
        if len(attempts) == 1:
            raise track.ResolutionUnsettled("Once.")
        log_events(tx, **options)

    with monkeypatch.context() as patched:
        patched.setattr(track, "log_events", fail_first)
        first = send(caller)
    again = send(caller)

    assert len(attempts) == 2
    assert first.status_code == 201
    assert len((first.json or {})["errors"]) == 1
    assert again.data == first.data
    assert purchases(caller) == 1


def test_a_stored_response_contains_no_personal_data(caller: Caller, connection: Connection) -> None:
    rename = {"external_id_renames": [{"current_external_id": MARKER, "new_external_id": f"{MARKER}-2"}]}
    send(caller)
    assert MARKER in caller.post("/users/external_ids/rename", rename, headers=KEY).text

    uses = connection.execute(FIRST_USE, [caller.workspace_id]).fetchall()

    assert len(uses) == 2
    for use in uses:
        assert use["batch_id"] is None
        assert use["response"]
        assert not any(MARKER.encode() in bytes(part) for part in (use["key"].encode(), use["response"]))


#: Peppers from the oldest to the newest. "" is the pepper of a key that was created without one.
OLD, NEW, NEWEST = "", "a-new-pepper-" * 3, "the-newest-pepper-" * 3


def test_a_stored_response_is_returned_after_a_change_of_the_pepper(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send(caller)
    set_peppers(caller, monkeypatch, NEW, OLD)

    assert send(caller).data == first.data


def test_a_repeated_request_whose_pepper_is_removed_gets_422(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    set_peppers(caller, monkeypatch, NEW, OLD)
    send(caller)
    set_peppers(caller, monkeypatch, NEWEST, NEW)
    assert purchases(caller) == 1  # the API key gets a digest with the newest pepper
    set_peppers(caller, monkeypatch, NEWEST)

    response = send(caller)

    assert response.status_code == 422
    assert (response.json or {})["message"].startswith("The response to the first request")
    assert purchases(caller) == 1


def set_peppers(caller: Caller, monkeypatch: pytest.MonkeyPatch, *peppers: str) -> None:
    resources = resources_of(caller.flask)
    monkeypatch.setattr(resources, "settings", dataclasses.replace(resources.settings, key_pepper=peppers))
