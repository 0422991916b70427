"""Invalid request bodies get a clear message and change nothing."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.flask_caller import Caller

SYNTAX = "Error while parsing request body. Please check your syntax."
GOOD = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}
JSON = "application/json"


def nested(depth: int) -> bytes:
    """Return JSON with *depth* nested arrays."""
    return b'{"merge_updates": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "application/vnd.shop+json", "APPLICATION/JSON"]
)
def test_every_content_type_of_json_is_accepted(caller: Caller, content_type: str) -> None:
    response = caller.post("/users/merge", data=b'{"merge_updates": []}', content_type=content_type)

    assert response.status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data", "image/svg+json"],
)
def test_another_content_type_gets_415(
    caller: Caller, count: Callable[[], dict[str, int]], content_type: str | None
) -> None:
    response = caller.post("/users/merge", data=b'{"merge_updates": []}', content_type=content_type)

    assert response.status_code == 415
    assert response.json == {"message": "The Content-Type header must be application/json."}
    assert not any(count().values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"{'merge_updates': []}",
        b'{"merge_updates": []}{}',
        b'{"merge_updates": [] } trailing',
        b'{ { "merge_updates": [] }',
        b'{"merge_updates": [NaN]}',
        b'{"merge_updates": [1e999]}',
        b'{"merge_updates": ["\xff\xfe"]}',
        b'{"merge_updates": ["\xc0\x80"]}',
        b'{"merge_updates": ["\xed\xa0\x80"]}',
        b'{"merge_updates": ["\\ud800"]}',
        b'{"merge_updates": ["\\udc00\\ud800"]}',
        '{"merge_updates": []}'.encode("utf-16"),
        nested(5_000),
    ],
)
def test_a_body_that_is_not_json_in_utf_8_is_refused(
    caller: Caller, count: Callable[[], dict[str, int]], data: bytes
) -> None:
    response = caller.post("/users/merge", data=data, content_type=JSON)

    assert response.status_code == 400
    assert response.json == {"message": SYNTAX}
    assert not any(count().values())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (nested(100), "The request body may not nest deeper than 32 levels."),
        (
            b'{"merge_updates": [], "note": "\\u0000"}',
            "A string in the request body may not contain the NUL character (U+0000).",
        ),
        (
            b'{"merge_updates": [], "a\\u0000b": 1}',
            "A string in the request body may not contain the NUL character (U+0000).",
        ),
        (
            b'{"merge_updates": [], "note": "' + b"x" * 100_001 + b'"}',
            "A string in the request body may not be longer than 100,000 characters.",
        ),
    ],
)
def test_a_value_that_no_field_accepts_is_refused(
    caller: Caller, count: Callable[[], dict[str, int]], data: bytes, message: str
) -> None:
    response = caller.post("/users/merge", data=data, content_type=JSON)

    assert response.status_code == 400
    assert response.json == {"message": message}
    assert not any(count().values())


def test_a_body_of_five_megabytes_is_too_large(caller: Caller, count: Callable[[], dict[str, int]]) -> None:
    data = b'{"merge_updates": [], "padding": "' + b" " * 5_000_000 + b'"}'

    response = caller.post("/users/merge", data=data, content_type=JSON)

    assert response.status_code == 413
    assert response.json == {"message": "The request body may not be larger than 4 MB."}
    assert not any(count().values())


def test_a_body_of_four_megabytes_is_accepted(caller: Caller) -> None:
    data = b'{"merge_updates": [] ' + b" " * 3_999_000 + b"}"

    assert caller.post("/users/merge", data=data, content_type=JSON).status_code == 202


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "'merge_updates' must be an array of objects"),
        ({"merge_updates": [GOOD] * 51}, "a single request may not contain more than 50 merge updates"),
        (
            {"merge_updates": [GOOD, {**GOOD, "note": "x"}]},
            "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'",
        ),
        (
            {"merge_updates": [GOOD, {**GOOD, "identifier_to_keep": {"email": "a"}}]},
            "'prioritization' is required beside 'email' or 'phone'",
        ),
    ],
)
def test_one_invalid_item_rejects_the_whole_request(
    caller: Caller, count: Callable[[], dict[str, int]], body: Any, message: str
) -> None:
    response = caller.post("/users/merge", body)

    assert response.status_code == 400
    assert response.json == {"message": message}
    assert not any(count().values())


EMPTY = b'{"merge_updates": []}'
NOT_GZIP = (
    "The Content-Encoding header is gzip, but the request body is not complete gzip data; compress the body or"
    " remove the header."
)


def encoded(caller: Caller, data: bytes, encoding: str) -> Any:
    """Return the response to a merge with *data* and the Content-Encoding *encoding*."""
    headers = {"Content-Encoding": encoding}
    return caller.post("/users/merge", data=data, content_type=JSON, headers=headers)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
def test_a_gzip_body_is_decompressed(caller: Caller, encoding: str) -> None:
    assert encoded(caller, gzip.compress(EMPTY), encoding).status_code == 202


def test_a_gzip_body_of_several_members_is_one_body(caller: Caller) -> None:
    data = gzip.compress(EMPTY[:10]) + gzip.compress(EMPTY[10:])

    assert encoded(caller, data, "gzip").status_code == 202


def test_the_size_limit_applies_to_the_decompressed_gzip_body(caller: Caller) -> None:
    largest = EMPTY + b" " * (4 * 1024 * 1024 - len(EMPTY))

    assert encoded(caller, gzip.compress(largest), "gzip").status_code == 202
    assert encoded(caller, gzip.compress(largest + b" "), "gzip").status_code == 413
    # A gigabyte of zeros compressed to a megabyte.
    assert encoded(caller, gzip.compress(bytes(1_000_000)) * 1_000, "gzip").status_code == 413


@pytest.mark.parametrize(
    "data",
    [EMPTY, b"", gzip.compress(EMPTY)[:-5], gzip.compress(EMPTY) + b"x", zlib.compress(EMPTY)],
    ids=["plain", "empty", "cut", "with a rest", "zlib"],
)
def test_a_body_declared_as_gzip_that_is_not_gzip_is_refused(caller: Caller, data: bytes) -> None:
    response = encoded(caller, data, "gzip")

    assert (response.status_code, response.json) == (400, {"message": NOT_GZIP})


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "nonsense"])
def test_another_encoding_is_refused_with_the_accepted_encodings(caller: Caller, encoding: str) -> None:
    response = encoded(caller, EMPTY, encoding)

    assert response.status_code == 415
    assert response.headers["Accept-Encoding"] == "gzip, identity"
    assert "must be gzip or identity" in (response.json or {})["message"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "us-ascii"])
def test_utf_8_is_accepted_under_all_its_names_and_with_a_byte_order_mark(caller: Caller, charset: str) -> None:
    content_type = f"application/json; charset={charset}"
    response = caller.post("/users/merge", data=b"\xef\xbb\xbf" + EMPTY, content_type=content_type)

    assert response.status_code == 202


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "windows-1252", "utf-7", "nonsense"])
def test_another_charset_is_refused(caller: Caller, charset: str) -> None:
    response = caller.post("/users/merge", data=EMPTY, content_type=f"application/json; charset={charset}")

    assert response.status_code == 415
    assert (response.json or {})["message"] == (
        "The charset of the Content-Type header must be utf-8; send the request body as JSON in UTF-8."
    )
