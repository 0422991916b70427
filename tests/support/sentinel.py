"""A Redis with a replica and a Sentinel that promotes it, all on the loopback interface and with a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.errors import SetupError
from cli.up.embedded_redis import redis_executable
from tests.support.missing import missing
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

MASTER = "main"
PASSWORD = "p@ss:w/ord"
WATCHMAN = "of the sentinel"
"""The password of the Sentinel itself."""
DOWN_AFTER_MS = 1_000


class SentinelSet:
    """One master, one replica, one Sentinel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = [free_port(), free_port()]
        self.sentinel_port = free_port()
        self.url = (
            f"sentinel://:p%40ss%3Aw%2Ford@127.0.0.1:{self.sentinel_port},127.0.0.1:{free_port()}/0"
            f"?master_name={MASTER}&sentinel_password=of%20the%20sentinel"
        )
        self._servers: dict[int, Process] = {}

    def start(self) -> None:
        """Start all servers and wait until the Sentinel knows the replica."""
        first, second = self._ports
        self._servers[first] = self._server(first)
        self._servers[second] = self._server(second, "--replicaof", "127.0.0.1", str(first))
        wait_until(lambda: self._info(first).get("connected_slaves") == 1, what="the replica to follow")
        wait_until(lambda: self._info(second).get("master_link_status") == "up", what="the replica to be in step")
        configuration = self._folder / "sentinel.conf"
        configuration.write_text(
            f'port {self.sentinel_port}\nbind 127.0.0.1\ndir {self._folder}\nrequirepass "{WATCHMAN}"\n'
            f"sentinel monitor {MASTER} 127.0.0.1 {first} 1\nsentinel auth-pass {MASTER} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\nsentinel failover-timeout {MASTER} 3000\n"
        )
        command = [str(redis_executable()), str(configuration), "--sentinel"]
        self._servers[self.sentinel_port] = self._process("sentinel", command)
        wait_until(self._knows_replica, what="the Sentinel to know the replica")

    def stop(self) -> None:
        """Kill all servers."""
        for process in self._servers.values():
            process.kill()

    def master_port(self) -> int:
        """Return the port of the master that the Sentinel names."""
        with self._sentinel() as client:
            address = client.sentinel_get_master_addr_by_name(MASTER)
        assert isinstance(address, tuple)
        return int(address[1])

    def kill_master(self) -> int:
        """Kill the master, wait until the replica is promoted, and return its port."""
        port = self.master_port()
        self._servers[port].kill()
        wait_until(lambda: self.master_port() != port, seconds=30, what="the replica to be promoted")
        new = self.master_port()
        wait_until(lambda: self._info(new).get("role") == "master", what="the replica to be a master")
        return new

    def client(self, port: int) -> redis.Redis:
        """Return a client of the server on *port*."""
        return redis.Redis(port=port, password=PASSWORD, socket_timeout=5, decode_responses=True)

    def _sentinel(self) -> redis.Redis:
        return redis.Redis(port=self.sentinel_port, password=WATCHMAN, socket_timeout=5, decode_responses=True)

    def _info(self, port: int) -> dict[str, object]:
        try:
            with self.client(port) as client:
                found: dict[str, object] = client.info("replication")  # type: ignore[assignment]
        except redis.RedisError:
            return {}
        return found

    def _knows_replica(self) -> bool:
        try:
            with self._sentinel() as client:
                slaves = client.sentinel_slaves(MASTER)
        except redis.RedisError:
            return False
        return bool(slaves)

    def _server(self, port: int, *more: str) -> Process:
        command = [str(redis_executable()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        secrets = ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"]
        return self._process(f"redis-{port}", [*command, "--save", "", "--dbfilename", f"{port}.rdb", *secrets, *more])

    def _process(self, name: str, command: list[str]) -> Process:
        return Process.of(name, command, folder=self._folder, environ={}).start()


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[SentinelSet]:
    """A running Redis with a replica and a Sentinel, for this test alone."""
    try:
        redis_executable()
    except SetupError as error:
        missing("Redis", error)
    folder = tmp_path / "sentinel"
    folder.mkdir()
    found = SentinelSet(folder)
    try:
        found.start()
        yield found
    finally:
        found.stop()
