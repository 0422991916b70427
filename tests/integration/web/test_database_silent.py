"""The front door while PostgreSQL is away, in every way: 503 with Retry-After within two seconds, no thread kept."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from app import keys
from app.config import Settings
from app.db import migrations
from app.db.client_timeout import POLL_S, PROBE_S
from app.errors import SetupError
from app.web import create_app
from app.web.resources import resources_of
from chaos.proxy import Proxy
from tests.support.at_once import at_once
from tests.support.front_door import Caller
from tests.support.missing import missing
from tests.support.postgres import FAST, PostgresServer
from tests.support.waiting import wait_until

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}
#: Seconds within which a client is answered, and what a busy machine may need on top.
BOUND_S = 2.0
MACHINE_S = 1.0
#: Seconds after which PostgreSQL ends a statement that waits for a lock. An earlier answer is the client's own.
OTHER_LIMITS_S = 10.0
#: More than a pool has connections.
MANY = 12
PLAIN = "sslmode=disable&gssencmode=disable"
WAITING = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'mergelane-web/%%' AND wait_event_type = 'Lock'"


@dataclass
class Place:
    """A PostgreSQL behind a proxy, and a key."""

    postgres: PostgresServer
    proxy: Proxy
    key: str
    #: Connections that have come through the proxy.
    came: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the proxy is."""
        return f"postgresql://postgres@127.0.0.1:{self.proxy.port}/postgres?{PLAIN}"

    @contextmanager
    def caller(self, url: str = "", **settings: float) -> Iterator[Caller]:
        """Lend a caller of a front door of its own, whose database is at *url*, by default behind the proxy."""
        flask = create_app(Settings(database_url=url or self.url, **settings))  # type: ignore[arg-type]
        try:
            yield Caller(flask, secret=self.key, key_id=None, workspace_id=1, workspace="shop")  # type: ignore[arg-type]
        finally:
            resources_of(flask).close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep everybody from writing batches."""
        with psycopg.connect(self.postgres.url()) as conn:
            conn.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")
            yield

    def wait_until_someone_waits(self) -> None:
        """Wait until a request is in the middle of a statement."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as conn:
            wait_until(lambda: conn.execute(WAITING).fetchone(), what="a request to wait for a lock")


@pytest.fixture(scope="module")
def shared_place() -> Iterator[Place]:
    """A place for the tests of this file."""
    with TemporaryDirectory(prefix="mergelane-test-pg-") as folder:
        try:
            postgres = PostgresServer(Path(folder) / "data", FAST)
        except SetupError as error:
            missing("PostgreSQL", error)
        came: list[int] = []
        proxy = Proxy(lambda: came.append(1) or postgres.socket)
        try:
            postgres.start()
            proxy.start()
            migrations.upgrade_schema(postgres.url())
            with psycopg.connect(postgres.url()) as conn:
                _, key = keys.create_key(conn, workspace="shop", label="test", permissions=["*"])
            yield Place(postgres, proxy, key, came)
        finally:
            proxy.stop()
            postgres.stop()


@pytest.fixture
def place(shared_place: Place) -> Iterator[Place]:
    """The place, whole again after the test."""
    try:
        yield shared_place
    finally:
        shared_place.proxy.refuse(refusing=False)
        shared_place.proxy.stall(stalled=False)


@dataclass(frozen=True)
class Answered:
    """An answer, and how many seconds it took."""

    response: TestResponse
    seconds: float

    def assert_unavailable(self) -> None:
        """Assert that the client was asked, soon, to come back."""
        assert self.response.status_code == 503
        assert int(self.response.headers["Retry-After"]) > 0
        assert self.seconds < BOUND_S + MACHINE_S


def post(caller: Caller, **headers: str) -> Answered:
    """Post a merge."""
    began = monotonic()
    response = caller.post("/users/merge", BODY, headers=headers)
    return Answered(response, monotonic() - began)


def assert_open(caller: Caller) -> None:
    """Assert that, before long, a merge is accepted."""
    wait_until(lambda: post(caller).response.status_code == 202, what="a 202")


def accepted(caller: Caller, **headers: str) -> Any:
    """Return the answer to a merge that was accepted, None when it was not."""
    response = post(caller, **headers).response
    return response.json if response.status_code == 202 else None


@contextmanager
def black_hole() -> Iterator[int]:
    """Lend a port that answers no attempt to connect: its queue is full, and the kernel drops what comes."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        port: int = listener.getsockname()[1]
        yield port


def test_a_port_that_refuses(place: Place) -> None:
    with place.caller(f"postgresql://postgres@127.0.0.1:1/postgres?{PLAIN}") as caller:
        post(caller).assert_unavailable()


def test_a_host_that_never_answers(place: Place) -> None:
    with black_hole() as port, place.caller(f"postgresql://postgres@127.0.0.1:{port}/postgres?{PLAIN}") as caller:
        for answered in at_once([lambda: post(caller)] * MANY):
            answered.assert_unavailable()


def test_a_server_that_accepts_and_says_nothing(place: Place) -> None:
    with place.caller() as caller:
        place.proxy.stall(stalled=True)
        post(caller).assert_unavailable()
        place.proxy.stall(stalled=False)
        assert_open(caller)


def test_a_server_that_was_stopped(place: Place) -> None:
    with place.caller() as caller:
        assert post(caller).response.status_code == 202
        place.postgres.stop()
        try:
            for answered in at_once([lambda: post(caller)] * MANY):
                answered.assert_unavailable()
        finally:
            place.postgres.start()
        assert_open(caller)


def test_a_server_frozen_between_two_requests(place: Place) -> None:
    with place.caller() as caller:
        assert {answered.response.status_code for answered in at_once([lambda: post(caller)] * MANY)} == {202}
        with place.postgres.frozen():
            for answered in at_once([lambda: post(caller)] * MANY):
                answered.assert_unavailable()
        assert_open(caller)


@pytest.mark.parametrize("way", ["frozen", "stalled", "cut"])
def test_a_server_gone_in_the_middle_of_a_statement(place: Place, way: str) -> None:
    assert lose_server(place, way) < OTHER_LIMITS_S


def test_the_limits_of_one_wait_are_within_the_bound() -> None:
    """So a request is answered in time, unless the machine lacks processor time."""
    settings = Settings()

    assert settings.silence_s + POLL_S + PROBE_S <= BOUND_S
    assert settings.pool_timeout_s <= BOUND_S
    assert settings.lock_timeout_ms == OTHER_LIMITS_S * 1000


def lose_server(place: Place, way: str) -> float:
    """Lose the server in the middle of statements; return after how many seconds their requests were answered."""
    with place.caller() as caller, ThreadPoolExecutor(MANY) as threads:
        with place.held():
            asked: list[Future[Answered]] = [threads.submit(post, caller) for _ in range(MANY)]
            place.wait_until_someone_waits()
            began = monotonic()
            match way:
                case "frozen":
                    with place.postgres.frozen():
                        statuses = {future.result().response.status_code for future in asked}
                case "stalled":
                    place.proxy.stall(stalled=True)
                    statuses = {future.result().response.status_code for future in asked}
                case _:
                    place.proxy.refuse(refusing=True)
                    statuses = {future.result().response.status_code for future in asked}
            seconds = monotonic() - began
        place.proxy.refuse(refusing=False)
        place.proxy.stall(stalled=False)
        assert_open(caller)
    assert statuses == {503}
    return seconds


def test_a_slow_statement_is_waited_for_while_the_server_answers_others(place: Place) -> None:
    with place.caller(silence_s=0.1) as caller, ThreadPoolExecutor(1) as thread:
        assert_open(caller)
        before = len(place.came)
        with place.held():
            answer = thread.submit(post, caller)
            wait_until(lambda: len(place.came) >= before + 2, what="the pulse to be felt twice")
            assert not answer.done()

        assert answer.result().response.status_code == 202


def test_a_request_that_went_unanswered_is_repeated_under_its_key(place: Place) -> None:
    """The client cannot tell whether the batch was accepted, and need not: its key makes one batch of all tries."""
    once = {"Idempotency-Key": "once"}
    with place.caller() as caller:
        with place.held(), ThreadPoolExecutor(1) as thread:
            answer = thread.submit(post, caller, **once)
            place.wait_until_someone_waits()
            place.proxy.stall(stalled=True)
            assert answer.result().response.status_code == 503
        place.proxy.stall(stalled=False)
        assert_open(caller)
        again = [wait_until(lambda: accepted(caller, **once), what="a 202") for _ in range(2)]

    assert again[0]["batch_id"] == again[1]["batch_id"]
