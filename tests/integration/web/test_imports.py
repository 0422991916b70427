"""`POST /profiles/import`: the response has one line for each line of the body."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from app.imports.requests import LONGEST_LINE, MOST_AT_ONCE
from app.metrics.http import IMPORTED_PROFILES
from tests.support.flask_caller import Caller

Json = dict[str, Any]

NDJSON = "application/x-ndjson"
BLANK = {"result": "skipped", "braze_id": None, "reasons": ["The line is empty."]}


def people(number: int, *, prefix: str = "person") -> bytes:
    return b"".join(person(f"{prefix}-{nth}") for nth in range(number))


def person(external_id: str, **members: Any) -> bytes:
    return orjson.dumps({"external_id": external_id, "first_name": "Ada", **members}, option=orjson.OPT_APPEND_NEWLINE)


def send(caller: Caller, body: bytes, query: str = "", content_type: str = NDJSON, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.post(f"/profiles/import{query}", data=body, content_type=content_type, headers=named)


def answers(response: TestResponse) -> list[Json]:
    assert response.status_code == 200, response.text
    assert response.content_type == NDJSON
    return [orjson.loads(line) for line in response.data.splitlines()]


def results(response: TestResponse) -> list[str]:
    return [each["result"] for each in answers(response)]


def profiles_of(caller: Caller) -> set[str]:
    listed: Any = caller.get("/profiles", limit=100).json
    return {each["external_id"] for each in listed["profiles"]}


def test_each_line_gets_one_result_in_the_same_order(caller: Caller) -> None:
    body = person("ada") + b"\n" + b"{\n" + person("bob").replace(b"\n", b"\r\n") + b" \t\r\n" + person("ada")[:-1]

    found = answers(send(caller, body))

    assert [each["line"] for each in found] == [1, 2, 3, 4, 5, 6]
    assert [each["result"] for each in found] == ["created", "skipped", "refused", "created", "skipped", "skipped"]
    assert found[1] == {"line": 2, **BLANK}
    assert found[2]["braze_id"] is None
    assert found[2]["reasons"]
    assert found[4] == {"line": 5, **BLANK}
    assert found[0]["braze_id"] == found[5]["braze_id"]
    assert profiles_of(caller) == {"ada", "bob"}


def test_a_body_without_lines_gets_an_empty_response(caller: Caller) -> None:
    assert answers(send(caller, b"")) == []
    assert answers(send(caller, gzip.compress(b""), Content_Encoding="gzip")) == []


@pytest.mark.parametrize("content_type", ["application/jsonl", "application/json-lines", f"{NDJSON}; charset=utf-8"])
def test_every_content_type_of_ndjson_is_accepted(caller: Caller, content_type: str) -> None:
    assert results(send(caller, people(2), content_type=content_type)) == ["created", "created"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "", "text/csv", f"{NDJSON}; charset=utf-16"]
)
def test_another_content_type_gets_415(caller: Caller, content_type: str) -> None:
    response = send(caller, people(2), content_type=content_type)

    assert response.status_code == 415
    assert response.json.keys() == {"message"}
    assert profiles_of(caller) == set()


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate"])
def test_another_encoding_gets_415(caller: Caller, encoding: str) -> None:
    response = send(caller, people(2), Content_Encoding=encoding)

    assert response.status_code == 415
    assert response.headers["Accept-Encoding"] == "gzip, identity"


def test_gzip_of_several_members_is_one_body(caller: Caller) -> None:
    whole = people(2_500)
    body = gzip.compress(whole[:1_000]) + gzip.compress(whole[1_000:])

    assert results(send(caller, body, Content_Encoding="gzip")) == ["created"] * 2_500


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        gzip.compress(people(5))[:-1],
        gzip.compress(people(5))[:-30],
        gzip.compress(people(5))[:-8] + b"\0" * 8,
        gzip.compress(people(5)) + b"x",
        zlib.compress(people(5)),
    ],
    ids=["empty", "plain", "without its last byte", "truncated", "wrong checksum", "with more", "zlib"],
)
def test_a_short_body_that_is_not_gzip_gets_400_and_imports_nothing(caller: Caller, body: bytes) -> None:
    response = send(caller, body, Content_Encoding="gzip")

    assert response.status_code == 400
    assert "is not complete gzip data" in response.json["message"]
    assert profiles_of(caller) == set()


def test_the_response_to_a_long_invalid_gzip_body_ends_with_the_first_unread_line(caller: Caller) -> None:
    body = gzip.compress(people(2_500), compresslevel=0)[:-2_000]

    *before, last = answers(send(caller, body, Content_Encoding="gzip"))

    assert [each["result"] for each in before] == ["created"] * 2_000
    assert last == {"line": 2_001, "error": last["error"]}
    assert "is not complete gzip data" in last["error"]


def test_a_line_above_the_limit_is_refused_and_the_next_one_imported(caller: Caller) -> None:
    longest = person("long", first_name="x" * LONGEST_LINE)
    found = answers(send(caller, longest + person("ada") + longest[:-1]))

    assert [each["result"] for each in found] == ["refused", "created", "refused"]
    assert found[0]["reasons"] == ["The line has more than 1,048,576 bytes."]


def test_a_line_that_is_not_utf_8_is_refused_and_the_next_one_imported(caller: Caller) -> None:
    found = answers(send(caller, person("ada").replace(b"Ada", b"Ad\xe4") + person("bob")))

    assert [each["result"] for each in found] == ["refused", "created"]
    assert found[0]["reasons"] == ["The line is not UTF-8."]


def test_a_byte_order_mark_before_the_first_line_is_ignored(caller: Caller) -> None:
    assert results(send(caller, b"\xef\xbb\xbf" + people(2))) == ["created", "created"]


@pytest.mark.parametrize(
    ("query", "result"),
    [
        ("", "skipped"),
        ("?on_conflict=skip", "skipped"),
        ("?on_conflict=fill", "filled"),
        ("?on_conflict=replace", "replaced"),
    ],
)
def test_on_conflict_selects_the_action_for_an_existing_profile(caller: Caller, query: str, result: str) -> None:
    send(caller, person("ada"))

    assert results(send(caller, person("ada", first_name="Countess", last_name="Lovelace"), query)) == [result]


@pytest.mark.parametrize("query", ["?on_conflict=merge", "?on_conflict=", "?dry_run=yes", "?dry_run="])
def test_an_invalid_query_gets_400(caller: Caller, query: str) -> None:
    response = send(caller, person("ada"), query)

    assert response.status_code == 400
    assert response.json["message"].startswith(f"'{query[1:].partition('=')[0]}' must be ")


def test_a_dry_run_returns_the_results_of_the_import_and_changes_nothing(caller: Caller) -> None:
    send(caller, person("old"))
    body = people(3) + person("old") + b"{\n\n" + person("person-1")
    tried = results(send(caller, body, "?dry_run=true"))

    assert profiles_of(caller) == {"old"}
    assert tried == results(send(caller, body, "?dry_run=false"))
    assert tried == ["created"] * 3 + ["skipped", "refused", "skipped", "skipped"]


def test_a_repeated_request_with_its_key_gets_the_first_response(caller: Caller) -> None:
    body = people(3) + b"{\n"
    first = send(caller, body, Idempotency_Key="chunk-1")
    again = send(caller, gzip.compress(body), Idempotency_Key="chunk-1", Content_Encoding="gzip")

    assert results(first) == ["created"] * 3 + ["refused"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data


@pytest.mark.parametrize("query", ["", "?on_conflict=fill"])
def test_a_key_with_other_lines_or_another_query_gets_422(caller: Caller, query: str) -> None:
    send(caller, people(3), Idempotency_Key="chunk-1")

    response = send(caller, people(3 if query else 2), query, Idempotency_Key="chunk-1")

    assert response.status_code == 422


def test_a_dry_run_does_not_use_its_key(caller: Caller) -> None:
    assert results(send(caller, people(3), "?dry_run=true", Idempotency_Key="chunk-1")) == ["created"] * 3
    assert results(send(caller, people(3), Idempotency_Key="chunk-1")) == ["created"] * 3
    assert len(profiles_of(caller)) == 3


def test_a_request_with_a_key_has_at_most_2000_lines(caller: Caller) -> None:
    response = send(caller, people(MOST_AT_ONCE + 1), Idempotency_Key="chunk-1")

    assert response.status_code == 413
    assert "at most 2,000 lines" in response.json["message"]
    assert profiles_of(caller) == set()
    assert results(send(caller, people(MOST_AT_ONCE), Idempotency_Key="chunk-1")) == ["created"] * MOST_AT_ONCE


def test_an_invalid_key_gets_400(caller: Caller) -> None:
    assert send(caller, people(1), Idempotency_Key="a b").status_code == 400


def test_profiles_import_is_sufficient_and_the_response_has_no_values(
    caller: Caller, make_caller: Callable[..., Caller]
) -> None:
    secret = "Markedina"
    send(caller, person("ada", first_name=secret, email="ada@example.com"))
    importer = make_caller(workspace=caller.workspace, permissions=("profiles.import",))
    lines = [person("ada"), person("ada", first_name=secret, dob=secret, email=secret, custom_attributes=secret)]

    for on_conflict in ("skip", "fill", "replace"):
        response = send(importer, b"".join(lines), f"?on_conflict={on_conflict}")

        assert len(answers(response)) == 2
        assert secret not in response.text
        assert "ada@example.com" not in response.text
    for permission in ("users.track", "users.export.ids"):
        other = make_caller(workspace=caller.workspace, permissions=(permission,))
        assert send(other, people(1)).status_code == 403


def test_imported_lines_are_counted_by_result(caller: Caller) -> None:
    before = {result: IMPORTED_PROFILES.value(result) for result in ("created", "skipped", "refused")}
    send(caller, people(2) + b"{\n" + people(1))
    send(caller, people(9), "?dry_run=true")

    assert {result: IMPORTED_PROFILES.value(result) - before[result] for result in before} == {
        "created": 2,
        "skipped": 1,
        "refused": 1,
    }
