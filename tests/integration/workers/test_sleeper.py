"""An idle relay sleeps and loses no wake-up. If PostgreSQL cannot wake it, it polls less often."""

import random
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.db.wakeups import WakeUpListener
from app.ledger.accept import NewBatch, insert_batch
from app.ledger.dispatch import seconds_until_due_lane
from app.metrics.relay import SERVICES
from cli.up import commands
from schemas.identifiers import from_wire
from schemas.merge import MergeUpdate
from schemas.outcomes import JobKind
from tests.integration.workers.relaying import messages, relay, single_jobs
from tests.support.factories import Factory, ext
from tests.support.pgbouncer import ADVISORY_LOCKS, IGNORE_OPTIONS, PgBouncer
from tests.support.processes import Process, free_port
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until
from workers import sleeper
from workers.loop import run_repeatedly
from workers.sleeper import Sleeper

ROUNDS = re.compile(r'^mergelane_relay_rounds_total\{service="relay"\} ([\d.e+]+)$', re.MULTILINE)


def rounds(port: int) -> float:
    """Return the number of rounds of the relay."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        (found,) = ROUNDS.findall(response.read().decode())
    return float(found)


@contextmanager
def running_relay(url: str, server: RedisServer, folder: Path) -> Iterator[int]:
    """Run a relay and yield the port of its metrics."""
    port = free_port()
    environ = {"DATABASE_URL": url, "BROKER_URL": server.url, "MERGELANE_METRICS_ADDRESS": f"127.0.0.1:{port}"}
    process = Process.of("relay", commands.relay(), folder=folder, environ=environ)
    process.start()
    try:
        process.says("relay_started")
        yield port
    finally:
        process.stop(seconds=15)


def rounds_in(seconds: float, port: int) -> float:
    """Return how many rounds the relay runs in some seconds."""
    before = rounds(port)
    Event().wait(seconds)
    return rounds(port) - before


def test_an_idle_relay_runs_about_a_round_in_a_second_and_publishes_at_once(
    database_url: str, own_redis: RedisServer, tmp_path: Path, factory: Factory
) -> None:
    with running_relay(database_url, own_redis, tmp_path) as port:
        wait_until(lambda: rounds_in(1.0, port) <= 2, what="the relay to sleep")

        assert rounds_in(3.0, port) <= 5

        single_jobs(factory, 1)
        wait_until(lambda: len(messages(own_redis)) == 1, what="the message of the job")

        # It sleeps again at once: a second of polling would be 60 rounds.
        assert rounds_in(0.5, port) <= 5


def test_the_relay_is_busy_at_its_start_and_after_many_jobs(
    pool: Pool, settings: Settings, own_redis: RedisServer, factory: Factory
) -> None:
    with relay(pool, settings, own_redis) as (publisher, _):
        assert publisher.is_busy
        for count, busy in ((1, False), (0, False), (20, True), (0, True), (8, False), (9, True)):
            if count:
                single_jobs(factory, count)

            assert publisher.run_once() == count
            assert publisher.is_busy is busy


@pytest.fixture
def pooled_url(pgbouncer: PgBouncer) -> str:
    """The URL of the test's database through a PgBouncer in transaction mode."""
    pgbouncer.start(settings=IGNORE_OPTIONS)
    return pgbouncer.url


def test_nothing_sleeps_behind_a_pooler_and_no_lock_stays_there(pooled_url: str, connection: Connection) -> None:
    listener = WakeUpListener(Settings(database_url=pooled_url), name="t", queue="job")

    assert not listener.begin_sleep()

    assert not listener.begin_sleep()
    assert connection.execute(ADVISORY_LOCKS.encode()).fetchall() == []


def test_a_service_that_nothing_can_wake_polls_less_often_when_idle(
    pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sleeper, "AWAKE_S", 0.0)
    stop, waits = Event(), list[float | None]()
    monkeypatch.setattr(stop, "wait", waits.append)
    listener = WakeUpListener(Settings(database_url=pooled_url), name="t", queue="job")
    dozing = Sleeper(listener, stop, has_work=lambda: False, due_in_s=lambda _: None, idle_poll_s=0.05)

    for _ in range(3):
        dozing.after_round(idle=True, pause_s=0.015)

    assert waits == [0.05] * 3


def accept(tx: Transaction) -> UUID:
    """Accept a batch of one job. The relay may fall asleep immediately before the commit."""
    update = MergeUpdate(orphan=from_wire(ext("a")), survivor=from_wire(ext("b")))
    batch = NewBatch(api_key_id=None, path="/users/merge", kind=JobKind.MERGE, updates=[update])
    insert_batch(tx, batch)
    tx.now()
    Event().wait(random.random() / 50)
    return batch.id


def test_no_wake_up_is_lost_when_a_relay_falls_asleep_during_requests(
    pool: Pool, settings: Settings, own_redis: RedisServer, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two relays sleep after each round without work, until they are woken: a lost wake-up would take a minute.
    monkeypatch.setattr(sleeper, "AWAKE_S", 0.0)
    monkeypatch.setattr(sleeper, "LONGEST_SLEEP_S", 60.0)
    stop = Event()

    def run_a_relay() -> None:
        listener = WakeUpListener(settings, name="t", queue="job")
        with (
            relay(pool, settings, own_redis, broker_bound=10_000) as (publisher, _),
            Sleeper(
                listener,
                stop,
                has_work=lambda: publisher.has_due_lanes,
                due_in_s=seconds_until_due_lane,
                idle_poll_s=0.0,
            ) as dozing,
        ):
            run_repeatedly(publisher.run_once, pause_s=0.0, stop=stop, name="relay", metrics=SERVICES, sleeper=dozing)

    def post() -> None:
        batch_id = run_in_transaction(pool, factory.workspace_id, accept)

        def published() -> bool:
            with open_transaction(pool, factory.workspace_id) as tx:
                (row,) = tx.execute("SELECT published_at FROM job WHERE batch_id = %(id)s", {"id": batch_id}).fetchall()
            return row["published_at"] is not None

        wait_until(published, seconds=20, what="the job to be published")
        # The relay publishes no more than workers would take.
        own_redis.flush()

    relays = [Thread(target=run_a_relay) for _ in range(2)]
    for each in relays:
        each.start()
    try:
        # One after another: the notification of another request would hide a lost one.
        for _ in range(60):
            post()
    finally:
        stop.set()
        for each in relays:
            each.join()
