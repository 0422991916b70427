"""Every endpoint refuses in the same way: with the right status and one sentence, as documented."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.client import Client
from tests.support.openapi import check, document
from tests.support.system import System

NOBODYS = "users.export.global_control_group"
"""A permission that no endpoint requires yet."""
PLACES = {"batch_id": "01a202b7-0c65-769b-9741-1871039b8b20", "braze_id": "5fbd5f1ea3a5b9c2d4e6f708"}
PLACES |= {"identifier": PLACES["braze_id"]}
IDS = ("job_id", "run_id", "webhook_id", "notice_id", "exclusion_id", "plan_id", "entry_id")
PLACES |= dict.fromkeys(IDS, PLACES["batch_id"])
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}


def operations(**members: bool) -> list[tuple[str, str]]:
    """Return the method and the URL, with ids, of each operation that has (or lacks) *members*."""
    return [
        (method.upper(), path.format(**PLACES, name="start.js"))
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if all(bool(operation.get(member)) is present for member, present in members.items())
    ]


GUARDED = operations(security=True)
WITH_BODY = [each for each in operations(requestBody=True) if each[1] != "/profiles/import"]
"""Operations that take JSON. A body of lines has no maximum length: see integration/web/test_imports.py."""


@pytest.fixture(scope="module")
def stranger(running_system: System) -> Iterator[Client]:
    """A client whose key has none of the required permissions."""
    return running_system.new_client(permissions=[NOBODYS])


def refused(response: requests.Response, status: int) -> Any:
    """Assert that *response* refuses with *status* and one sentence, and return its body."""
    body = response.json()

    assert response.status_code == status, response.text
    assert body.keys() == {"message"}
    assert body["message"]
    return body


def test_there_are_endpoints() -> None:
    assert len(GUARDED) > len(WITH_BODY) > 5


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", [None, "Bearer nobodys"], ids=["no key", "unknown key"])
def test_without_a_valid_key_it_is_401(running_system: System, method: str, path: str, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    response = requests.request(method, running_system.base_url + path, headers=headers, json={}, timeout=30)

    assert refused(response, 401) == {"message": "Invalid API key"}
    check(response)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_the_permission_it_is_403(stranger: Client, method: str, path: str) -> None:
    response = stranger.request(method, path, json={} if method == "POST" else None)

    assert refused(response, 403) == {"message": "Access Denied"}
    check(response)


@pytest.mark.parametrize("path", sorted({path for _, path in operations()}))
def test_another_method_is_405_and_a_trailing_slash_is_404(running_system: System, path: str) -> None:
    taken = {method for method, other in operations() if other == path}
    for method in sorted(METHODS - taken):
        response = requests.request(method, running_system.base_url + path, timeout=30)
        refused(response, 405)

        assert set(response.headers["Allow"].split(", ")) == taken | ({"HEAD"} if "GET" in taken else set())
    if not path.startswith("/identities/"):  # there the slash is part of the id
        refused(requests.get(f"{running_system.base_url}{path}/", timeout=30), 404)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_that_is_too_large_is_413(running_system: System, method: str, path: str) -> None:
    client = running_system.new_client()
    response = client.request(method, path, data=b" " * 5_000_000, headers={"Content-Type": "application/json"})
    refused(response, 413)

    check(response)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_whose_content_type_is_not_json_is_415(
    running_system: System, method: str, path: str, kind: str | None
) -> None:
    client = running_system.new_client()
    response = client.request(method, path, data=b"{}", headers={"Content-Type": kind} if kind else {})
    refused(response, 415)

    check(response)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"7"])
def test_a_body_that_is_not_a_json_object_is_400(running_system: System, method: str, path: str, body: bytes) -> None:
    client = running_system.new_client()
    response = client.request(method, path, data=body, headers={"Content-Type": "application/json"})
    refused(response, 400)

    check(response)
