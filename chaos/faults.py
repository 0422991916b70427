"""The faults that the monkey knows: each does its harm, waits for as long as it is told, and makes good again."""

import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from threading import Event

import psutil
import redis

from chaos.deliveries import drop, repeat, republish, shuffle
from chaos.house import House
from chaos.keeper import thaw

#: Harm done to a house; the event is set when the run is over, the generator decides what is left open.
Harm = Callable[[House, Random, Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong: its name, what it is in words, how often it comes beside the others, and its harm."""

    name: str
    prose: str
    weight: int
    harm: Harm


def _pause(rng: Random, over: Event, least: float, most: float) -> None:
    """Wait for a while, or until the run is over."""
    over.wait(rng.uniform(least, most))


def kill_worker(house: House, rng: Random, _: Event) -> None:
    """Kill a worker."""
    house.processes[rng.choice(house.workers)].send(signal.SIGKILL)


def kill_workers(house: House, _: Random, __: Event) -> None:
    """Kill all workers at once."""
    for name in house.workers:
        house.processes[name].send(signal.SIGKILL)


def kill_relay(house: House, _: Random, __: Event) -> None:
    """Kill the relay."""
    if relay := house.processes.get("relay"):
        relay.send(signal.SIGKILL)


def kill_web(house: House, _: Random, __: Event) -> None:
    """Kill the front door's master; its keeper ends the rest."""
    house.processes["web"].send(signal.SIGKILL)


def kill_web_child(house: House, rng: Random, _: Event) -> None:
    """Kill a process that answers requests; its master starts another."""
    children = house.processes["web"].family()[1:]
    if children:
        with suppress(psutil.NoSuchProcess):
            rng.choice(children).kill()


def stop_redis(house: House, rng: Random, over: Event) -> None:
    """Shut Redis down and start it a while later, without a memory."""
    house.redis.hold_down(signal.SIGTERM)
    _pause(rng, over, 0.5, 4)
    house.redis.let_up()


def kill_redis(house: House, _: Random, __: Event) -> None:
    """Kill Redis; it is started at once, without a memory."""
    house.redis.send(signal.SIGKILL)


def wipe_redis(house: House, _: Random, __: Event) -> None:
    """Make Redis forget everything while it runs."""
    with suppress(redis.RedisError), house.redis_client() as client:
        client.flushall()


def freeze_redis(house: House, rng: Random, over: Event) -> None:
    """Stop Redis in its tracks: connections stay open, nobody answers."""
    frozen = house.redis.freeze()
    _pause(rng, over, 1, 8)
    thaw(frozen)


def restart_postgres_fast(house: House, rng: Random, over: Event) -> None:
    """Shut PostgreSQL down in its fast mode, which ends every connection, and start it a while later."""
    house.postgres.hold_down(signal.SIGINT)
    _pause(rng, over, 0, 3)
    house.postgres.let_up()


def restart_postgres_immediate(house: House, rng: Random, over: Event) -> None:
    """Shut PostgreSQL down in its immediate mode, from which it must recover, and start it a while later."""
    house.postgres.hold_down(signal.SIGQUIT)
    _pause(rng, over, 0, 1)
    house.postgres.let_up()


def kill_postgres(house: House, _: Random, __: Event) -> None:
    """Kill PostgreSQL's first process; the others notice."""
    house.postgres.send(signal.SIGKILL)


def freeze_postgres(house: House, rng: Random, over: Event) -> None:
    """Stop PostgreSQL in its tracks, all of it."""
    frozen = house.postgres.freeze()
    _pause(rng, over, 0.5, 5)
    thaw(frozen)


def freeze_worker(house: House, rng: Random, over: Event) -> None:
    """Stop a worker in its tracks until others have been given its work, then let it go on."""
    worker = house.processes[rng.choice(house.workers)]
    frozen = worker.freeze()
    _pause(rng, over, 2, 9)
    thaw(frozen)


def freeze_relay(house: House, rng: Random, over: Event) -> None:
    """Stop the relay in its tracks for longer than a transaction may be idle."""
    relay = house.processes.get("relay")
    frozen = relay.freeze() if relay else []
    _pause(rng, over, 1, 6)
    thaw(frozen)


def cut_postgres(house: House, _: Random, __: Event) -> None:
    """Reset every connection to PostgreSQL."""
    house.postgres_proxy.cut()


def cut_redis(house: House, _: Random, __: Event) -> None:
    """Reset every connection to Redis."""
    house.redis_proxy.cut()


def part_from_postgres(house: House, rng: Random, over: Event) -> None:
    """Let nobody reach PostgreSQL for a while."""
    house.postgres_proxy.refuse(refusing=True)
    _pause(rng, over, 0.5, 3)
    house.postgres_proxy.refuse(refusing=False)


def part_from_redis(house: House, rng: Random, over: Event) -> None:
    """Let nobody reach Redis for a while; it keeps what it has."""
    house.redis_proxy.refuse(refusing=True)
    _pause(rng, over, 0.5, 6)
    house.redis_proxy.refuse(refusing=False)


def stall_postgres(house: House, rng: Random, over: Event) -> None:
    """Let nothing through to or from PostgreSQL for a while; connections stay open."""
    house.postgres_proxy.stall(stalled=True)
    _pause(rng, over, 1, 5)
    house.postgres_proxy.stall(stalled=False)


def stall_redis(house: House, rng: Random, over: Event) -> None:
    """Let nothing through to or from Redis for a while; connections stay open."""
    house.redis_proxy.stall(stalled=True)
    _pause(rng, over, 1, 8)
    house.redis_proxy.stall(stalled=False)


def slow_postgres(house: House, rng: Random, over: Event) -> None:
    """Hold back whatever passes to or from PostgreSQL."""
    house.postgres_proxy.delay(rng.uniform(0.005, 0.05))
    _pause(rng, over, 1, 4)
    house.postgres_proxy.delay(0)


def slow_redis(house: House, rng: Random, over: Event) -> None:
    """Hold back whatever passes to or from Redis."""
    house.redis_proxy.delay(rng.uniform(0.005, 0.1))
    _pause(rng, over, 1, 4)
    house.redis_proxy.delay(0)


def _fault(harm: Harm, weight: int) -> Fault:
    """Return the fault that *harm* is, described by its docstring."""
    prose = " ".join((harm.__doc__ or "").split())
    return Fault(name=harm.__name__, prose=prose, weight=weight, harm=harm)


FAULTS: Mapping[str, Fault] = {
    harm.__name__: _fault(harm, weight)
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
    }.items()
}
