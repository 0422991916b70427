"""DATABASE_URL with several hosts: a connection uses one that answers."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from app.config import Settings
from app.db.connections import APP_ROLE, Pool, connection_arguments, lend_connection, open_pool
from app.db.installation import connect_and_read_name
from app.db.startup import require_schema
from app.db.wakeups import WakeUpListener
from app.errors import DatabaseUnavailable
from chaos.proxy import Proxy
from cli.doctor.examination import run_checks
from cli.doctor.findings import Level
from tests.support.processes import free_port

#: As many connections that take one of two hosts at random use both.
MANY = 40


@pytest.fixture
def entries(database_url: str) -> Iterator[list[Proxy]]:
    """Two ways to the server."""
    socket = Path(str(conninfo_to_dict(database_url)["host"])) / ".s.PGSQL.5432"
    proxies = [Proxy(lambda: socket), Proxy(lambda: socket)]
    for proxy in proxies:
        proxy.start()
    try:
        yield proxies
    finally:
        for proxy in proxies:
            proxy.stop()


@pytest.fixture
def settings(entries: list[Proxy], database_url: str) -> Settings:
    """Settings with an unreachable host and both entries."""
    ports = [free_port(), *(each.port for each in entries)]
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    name = conninfo_to_dict(database_url)["dbname"]
    return Settings(database_url=f"postgresql://postgres@{hosts}/{name}?load_balance_hosts=random")


def test_connections_are_spread_over_the_hosts_that_answer(settings: Settings, entries: list[Proxy]) -> None:
    found = set()
    for _ in range(MANY):
        arguments = connection_arguments(settings, name="test", role=APP_ROLE)
        with psycopg.connect(settings.database_url, **arguments) as connection:
            found.add(connection.info.port)

    assert found == {entry.port for entry in entries}


def test_every_kind_of_connection_skips_an_unreachable_host(settings: Settings) -> None:
    require_schema(settings)
    assert len({connect_and_read_name(settings) for _ in range(10)}) == 1
    listener = WakeUpListener(settings, name="test", queue="job")
    try:
        assert listener.begin_sleep()
    finally:
        listener.close()
    postgres = [found for found in run_checks(settings) if found.check.startswith("postgres")]
    assert [found for found in postgres if found.level is Level.WRONG] == []


def test_a_pool_loses_only_its_connections_to_a_host_that_stops(settings: Settings, entries: list[Proxy]) -> None:
    with open_pool(settings, name="test", probe_server=True) as pool:
        with lend_connection(pool) as first, lend_connection(pool) as second:
            ports = [first.info.port, second.info.port]
        gone = next(entry for entry in entries if entry.port in ports)
        gone.refuse(refusing=True)

        assert len([None for _ in range(MANY) if not answers(pool)]) <= ports.count(gone.port)


def answers(pool: Pool) -> bool:
    """Return whether a connection of the pool answers a statement."""
    try:
        with lend_connection(pool) as connection:
            return connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    except DatabaseUnavailable:
        return False
