"""Each process has a row in PostgreSQL with the time of its last heartbeat and whether it has its broker."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.errors import BrokerUnavailable
from app.metrics.servers import Wait
from app.system.heartbeats import Heartbeat
from app.system.processes import LOST_AFTER_S, Process, list_processes, running
from cli.up import commands
from schemas.system import BrokerState, ProcessKind, ProcessState
from tests.support import processes
from tests.support.processes import free_port
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture
def beating(pool: Pool) -> Iterator[Callable[[str], Heartbeat]]:
    """A function that creates a heartbeat of a kind, without its thread."""
    made: list[Heartbeat] = []

    def make(kind: str) -> Heartbeat:
        made.append(Heartbeat(kind, Settings(), partial(lend_connection, pool), uses_broker=kind != "web"))
        return made[-1]

    yield make
    for heartbeat in made:
        heartbeat.close()


def seen(connection: Connection, kind: str) -> list[Process]:
    """Return the processes of *kind* in the database."""
    return [process for process in list_processes(connection) if process.kind == kind]


def test_every_process_is_listed_while_it_runs_and_removed_when_it_ends(
    connection: Connection, database_url: str, own_redis: RedisServer, tmp_path: Path
) -> None:
    environ = {
        "DATABASE_URL": database_url,
        "BROKER_URL": own_redis.url,
        "MERGELANE_WEB_PROCESSES": "2",
    }
    started = [
        processes.Process.of(name, command, folder=tmp_path, environ=environ).start()
        for name, command in (
            ("web", commands.web(host="127.0.0.1", port=free_port())),
            ("relay", commands.relay()),
            ("sender", commands.sender()),
            ("worker", commands.worker("beating")),
        )
    ]
    try:
        wait_until(lambda: len(list_processes(connection)) == 5, what="the heartbeats")
        rows = list_processes(connection)
    finally:
        for process in started:
            process.stop(seconds=20)

    assert [row.kind for row in rows] == ["relay", "sender", "web", "web", "worker"]
    assert {row.kind: row.broker for row in rows} == {
        "relay": BrokerState.REACHABLE,
        "worker": BrokerState.REACHABLE,
        "web": None,
        "sender": None,
    }
    assert rows[-1].name.startswith("beating")
    assert {row.state for row in rows} == {ProcessState.RUNNING}
    assert list_processes(connection) == []


def test_a_relay_that_waits_for_its_broker_is_listed_without_it(
    connection: Connection, beating: Callable[[str], Heartbeat]
) -> None:
    heartbeat, wait = beating("relay"), Wait()
    wait.begin(BrokerUnavailable("The broker is full.", cause="OOM"))
    heartbeat.beat()
    (away,) = seen(connection, "relay")
    wait.end()
    heartbeat.beat()
    (back,) = seen(connection, "relay")

    assert (away.broker, away.broker_cause) == (BrokerState.AWAY, "OOM")
    assert (back.broker, back.broker_cause) == (BrokerState.REACHABLE, None)
    assert back.started_at == away.started_at < back.seen_at


def test_a_process_without_heartbeats_is_lost_and_deleted_after_an_hour(
    connection: Connection, beating: Callable[[str], Heartbeat]
) -> None:
    beating("worker").beat()
    age = "UPDATE process_heartbeat SET pid = 0, seen_at = now() - make_interval(secs => %s) WHERE kind = 'worker'"
    connection.execute(age, [LOST_AFTER_S + 1])
    (lost,) = list_processes(connection)
    connection.execute(age, [3601])
    forgotten = list_processes(connection)
    beating("web").beat()
    (left,) = connection.execute("SELECT array_agg(kind) AS kinds FROM process_heartbeat")

    assert (lost.state, running([lost], ProcessKind.WORKER)) == (ProcessState.LOST, [])
    assert forgotten == []
    assert left["kinds"] == ["web"]


def test_a_server_that_refuses_is_logged_once_and_waited_for(
    connection: Connection, beating: Callable[[str], Heartbeat], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    heartbeat = beating("web")
    connection.execute("REVOKE INSERT ON process_heartbeat FROM mergelane_app")
    try:
        for _ in range(3):
            heartbeat.beat()
    finally:
        connection.execute("GRANT INSERT ON process_heartbeat TO mergelane_app")
    heartbeat.beat()

    lines = [record for record in caplog.records if record.name == "app.system.heartbeats"]
    assert [line.message for line in lines] == ["heartbeat_waiting", "heartbeat_resumed"]
    assert "the role lacks a privilege" in vars(lines[0])["reason"]
    assert len(seen(connection, "web")) == 1
