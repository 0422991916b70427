"""Redis with a replica, watched by three Sentinels that fail over."""

import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event
from typing import cast

import redis

from app.environment import child_environ
from chaos.faults import make_fault, pause
from chaos.installation import START_S, Installation
from chaos.keeper import KeptProcess, thaw
from chaos.scenarios.scenario import Scenario
from cli.up.embedded_redis import redis_executable
from cli.up.processes import Program
from demo.product import free_port

MASTER = "mergelane"
SENTINELS = 3
CONFIG = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {master} 127.0.0.1 {first} 2
sentinel down-after-milliseconds {master} 1000
sentinel failover-timeout {master} 5000
"""


class SentinelInstallation(Installation):
    """An installation on a Redis master, its replica, and three Sentinels."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self.servers: dict[int, KeptProcess] = {}
        self.sentinels: dict[int, KeptProcess] = {}

    @property
    def proxied_broker_url(self) -> str:
        """The URL of the Sentinels."""
        places = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"sentinel://{places}/0?master_name={MASTER}"

    def master(self) -> int:
        """Return the port of the master; raise RedisError while there is none."""
        for each in self.sentinels:
            with (
                suppress(redis.ConnectionError, redis.TimeoutError),
                redis.Redis(port=each, socket_timeout=2) as client,
            ):
                if address := client.sentinel_get_master_addr_by_name(MASTER):
                    return int(address[1])
        raise redis.ConnectionError("No Sentinel knows a master.")

    def redis_client(self) -> redis.Redis:
        """Return a client of the master."""
        return redis.Redis(port=self.master(), socket_timeout=5, decode_responses=True)

    def start_broker(self) -> None:
        """Start both servers and the Sentinels, and wait until the replica follows the master."""
        first, second = free_port(), free_port()
        for port, leader in ((first, ""), (second, f"127.0.0.1 {first}")):
            options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            follow = ["--replicaof", *leader.split()] if leader else []
            self.servers[port] = self._keep(f"redis{port}", [*options, *follow])
        for number in range(SENTINELS):
            port, folder = free_port(), self.folder / f"sentinel{number}"
            folder.mkdir()
            config = folder / "sentinel.conf"
            config.write_text(CONFIG.format(port=port, folder=folder, master=MASTER, first=first), encoding="utf-8")
            self.sentinels[port] = self._keep(f"sentinel{number}", [str(config), "--sentinel"])
        self.wait_for_replica()

    def wait_for_replica(self) -> None:
        """Wait until there is a master with a replica that the Sentinels know."""
        self.keeper.wait_until(self._is_replicated, seconds=START_S, what="the replica to follow the master")

    def make_whole(self) -> None:
        """Repair all faults."""
        super().make_whole()
        self.wait_for_replica()

    def _is_replicated(self) -> bool:
        with suppress(redis.RedisError):
            port = self.master()
            with self.redis_client() as client, redis.Redis(port=next(iter(self.sentinels))) as sentinel:
                replicas = cast("list[object]", sentinel.sentinel_slaves(MASTER))
                return port in self.servers and _is_online(client) and bool(replicas)
        return False

    def _keep(self, name: str, arguments: list[str]) -> KeptProcess:
        command = [str(redis_executable()), *arguments]
        program = Program(
            name=name, command=command, environ=child_environ(), log=self.log_of(name), directory=self.folder
        )
        return self.keeper.keep(KeptProcess(program))


def _is_online(client: redis.Redis) -> bool:
    """Return whether the master *client* has a replica that is up to date."""
    replica = cast("Mapping[str, Mapping[str, object]]", client.info("replication")).get("slave0", {})
    return replica.get("state") == "online"


def kill_master(installation: Installation, rng: Random, over: Event) -> None:
    """Kill the master; the Sentinels promote the replica, and the old master comes back as its replica."""
    home = cast("SentinelInstallation", installation)
    old = home.master()
    home.servers[old].hold_down(signal.SIGKILL)
    _wait_for_failover(home, old)
    pause(rng, over, 1, 3)
    home.servers[old].let_up()
    home.wait_for_replica()


def freeze_master(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze the master with its connections open until the replica is promoted, then resume it as a replica."""
    home = cast("SentinelInstallation", installation)
    old = home.master()
    frozen = home.servers[old].freeze()
    _wait_for_failover(home, old)
    pause(rng, over, 1, 3)
    thaw(frozen)
    home.wait_for_replica()


def switch_master(installation: Installation, _: Random, __: Event) -> None:
    """Let the Sentinels promote the replica while the master is up: it becomes read-only."""
    home = cast("SentinelInstallation", installation)
    old = home.master()
    with redis.Redis(port=next(iter(home.sentinels))) as sentinel:
        sentinel.execute_command("SENTINEL", "FAILOVER", MASTER)
    _wait_for_failover(home, old)
    home.wait_for_replica()


def kill_sentinel(installation: Installation, rng: Random, _: Event) -> None:
    """Kill a Sentinel; it starts again at once."""
    home = cast("SentinelInstallation", installation)
    home.sentinels[rng.choice(list(home.sentinels))].send(signal.SIGKILL)


def _wait_for_failover(home: SentinelInstallation, old: int) -> None:
    def is_over() -> bool:
        with suppress(redis.RedisError):
            return home.master() != old
        return False

    home.keeper.wait_until(is_over, seconds=START_S, what="the Sentinels to promote the replica")


SENTINEL = Scenario(
    name="sentinel",
    prose="Redis Sentinel failing over",
    build=SentinelInstallation,
    faults=[make_fault(harm) for harm in (kill_master, freeze_master, switch_master, kill_sentinel)],
)
