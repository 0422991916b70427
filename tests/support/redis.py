"""Redis for the tests: a server of the session that is emptied before each test, or a server of one test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.errors import SetupError
from cli.up.embedded_redis import EmbeddedRedis
from tests.support.missing import missing
from tests.support.processes import Process
from tests.support.waiting import wait_until


class RedisServer:
    """An embedded Redis on a unix socket that a test may stop, kill, freeze, empty and restart."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "redis.log"
        self._server = EmbeddedRedis(folder, os.environ)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The broker's URL."""
        return self._server.url()

    @property
    def pid(self) -> int | None:
        """The process id, or None if the server does not run."""
        return None if self._process is None else self._process.pid

    def client(self) -> redis.Redis:
        """Return a client; close it, or use it with `with`."""
        return self._server.client()

    def start(self) -> Process:
        """Start the server, wait until it answers, and return its process."""
        self._server.prepare()
        self._process = Process(self._server.program(self.log)).start()
        wait_until(self._server.ready, what=f"Redis to start (its log is {self.log})")
        return self._process

    def stop(self) -> None:
        """Shut the server down; all messages are lost."""
        if self._process is not None:
            self._process.stop()
            self._server.remove_sockets()

    def kill(self) -> None:
        """Kill the server; all messages are lost."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Stop the server and start it."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Suspend the server: connections stay open, but it does not answer."""
        if self._process is not None:
            self._process.freeze()

    def thaw(self) -> None:
        """Resume the suspended server."""
        if self._process is not None:
            self._process.thaw()

    def flush(self) -> None:
        """Delete all keys."""
        with self.client() as client:
            client.flushall()


def _running(folder: Path) -> RedisServer:
    """Start a server with its files in *folder*."""
    folder.mkdir(exist_ok=True)
    try:
        server = RedisServer(folder)
    except SetupError as error:
        missing("Redis", error)
    server.start()
    return server


@pytest.fixture(scope="session")
def session_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's Redis."""
    server = _running(tmp_path_factory.mktemp("redis"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_server(session_redis: RedisServer) -> RedisServer:
    """The session's Redis, emptied. Do not stop it: use `own_redis` for that."""
    session_redis.flush()
    return session_redis


@pytest.fixture
def broker_url(redis_server: RedisServer) -> str:
    """The URL of the session's Redis, emptied."""
    return redis_server.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis for this test alone. The test may stop, kill or freeze it."""
    server = _running(tmp_path / "own-redis")
    try:
        yield server
    finally:
        server.stop()
