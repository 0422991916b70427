"""Hostile input at every POST endpoint gets a clear 4xx, never a 5xx, and changes nothing."""

import copy
import gzip
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import requests

from tests.support.client import Client
from tests.support.pairs import Json
from tests.support.system import System
from tests.support.workspaces import holdings, revoke_keys

#: A valid request to each endpoint. A test spoils its strings, one at a time.
VALID: dict[str, Json] = {
    "/users/merge": {
        "merge_updates": [
            {
                "identifier_to_merge": {"user_alias": {"alias_name": "v-1", "alias_label": "visitor"}},
                "identifier_to_keep": {"email": "ada@example.com", "prioritization": ["identified"]},
            },
            {
                "identifier_to_merge": {"phone": "+442079460958", "prioritization": ["identified"]},
                "identifier_to_keep": {"external_id": "held"},
            },
        ]
    },
    "/users/identify": {
        "aliases_to_identify": [{"external_id": "held", "user_alias": {"alias_name": "v-1", "alias_label": "visitor"}}],
        "emails_to_identify": [{"external_id": "held", "email": "ada@example.com", "prioritization": ["unidentified"]}],
        "phone_numbers_to_identify": [
            {"external_id": "held", "phone": "+442079460958", "prioritization": ["unidentified"]}
        ],
    },
    "/users/track": {
        "attributes": [{"external_id": "a", "first_name": "Ada", "plan": "pro", "address": {"city": ["London"]}}],
        "events": [{"external_id": "a", "name": "e", "time": "2026-05-01T08:00:00Z", "properties": {"colour": "red"}}],
        "purchases": [
            {
                "user_alias": {"alias_name": "v-1", "alias_label": "visitor"},
                "product_id": "hat",
                "currency": "USD",
                "price": 1,
                "time": "2026-05-01T08:00:00Z",
            }
        ],
        "sessions": [{"external_id": "a", "app_id": "web", "started_at": "2026-05-01T08:00:00Z"}],
        "engagements": [
            {"email": "ada@example.com", "kind": "canvas", "id": "c", "event": "opened", "time": "2026-05-01T08:00:00Z"}
        ],
    },
    "/users/alias/new": {"user_aliases": [{"external_id": "held", "alias_name": "n-1", "alias_label": "shop"}]},
    "/users/export/ids": {
        "external_ids": ["held"],
        "user_aliases": [{"alias_name": "n-1", "alias_label": "shop"}],
        "email_address": "ada@example.com",
        "phone": "+442079460958",
        "device_id": "d-1",
        "fields_to_export": ["email"],
    },
}
ENDPOINTS = list(VALID)
JSON = {"Content-Type": "application/json"}
UNREADABLE = {
    "nothing": b"",
    "white space": b"  \n",
    "half an object": b'{"merge_updates": [',
    "two objects": b"{} {}",
    "a comment": b"{} // please",
    "not a number": b'{"x": NaN}',
    "infinity": b'{"x": -Infinity}',
    "UTF-16": '{"x": "y"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "Latin-1": '{"x": "é"}'.encode("latin-1"),
    "a truncated character": b'{"x": "\xe2\x82"}',
    "an overlong slash": b'{"x": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"x": "\xed\xa0\x80"}',
    "an escaped lone high surrogate": rb'{"x": "\ud800"}',
    "an escaped lone low surrogate": rb'{"x": "\udc00 y"}',
    "surrogates in the wrong order": rb'{"x": "\udc00\ud800"}',
    "a lone surrogate as a key": rb'{"\ud83d": "x"}',
    "an escaped NUL": rb'{"x": "a\u0000b"}',
    "a NUL as a key": rb'{"a\u0000": 1}',
    "a raw NUL": b'{"x": "\x00"}',
    "arrays beyond counting": b"[" * 200_000,
    "arrays too deep": b'{"x": ' + b"[" * 100 + b"]" * 100 + b"}",
    "objects too deep": b'{"x": ' + b'{"x":' * 100 + b"1" + b"}" * 101,
    "a string too long": b'{"x": "' + b"a" * 100_001 + b'"}',
    "gzip": gzip.compress(b"{}"),
}
NOT_AN_OBJECT = [b"null", b"true", b"7", b'"text"', b"[]", b"[{}]", b"1e400", b"9" * 400]


@pytest.fixture
def held(system: System, client: Client) -> Iterator[Client]:
    """A client whose workspace has a profile and a finished merge, and must be unchanged after the test."""
    client.track(attributes=[{"external_id": "held", "first_name": "Ada"}, {"external_id": "gone"}])
    client.merged([("gone", "held")])
    before = holdings(system, client.workspace)
    yield client

    assert holdings(system, client.workspace) == before


def refused(response: requests.Response, *statuses: int) -> bool:
    """Return whether *response* is a refusal with a sentence and one of *statuses*."""
    if response.status_code not in statuses:
        return False
    message = response.json()["message"]
    return isinstance(message, str) and len(message) > len("Error.")


def spoiled(value: Any, spoil: Callable[[Any], Any]) -> Iterator[Any]:
    """Yield a copy of *value* for each string and key in it, nested ones included, with this one spoiled."""
    if isinstance(value, str):
        yield spoil(value)
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in spoiled(child, spoil))
    elif isinstance(value, dict):
        for key, child in value.items():
            yield {(spoil(each) if each == key else each): inner for each, inner in copy.deepcopy(value).items()}
            yield from ({**value, key: other} for other in spoiled(child, spoil))


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_valid_requests_are_accepted(client: Client, path: str) -> None:
    response = client.post(path, VALID[path])

    assert response.status_code in {201, 202}, response.text
    assert "errors" not in response.json()


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_that_cannot_be_read_or_stored_is_refused(held: Client, path: str) -> None:
    answers = {what: held.request("POST", path, data=data, headers=JSON) for what, data in UNREADABLE.items()}

    assert {what: answer.text for what, answer in answers.items() if not refused(answer, 400)} == {}


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_that_is_not_an_object_is_refused(held: Client, path: str) -> None:
    answers = {data: held.request("POST", path, data=data, headers=JSON) for data in NOT_AN_OBJECT}

    assert {data: answer.text for data, answer in answers.items() if not refused(answer, 400)} == {}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("poison", ["\0", "\ud800"], ids=["NUL", "lone surrogate"])
def test_a_character_that_cannot_be_stored_is_refused_in_every_string_and_key(
    held: Client, path: str, poison: str
) -> None:
    escaped = poison.encode("unicode-escape").replace(b"\\x00", b"\\u0000")
    bodies = [
        orjson.dumps(body).replace(b"POISON", escaped) for body in spoiled(VALID[path], lambda text: f"{text}POISON")
    ]
    answers = [held.request("POST", path, data=body, headers=JSON) for body in bodies]

    assert len(bodies) > 5
    assert [answer.text for answer in answers if not refused(answer, 400)] == []


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_that_is_too_large_is_refused(held: Client, path: str) -> None:
    large = b'{"x": "' + b"a" * 5_000_000 + b'"}'
    whole = held.request("POST", path, data=large, headers=JSON)
    in_chunks = held.request("POST", path, data=iter([large[:2_500_000], large[2_500_000:]]), headers=JSON)
    packed = held.request("POST", path, data=gzip.compress(large), headers={**JSON, "Content-Encoding": "gzip"})

    assert refused(whole, 413)
    assert refused(in_chunks, 413)
    assert refused(packed, 413)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_of_another_type_is_refused(held: Client, path: str) -> None:
    data = orjson.dumps(VALID[path])
    types = ["text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded", "json", "*/*"]
    answers = [held.request("POST", path, data=data, headers={"Content-Type": each}) for each in types]
    form = held.request("POST", path, files={"file": ("body.json", data)})
    silent = held.request("POST", path, data=data)

    assert all(refused(answer, 415) for answer in (*answers, form, silent))


@pytest.mark.parametrize("path", ENDPOINTS)
def test_every_request_without_a_valid_key_is_refused(system: System, held: Client, path: str) -> None:
    revoked = system.new_client()
    revoke_keys(system, revoked)
    bad = [None, "", "Bearer", "Bearer x", f"Basic {held.key}", held.key, f"Bearer {held.key}x", "Bearer \xff\xfe"]
    url = f"{held.base_url}{path}"
    answers = [
        requests.post(url, json=VALID[path], headers=None if key is None else {"Authorization": key}, timeout=30)
        for key in bad
    ]

    assert [answer.text for answer in answers if not refused(answer, 401)] == []
    assert refused(revoked.post(path, VALID[path]), 401)
    assert refused(requests.post(url, data=b"{" * 10_000, timeout=30), 401)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_another_method_is_refused(held: Client, path: str) -> None:
    answers = [held.request(method, path, json=VALID[path]) for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")]

    assert all(refused(answer, 405) for answer in answers)
    assert {answer.headers["Allow"] for answer in answers} == {"POST"}
