"""The short form of `make fuzz`: hostile requests from a fixed seed, and tests that the fuzzer finds faults."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from random import Random

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.connections import Connection
from fuzz import wire
from fuzz.application import Answer
from fuzz.endpoints import ENDPOINTS, Endpoint, key_of
from fuzz.names import Names
from fuzz.product import Product, post, product
from fuzz.request import make
from fuzz.run import Result, ask_all, ask_over_sockets, check_log, check_state
from fuzz.shrink import shrunk
from fuzz.verdict import CANARY, faults
from tests.support.postgres import Databases
from tests.support.system import System

PAGES = "console."
"""They take a cookie and forms instead of a key and JSON; what is hostile to them is in test_console_hostile.py."""
SEED, REQUESTS, OVER_SOCKETS = "2", 700, 120
#: Refused if no job waits.
NEEDS_JOBS = "/merge/queue/cancel"
TAKERS = [endpoint for endpoint in ENDPOINTS if endpoint.bodies and endpoint.rule != NEEDS_JOBS]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def ours(databases: Databases) -> Iterator[Product]:
    """The product on a database for this module."""
    name = databases.create()
    try:
        with product(databases.url(name)) as lent:
            yield lent
    finally:
        databases.drop(name)


@pytest.fixture
def alone(database_url: str) -> Iterator[Product]:
    """The product on a fresh database."""
    with product(database_url) as lent:
        yield lent


def routes(flask: Flask) -> set[tuple[str, str]]:
    """Return every method at every URL, except HEAD, which Flask adds to GET."""
    rules = [rule for rule in flask.url_map.iter_rules() if not rule.endpoint.startswith(PAGES)]
    return {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD"}}


def test_every_route_is_fuzzed(flask_app: Flask) -> None:
    assert {key_of(endpoint) for endpoint in ENDPOINTS} == routes(flask_app)


def test_every_endpoint_gets_requests() -> None:
    turns = Counter(make(SEED, number).rule for number in range(REQUESTS))

    assert turns.keys() == {endpoint.rule for endpoint in ENDPOINTS}


def test_the_valid_requests_behind_hostile_ones_are_accepted(ours: Product) -> None:
    refused = {}
    # The profiles that the pair of an exclusion names.
    ours.application.ask(post("/users/track", {"attributes": [{"external_id": f"u-0-{each}"} for each in range(2)]}))
    for endpoint in TAKERS:
        # A request that names a job or a batch is refused without one, and so is a bulk action without fitting jobs.
        if "<" not in endpoint.rule and endpoint.rule != "/merge/jobs/bulk":
            request = post(endpoint.rule, endpoint.bodies[0](Names(Random(1), 0)))
            answer = ours.application.ask(dataclasses.replace(request, method=endpoint.method))
            if answer.status >= HTTPStatus.BAD_REQUEST or b"errors" in answer.body.replace(b"_errors", b""):
                refused[endpoint.rule] = answer

    assert refused == {}


def test_hostile_requests_are_refused_with_a_sentence_and_valid_ones_are_executed(
    alone: Product, connection: Connection
) -> None:
    result = Result(seed=SEED)

    ask_all(alone.application, alone.worker, result, range(REQUESTS))
    check_state(connection, result)

    assert (result.found, result.broken) == ([], [])
    assert result.jobs > 10
    assert {"200", "201", "202", "400", "401", "404", "405", "415"} <= result.answers.keys()


def test_broken_http_is_refused_or_disconnected(running_system: System) -> None:
    result = Result(seed=SEED)

    ask_over_sockets(running_system.port, running_system.new_client().key, result, range(OVER_SOCKETS))

    assert result.found == []
    assert result.over_sockets == OVER_SOCKETS
    assert "400" in result.answers
    assert running_system.web.running


@pytest.mark.parametrize("endpoint", TAKERS, ids=lambda endpoint: endpoint.rule)
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(tree=ANYTHING)
def test_any_json_gets_a_valid_response(ours: Product, endpoint: Endpoint, tree: object) -> None:
    try:
        body = orjson.dumps(tree)
    except TypeError:  # an integer beyond 64 bits
        body = str(tree).encode()
    request = dataclasses.replace(post(endpoint.rule, {}), tree=tree, body=body)

    answer = ours.application.ask(request)

    assert faults(request, answer, key=ours.application.key) == []


def test_a_seed_repeats_its_requests() -> None:
    made = [make(SEED, number) for number in range(200)]

    assert repr(made) == repr([make(SEED, number) for number in range(200)])
    assert repr(made) != repr([make("8", number) for number in range(200)])
    assert [wire.broken(SEED, number, "k") for number in range(50)] == [
        wire.broken(SEED, number, "k") for number in range(50)
    ]


SAID = {"x-request-id": "1", "x-content-type-options": "nosniff", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(raised="Traceback…"), "raised an error"),
        (Answer(status=500, headers=SAID, body=b'{"message":"Something went wrong."}'), "status is 500"),
        (Answer(status=200, headers=SAID, body=b"{}", seconds=31), "took 31"),
        (Answer(status=200, headers=SAID, body=orjson.dumps({"name": CANARY})), "another workspace"),
        (Answer(status=401, headers=SAID, body=b'{"message":"Invalid key the-secret"}'), "contains the API key"),
        (Answer(status=200, headers=SAID | {"location": "a\r\nb"}, body=b"{}"), "contains a line break"),
        (Answer(status=200, headers={}, body=b"{}"), "no x-request-id"),
        (Answer(status=304, headers=SAID, body=b"{}"), "It has a body"),
        (Answer(status=400, headers=SAID, body=b"Bad request"), "400 without a sentence"),
        (Answer(status=400, headers=SAID, body=b'{"message":"no"}'), "400 without a sentence"),
        (Answer(status=308, headers=SAID, body=b"<html>"), "308 without a sentence"),
        (Answer(status=400, headers=SAID, body=b'{"message":"one\\ntwo"}'), "more than a sentence"),
        (Answer(status=400, headers=SAID, body=b'{"message":"In psycopg it failed."}'), "internal details"),
        (Answer(status=200, headers=SAID, body=b"<html>"), "not JSON"),
    ],
)
def test_every_fault_of_a_response_is_found(answer: Answer, words: str) -> None:
    found = faults(post("/users/track", {}), answer, key="the-secret")

    assert any(words in fault for fault in found), found


def test_a_sound_answer_has_no_faults() -> None:
    answer = Answer(status=400, headers=SAID, body=b'{"message":"The body must be an object."}')

    assert faults(post("/users/track", {}), answer, key="the-secret") == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 501 Not Implemented\r\n\r\n", "status is 501"),
        (b"<html>", "not HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n<html>", "has no sentence"),
    ],
)
def test_every_fault_over_a_socket_is_found(data: bytes, words: str) -> None:
    assert any(words in fault for fault in wire.faults(wire.SocketResponse(data)))


def test_a_hanging_connection_is_a_fault() -> None:
    assert "No response and no close" in wire.faults(wire.SocketResponse(b"", hung=True))[0]
    assert wire.faults(wire.SocketResponse(b"")) == []


def test_a_failing_request_is_reduced() -> None:
    tree = {"a": [1, {"b": "x" * 64, "bad": "poison" * 9}], "c": {"d": None}}

    small = shrunk(
        dataclasses.replace(post("/users/track", tree), query="a=b"), lambda one: b"poison" in (one.body or b"")
    )

    assert small.query == ""
    assert len(small.headers) == 1
    assert small.tree == {"a": [{"bad": "poison"}]}


def test_a_request_that_was_tampered_with_is_made_small_by_halves() -> None:
    request = dataclasses.replace(post("/users/track", {}), tree=None, body=b"x" * 1000 + b"\xff")

    small = shrunk(request, lambda one: b"\xff" in (one.body or b""))

    assert len(small.body or b"") <= 2


def test_unexpected_errors_in_the_servers_log_are_found() -> None:
    result = Result(seed=SEED)

    check_log(
        "2026 LOG:  00000: ready\n2026 ERROR:  2201B: invalid regular expression: bad\n"
        "2026 ERROR:  22P05: unsupported Unicode escape sequence\n" * 2,
        result,
    )

    assert result.broken == ["PostgreSQL logged 2 times: ERROR:  22P05: unsupported Unicode escape sequence"]
