"""The API while PostgreSQL does not respond: 503 with Retry-After within two seconds, and no blocked threads."""

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
from tests.support.flask_caller import Caller
from tests.support.missing import missing
from tests.support.postgres import FAST, PostgresServer
from tests.support.waiting import wait_until

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}
#: Maximum response time, and additional time for a busy machine, in seconds.
BOUND_S = 2.0
MACHINE_S = 1.0
#: Seconds after which PostgreSQL ends a statement that waits for a lock. An earlier end is due to the client's timeout.
OTHER_LIMITS_S = 10.0
#: More requests than a pool has connections.
MANY = 12
PLAIN = "sslmode=disable&gssencmode=disable"
WAITING = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'mergelane-web/%%' AND wait_event_type = 'Lock'"


@dataclass
class Place:
    """A PostgreSQL server behind a proxy, and a key."""

    postgres: PostgresServer
    proxy: Proxy
    key: str
    #: One item for each connection through the proxy.
    came: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of the database through the proxy."""
        return f"postgresql://postgres@127.0.0.1:{self.proxy.port}/postgres?{PLAIN}"

    @contextmanager
    def caller(self, url: str = "", **settings: float) -> Iterator[Caller]:
        """Yield a caller of a new application whose database is at *url*, by default behind the proxy."""
        flask = create_app(Settings(database_url=url or self.url, **settings))  # type: ignore[arg-type]
        try:
            yield Caller(flask, secret=self.key, key_id=None, workspace_id=1, workspace="shop")  # type: ignore[arg-type]
        finally:
            resources_of(flask).close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the table of batches against all other connections."""
        with psycopg.connect(self.postgres.url()) as conn:
            conn.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")
            yield

    def wait_until_someone_waits(self) -> None:
        """Wait until the statement of a request waits for a lock."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as conn:
            wait_until(lambda: conn.execute(WAITING).fetchone(), what="a request to wait for a lock")


@pytest.fixture(scope="module")
def shared_place() -> Iterator[Place]:
    """The server, proxy and key that the tests of this file share."""
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
    """The shared place, whose proxy is restored after the test."""
    try:
        yield shared_place
    finally:
        shared_place.proxy.refuse(refusing=False)
        shared_place.proxy.stall(stalled=False)


@dataclass(frozen=True)
class Answered:
    """A response and its duration in seconds."""

    response: TestResponse
    seconds: float

    def assert_unavailable(self) -> None:
        """Assert a 503 with Retry-After within the bound."""
        assert self.response.status_code == 503
        assert int(self.response.headers["Retry-After"]) > 0
        assert self.seconds < BOUND_S + MACHINE_S


def post(caller: Caller, **headers: str) -> Answered:
    """Request a merge and measure the response time."""
    began = monotonic()
    response = caller.post("/users/merge", BODY, headers=headers)
    return Answered(response, monotonic() - began)


def assert_open(caller: Caller) -> None:
    """Wait until a merge is accepted."""
    wait_until(lambda: post(caller).response.status_code == 202, what="a 202")


def accepted(caller: Caller, **headers: str) -> Any:
    """Request a merge and return the response body, or None if the merge is not accepted."""
    response = post(caller, **headers).response
    return response.json if response.status_code == 202 else None


@contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port that answers no attempt to connect: its queue is full, and the kernel drops new packets."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        port: int = listener.getsockname()[1]
        yield port


def test_a_port_that_refuses_connections_gets_503(place: Place) -> None:
    with place.caller(f"postgresql://postgres@127.0.0.1:1/postgres?{PLAIN}") as caller:
        post(caller).assert_unavailable()


def test_a_host_that_never_answers_gets_503(place: Place) -> None:
    with black_hole() as port, place.caller(f"postgresql://postgres@127.0.0.1:{port}/postgres?{PLAIN}") as caller:
        for answered in at_once([lambda: post(caller)] * MANY):
            answered.assert_unavailable()


def test_a_server_that_accepts_connections_and_does_not_respond_gets_503(place: Place) -> None:
    with place.caller() as caller:
        place.proxy.stall(stalled=True)
        post(caller).assert_unavailable()
        place.proxy.stall(stalled=False)
        assert_open(caller)


def test_a_stopped_server_gets_503(place: Place) -> None:
    with place.caller() as caller:
        assert post(caller).response.status_code == 202
        place.postgres.stop()
        try:
            for answered in at_once([lambda: post(caller)] * MANY):
                answered.assert_unavailable()
        finally:
            place.postgres.start()
        assert_open(caller)


def test_a_server_frozen_between_two_requests_gets_503(place: Place) -> None:
    with place.caller() as caller:
        assert {answered.response.status_code for answered in at_once([lambda: post(caller)] * MANY)} == {202}
        with place.postgres.frozen():
            for answered in at_once([lambda: post(caller)] * MANY):
                answered.assert_unavailable()
        assert_open(caller)


@pytest.mark.parametrize("way", ["frozen", "stalled", "cut"])
def test_a_server_lost_during_a_statement_gets_503_before_other_limits(place: Place, way: str) -> None:
    assert lose_server(place, way) < OTHER_LIMITS_S


def test_the_timeouts_of_the_settings_are_within_the_bound() -> None:
    """A request gets its response within the bound unless the machine lacks processor time."""
    settings = Settings()

    assert settings.silence_s + POLL_S + PROBE_S <= BOUND_S
    assert settings.pool_timeout_s <= BOUND_S
    assert settings.lock_timeout_ms == OTHER_LIMITS_S * 1000


def lose_server(place: Place, way: str) -> float:
    """Disconnect the server during statements and return the seconds until their requests got responses."""
    with place.caller() as caller, ThreadPoolExecutor(MANY) as threads:
        with place.held():
            requests: list[Future[Answered]] = [threads.submit(post, caller) for _ in range(MANY)]
            place.wait_until_someone_waits()
            began = monotonic()
            match way:
                case "frozen":
                    with place.postgres.frozen():
                        statuses = {future.result().response.status_code for future in requests}
                case "stalled":
                    place.proxy.stall(stalled=True)
                    statuses = {future.result().response.status_code for future in requests}
                case _:
                    place.proxy.refuse(refusing=True)
                    statuses = {future.result().response.status_code for future in requests}
            seconds = monotonic() - began
        place.proxy.refuse(refusing=False)
        place.proxy.stall(stalled=False)
        assert_open(caller)
    assert statuses == {503}
    return seconds


def test_a_slow_statement_is_not_cut_off_while_the_server_answers_probes(place: Place) -> None:
    with place.caller(silence_s=0.1) as caller, ThreadPoolExecutor(1) as thread:
        assert_open(caller)
        before = len(place.came)
        with place.held():
            answer = thread.submit(post, caller)
            wait_until(lambda: len(place.came) >= before + 2, what="the second probe of the server")
            assert not answer.done()

        assert answer.result().response.status_code == 202


def test_a_request_repeated_with_its_key_after_a_503_creates_one_batch(place: Place) -> None:
    """The client does not know whether the batch was accepted. With its key, all attempts create one batch."""
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
