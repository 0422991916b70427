"""Errors of a request before its endpoint runs: key, URL, method, size, media type and syntax."""

import pytest
import requests

from app import keys
from cli.database import connected
from tests.support.client import Client
from tests.support.system import System

UPDATE = {"identifier_to_merge": {"external_id": "orphan"}, "identifier_to_keep": {"external_id": "survivor"}}


def without_key(client: Client, **headers: str) -> requests.Response:
    """Return the response to a valid request with these headers and no default ones."""
    body = {"merge_updates": [UPDATE]}
    return requests.post(f"{client.base_url}/users/merge", json=body, headers=headers, timeout=30)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer  \t", "Basic YWRhOmxvdmVsYWNl", "Bearer no-such-key", "no-such-key"],
)
def test_without_a_valid_key_the_response_is_401(client: Client, header: str | None) -> None:
    response = without_key(client, **({} if header is None else {"Authorization": header}))

    assert response.status_code == 401
    assert response.json() == {"message": "Invalid API key"}
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_from_the_next_request_on(system: System, client: Client) -> None:
    assert client.post("/users/merge", {"merge_updates": [UPDATE]}).status_code == 202

    with connected(system.settings, system.database_url, name="test") as connection:
        (key,) = keys.list_keys(connection, workspace=client.workspace)
        keys.revoke_key(connection, key_id=key.key_id)
    response = client.post("/users/merge", {"merge_updates": [UPDATE]})

    assert response.status_code == 401
    assert response.json() == {"message": "Invalid API key"}


def test_the_key_is_checked_before_the_body_and_never_quoted(client: Client) -> None:
    response = requests.post(
        f"{client.base_url}/users/merge", data=b"{", headers={"Authorization": "Bearer sesame"}, timeout=30
    )

    assert response.status_code == 401
    assert "sesame" not in response.text + str(response.headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users/merge"),
        ("POST", "/users/identify"),
        ("POST", "/users/track"),
        ("POST", "/users/alias/new"),
        ("POST", "/users/export/ids"),
        ("GET", "/merge/batches"),
        ("GET", "/merge/jobs"),
        ("GET", "/profiles/5fbd5f1ea3a5b9c2d4e6f708"),
        ("GET", "/profiles/5fbd5f1ea3a5b9c2d4e6f708/activity"),
        ("GET", "/profiles/5fbd5f1ea3a5b9c2d4e6f708/history"),
    ],
)
def test_a_key_without_the_permission_is_answered_with_403(system: System, method: str, path: str) -> None:
    stranger = system.new_client(permissions=["users.delete"])
    response = stranger.request(method, path, json={"merge_updates": [UPDATE]} if method == "POST" else None)

    assert response.status_code == 403
    assert response.json() == {"message": "Access Denied"}


def test_the_permission_to_merge_is_enough_to_merge_and_to_poll(system: System) -> None:
    merger = system.new_client(permissions=["users.merge"])
    batch = merger.finished(merger.merge([("orphan", "survivor")]))

    assert batch["counts"] == {"orphan_not_found": 1}
    assert merger.post("/users/track", {"attributes": [{"external_id": "a"}]}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/users", "/users/merge/", "/users/merges", "/merge/batches/7", "/merge/jobs/x"])
def test_an_unknown_url_is_answered_with_404(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert response.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/users/merge", "POST"),
        ("PUT", "/users/merge", "POST"),
        ("DELETE", "/users/merge", "POST"),
        ("PATCH", "/users/track", "POST"),
        ("GET", "/users/export/ids", "POST"),
        ("POST", "/merge/batches", "GET"),
        ("DELETE", "/merge/jobs", "GET"),
    ],
)
def test_a_method_that_the_url_does_not_take_is_answered_with_405(
    client: Client, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path)

    assert response.status_code == 405
    assert response.json()["message"]
    assert allowed in response.headers["Allow"]


def test_a_body_above_four_megabytes_is_answered_with_413(client: Client) -> None:
    body = b'{"merge_updates": [' + b" " * 5_000_000 + b"]}"
    response = client.request("POST", "/users/merge", data=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 413
    assert response.json() == {"message": "The request body may not be larger than 4 MB."}


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "text/json"])
def test_a_body_that_is_not_declared_as_json_is_answered_with_415(client: Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = client.request("POST", "/users/merge", data=b'{"merge_updates": []}', headers=headers)

    assert response.status_code == 415
    assert response.json() == {"message": "The Content-Type header must be application/json."}


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"])
def test_other_forms_of_the_json_media_type_are_accepted(client: Client, content_type: str) -> None:
    body = b'{"merge_updates": []}'
    response = client.request("POST", "/users/merge", data=body, headers={"Content-Type": content_type})

    assert response.status_code == 202


@pytest.mark.parametrize("body", [b"", b"{", b"{'merge_updates': []}", b'{ { "merge_updates": [] } }', b"[1,]", b"NaN"])
def test_a_body_that_is_not_json_gets_the_sentence_of_the_vendor(client: Client, body: bytes) -> None:
    response = client.request("POST", "/users/merge", data=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json() == {"message": "Error while parsing request body. Please check your syntax."}
