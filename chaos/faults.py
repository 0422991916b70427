"""Faults: each breaks something, waits for a random time, and repairs it."""

import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from threading import Event

import psutil
import psycopg
import redis

from chaos.deliveries import drop, repeat, republish, shuffle
from chaos.installation import Installation
from chaos.keeper import thaw

#: Injects a fault into an installation. The generator makes the random choices; the event is set when the run ends.
Harm = Callable[[Installation, Random, Event], None]

#: Seconds between two tries to repair a server that does not answer because of another fault.
RETRY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: its name, its description, its relative frequency, and the function that injects it."""

    name: str
    prose: str
    weight: int
    harm: Harm


def pause(rng: Random, over: Event, least: float, most: float) -> None:
    """Wait for a random time, or until the run ends."""
    over.wait(rng.uniform(least, most))


def kill_worker(installation: Installation, rng: Random, _: Event) -> None:
    """Kill a worker."""
    installation.processes[rng.choice(installation.workers)].send(signal.SIGKILL)


def kill_workers(installation: Installation, _: Random, __: Event) -> None:
    """Kill all workers at once."""
    for name in installation.workers:
        installation.processes[name].send(signal.SIGKILL)


def kill_relay(installation: Installation, _: Random, __: Event) -> None:
    """Kill the relay."""
    if relay := installation.processes.get("relay"):
        relay.send(signal.SIGKILL)


def kill_web(installation: Installation, _: Random, __: Event) -> None:
    """Kill the web server's master process; the keeper ends its children."""
    installation.processes["web"].send(signal.SIGKILL)


def kill_web_child(installation: Installation, rng: Random, _: Event) -> None:
    """Kill a web process that handles requests; its master starts another."""
    children = installation.processes["web"].family()[1:]
    if children:
        with suppress(psutil.NoSuchProcess):
            rng.choice(children).kill()


def stop_redis(installation: Installation, rng: Random, over: Event) -> None:
    """Shut Redis down and start it later, without its data."""
    installation.redis.hold_down(signal.SIGTERM)
    pause(rng, over, 0.5, 4)
    installation.redis.let_up()


def kill_redis(installation: Installation, _: Random, __: Event) -> None:
    """Kill Redis; it is started at once, without its data."""
    installation.redis.send(signal.SIGKILL)


def wipe_redis(installation: Installation, _: Random, __: Event) -> None:
    """Delete all data of Redis while it runs."""
    with suppress(redis.RedisError), installation.redis_client() as client:
        client.flushall()


def freeze_redis(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze Redis: connections stay open without responses."""
    frozen = installation.redis.freeze()
    pause(rng, over, 1, 8)
    thaw(frozen)


def restart_postgres_fast(installation: Installation, rng: Random, over: Event) -> None:
    """Shut PostgreSQL down in fast mode, which ends every connection, and start it later."""
    installation.postgres.hold_down(signal.SIGINT)
    pause(rng, over, 0, 3)
    installation.postgres.let_up()


def restart_postgres_immediate(installation: Installation, rng: Random, over: Event) -> None:
    """Shut PostgreSQL down in immediate mode, which needs recovery, and start it later."""
    installation.postgres.hold_down(signal.SIGQUIT)
    pause(rng, over, 0, 1)
    installation.postgres.let_up()


def kill_postgres(installation: Installation, _: Random, __: Event) -> None:
    """Kill PostgreSQL's main process; its other processes exit."""
    installation.postgres.send(signal.SIGKILL)


def freeze_postgres(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze all processes of PostgreSQL."""
    frozen = installation.postgres.freeze()
    pause(rng, over, 0.5, 5)
    thaw(frozen)


def freeze_worker(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze a worker until other workers have its jobs, then resume it."""
    worker = installation.processes[rng.choice(installation.workers)]
    frozen = worker.freeze()
    pause(rng, over, 2, 9)
    thaw(frozen)


def freeze_relay(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze the relay for longer than the idle timeout of a transaction."""
    relay = installation.processes.get("relay")
    frozen = relay.freeze() if relay else []
    pause(rng, over, 1, 6)
    thaw(frozen)


def cut_postgres(installation: Installation, _: Random, __: Event) -> None:
    """Reset every connection to PostgreSQL."""
    installation.postgres_proxy.cut()


def cut_redis(installation: Installation, _: Random, __: Event) -> None:
    """Reset every connection to Redis."""
    installation.redis_proxy.cut()


def part_from_postgres(installation: Installation, rng: Random, over: Event) -> None:
    """Refuse all connections to PostgreSQL for a while."""
    installation.postgres_proxy.refuse(refusing=True)
    pause(rng, over, 0.5, 3)
    installation.postgres_proxy.refuse(refusing=False)


def part_from_redis(installation: Installation, rng: Random, over: Event) -> None:
    """Refuse all connections to Redis for a while; it keeps its data."""
    installation.redis_proxy.refuse(refusing=True)
    pause(rng, over, 0.5, 6)
    installation.redis_proxy.refuse(refusing=False)


def stall_postgres(installation: Installation, rng: Random, over: Event) -> None:
    """Stall all traffic of PostgreSQL for a while; connections stay open."""
    installation.postgres_proxy.stall(stalled=True)
    pause(rng, over, 1, 5)
    installation.postgres_proxy.stall(stalled=False)


def stall_redis(installation: Installation, rng: Random, over: Event) -> None:
    """Stall all traffic of Redis for a while; connections stay open."""
    installation.redis_proxy.stall(stalled=True)
    pause(rng, over, 1, 8)
    installation.redis_proxy.stall(stalled=False)


def slow_postgres(installation: Installation, rng: Random, over: Event) -> None:
    """Delay all traffic of PostgreSQL."""
    installation.postgres_proxy.delay(rng.uniform(0.005, 0.05))
    pause(rng, over, 1, 4)
    installation.postgres_proxy.delay(0)


def slow_redis(installation: Installation, rng: Random, over: Event) -> None:
    """Delay all traffic of Redis."""
    installation.redis_proxy.delay(rng.uniform(0.005, 0.1))
    pause(rng, over, 1, 4)
    installation.redis_proxy.delay(0)


def make_postgres_read_only(installation: Installation, rng: Random, over: Event) -> None:
    """Make PostgreSQL refuse writes for a while, as a demoted primary does."""
    _alter_postgres(installation, "SET default_transaction_read_only = on")
    pause(rng, over, 0.5, 4)
    _alter_postgres(installation, "RESET default_transaction_read_only")


def fill_redis(installation: Installation, rng: Random, over: Event) -> None:
    """Make Redis refuse writes for a while because its memory is full."""
    _command_redis(installation, "CONFIG", "SET", "maxmemory", "1")
    pause(rng, over, 0.5, 5)
    _command_redis(installation, "CONFIG", "SET", "maxmemory", "0")


def make_redis_replica(installation: Installation, rng: Random, over: Event) -> None:
    """Make Redis refuse writes for a while because it is the replica of a server that is away."""
    _command_redis(installation, "REPLICAOF", "127.0.0.1", "1")
    pause(rng, over, 0.5, 5)
    _command_redis(installation, "REPLICAOF", "NO", "ONE")


def _alter_postgres(installation: Installation, setting: str) -> None:
    """Change a setting of PostgreSQL; other faults may delay this."""
    while not installation.keeper.ended:
        with suppress(psycopg.Error), installation.connect() as connection:
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
            connection.execute(f"ALTER SYSTEM {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
            return
        installation.keeper.pause(RETRY_S)


def _command_redis(installation: Installation, *command: str) -> None:
    """Send a command to Redis; other faults may delay this."""
    while not installation.keeper.ended:
        with suppress(redis.RedisError), installation.redis_client() as client:
            client.execute_command(*command)
            return
        installation.keeper.pause(RETRY_S)


def make_fault(harm: Harm, weight: int = 1) -> Fault:
    """Return the fault of *harm*, described by its docstring."""
    prose = " ".join((harm.__doc__ or "").split())
    return Fault(name=harm.__name__, prose=prose, weight=weight, harm=harm)


FAULTS: Mapping[str, Fault] = {
    harm.__name__: make_fault(harm, weight)
    for harm, weight in {
        kill_worker: 12,
        kill_workers: 4,
        kill_relay: 6,
        kill_web: 3,
        kill_web_child: 4,
        stop_redis: 3,
        kill_redis: 3,
        wipe_redis: 5,
        freeze_redis: 2,
        restart_postgres_fast: 3,
        restart_postgres_immediate: 3,
        kill_postgres: 2,
        freeze_postgres: 2,
        freeze_worker: 5,
        freeze_relay: 3,
        cut_postgres: 4,
        cut_redis: 4,
        part_from_postgres: 2,
        part_from_redis: 2,
        stall_postgres: 2,
        stall_redis: 2,
        slow_postgres: 2,
        slow_redis: 2,
        repeat: 4,
        republish: 4,
        shuffle: 4,
        drop: 5,
        make_postgres_read_only: 3,
        fill_redis: 3,
        make_redis_replica: 3,
    }.items()
}
