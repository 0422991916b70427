"""The whole examination, in the order in which one thing needs another."""

from collections.abc import Iterator

import psycopg

from app.config import Settings
from app.db import Connection
from app.errors import DatabaseUnavailable, SetupError
from cli.doctor import broker, database, isolation, jobs, processes, settings, webhooks
from cli.doctor.findings import Finding, Level, wrong
from cli.up.database import connected


def examine(given: Settings) -> list[Finding]:
    """Return all that is to be said about the set-up that *given* describes."""
    told, workers = broker.examine(given)
    return [*settings.examine(given), *_database(given, len(workers)), *told, *processes.flowers(given)]


def is_healthy(findings: list[Finding]) -> bool:
    """Return whether none of *findings* says that something is wrong."""
    return all(finding.level != Level.WRONG for finding in findings)


def _database(given: Settings, workers: int) -> list[Finding]:
    """Return what is to be said about PostgreSQL and what lies in it."""
    if not given.database_url:
        way_out = "Set it to postgresql://USER@HOST/DATABASE, or start everything with `mergelane up`."
        return [wrong("postgres", "DATABASE_URL is not set: nothing can start.", way_out)]
    try:
        with connected(given, given.database_url, name="doctor") as connection:
            return list(_on(connection, given, workers))
    except (DatabaseUnavailable, SetupError, psycopg.Error) as error:
        return [wrong("postgres", _sentence(error), "Start it, or correct DATABASE_URL.")]


def _on(connection: Connection, given: Settings, workers: int) -> Iterator[Finding]:
    """Yield what is to be said on an open connection; what needs the schema only where it is new enough."""
    yield from database.examine(connection, given, workers=workers)
    schema = database.schema(connection)
    yield schema
    yield database.indexes(connection)
    if schema.level != Level.WRONG:
        yield from isolation.examine(connection, given)
        yield from database.digests(connection, given)
        yield processes.relays(connection)
        yield from jobs.examine(connection, given)
        yield from webhooks.examine(connection, given)


def _sentence(error: Exception) -> str:
    """Return why PostgreSQL cannot be examined."""
    if isinstance(error, SetupError):
        return str(error)
    if isinstance(error, DatabaseUnavailable):
        return str(error).partition(" Does it run")[0]
    return f"PostgreSQL could not be examined ({type(error).__name__})."
