"""Runs all checks, in the order in which one depends on another."""

from collections.abc import Iterator

import psycopg

from app.config import Settings
from app.db.connections import Connection
from app.db.roles import find_role_fault
from app.errors import DatabaseUnavailable, SetupError
from cli.database import connected
from cli.doctor.broker import check_broker
from cli.doctor.citus import check_citus
from cli.doctor.database import check_digests, check_indexes, check_schema, check_server
from cli.doctor.distribution import check_distribution
from cli.doctor.findings import Finding, Level, wrong
from cli.doctor.heartbeats import check_heartbeats
from cli.doctor.isolation import check_isolation, check_writes
from cli.doctor.jobs import check_jobs
from cli.doctor.memory import check_memory
from cli.doctor.old_transactions import check_old_transactions
from cli.doctor.pooler import check_pooler
from cli.doctor.processes import check_flower, check_relay
from cli.doctor.replica import check_replica
from cli.doctor.rights import check_rights
from cli.doctor.session import check_session
from cli.doctor.settings import check_settings
from cli.doctor.webhooks import check_webhooks


def run_checks(settings: Settings) -> list[Finding]:
    """Return the findings about the installation that *settings* describe."""
    broker, workers = check_broker(settings)
    return [*check_settings(settings), *_check_database(settings, len(workers)), *broker, *check_flower(settings)]


def is_healthy(findings: list[Finding]) -> bool:
    """Return whether no finding is a problem."""
    return all(finding.level != Level.WRONG for finding in findings)


def _check_database(settings: Settings, workers: int) -> list[Finding]:
    if not settings.database_url:
        remedy = "Set it to postgresql://USER@HOST/DATABASE, or start everything with `mergelane up`."
        return [wrong("postgres", "DATABASE_URL is not set: no process can start.", remedy)]
    pooler = check_pooler(settings)
    try:
        with connected(settings, settings.database_url, name="doctor") as connection:
            return [*pooler, *_check_connection(connection, settings, workers)]
    except (DatabaseUnavailable, SetupError, psycopg.Error) as error:
        return [*pooler, wrong("postgres", _reason(error), "Start PostgreSQL, or correct DATABASE_URL.")]


def _check_connection(connection: Connection, settings: Settings, workers: int) -> Iterator[Finding]:
    """Yield the findings about an open database; checks that need the current schema run only if it is there."""
    server = list(check_server(connection, settings, workers=workers))
    yield from server
    schema = check_schema(connection)
    yield schema
    yield check_indexes(connection)
    yield from check_distribution(connection, settings)
    yield from check_citus(connection)
    yield from check_memory(connection)
    yield check_old_transactions(connection)
    if schema.level != Level.WRONG:
        if not any(each.level == Level.WRONG for each in server):
            yield from check_writes(settings)
        yield from check_isolation(connection, settings)
        yield from check_rights(connection)
        if find_role_fault(connection) is None:
            yield from check_session(settings)
            yield from check_replica(connection, settings)
        yield from check_digests(connection, settings)
        yield check_relay(connection)
        yield from check_heartbeats(connection)
        yield from check_jobs(connection, settings)
        yield from check_webhooks(connection, settings)


def _reason(error: Exception) -> str:
    if isinstance(error, SetupError):
        return str(error)
    if isinstance(error, DatabaseUnavailable):
        return str(error).partition(" Check that it runs")[0]
    return f"The checks of PostgreSQL failed ({type(error).__name__})."
