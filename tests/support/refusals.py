"""Lets a running PostgreSQL refuse work."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Refusal:
    """Statements that start and end a refusal, and a part of the cause that `/health/ready` reports."""

    name: str
    begin: Sequence[LiteralString]
    end: Sequence[LiteralString]
    cause: str
    #: The label `cause` of the metric.
    label: str
    #: The database on which the statements run.
    database: str = "postgres"


RELOAD = "SELECT pg_reload_conf()"
REFUSALS = (
    Refusal(
        "read-only",
        ("ALTER SYSTEM SET default_transaction_read_only = on", RELOAD),
        ("ALTER SYSTEM RESET default_transaction_read_only", RELOAD),
        "the server is read-only",
        "25006",
    ),
    Refusal(
        "revoked",
        ("REVOKE UPDATE ON job FROM mergelane_app",),
        ("GRANT UPDATE ON job TO mergelane_app",),
        "the role lacks a privilege",
        "42501",
    ),
    Refusal(
        "closed",
        (
            "ALTER DATABASE postgres ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'",
        ),
        ("ALTER DATABASE postgres ALLOW_CONNECTIONS true",),
        "is not currently accepting connections",
        "connection_refused",
        database="template1",
    ),
)


@contextmanager
def refuse(postgres: PostgresServer, refusal: Refusal) -> Iterator[None]:
    """Let the server refuse work during the block."""
    _run(postgres, refusal, refusal.begin)
    try:
        yield
    finally:
        _run(postgres, refusal, refusal.end)


def _run(postgres: PostgresServer, refusal: Refusal, statements: Sequence[LiteralString]) -> None:
    url = postgres.url(refusal.database)
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        for statement in statements:
            loaded = _load_time(connection)
            connection.execute(statement)
            if statement == RELOAD:
                # The server signals its processes after the answer, so the product's connections could change later.
                wait_until(lambda before=loaded: _load_time(connection) != before, what="the settings to be loaded")


def _load_time(connection: psycopg.Connection) -> object:
    """Return the time when the server process of *connection* loaded its settings."""
    (row,) = connection.execute("SELECT pg_conf_load_time()").fetchall()
    return row[0]
