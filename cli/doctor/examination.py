"""Runs all checks, in the order in which one depends on another."""

from collections.abc import Callable, Iterable, Iterator, Mapping

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
    yield from _check_each(
        connection,
        {
            "indexes": lambda: [check_indexes(connection)],
            "distribution": lambda: check_distribution(connection, settings),
            "citus": lambda: check_citus(connection),
            "memory": lambda: check_memory(connection),
            "transactions": lambda: [check_old_transactions(connection)],
        },
    )
    if schema.level == Level.WRONG:
        return
    yield from _check_each(
        connection,
        {
            "writes": lambda: check_writes(settings) if all(each.level != Level.WRONG for each in server) else (),
            "isolation": lambda: check_isolation(connection, settings),
            "rights": lambda: check_rights(connection),
            "session": lambda: _check_sessions(connection, settings),
            "digests": lambda: check_digests(connection, settings),
            "relay": lambda: [check_relay(connection)],
            "heartbeats": lambda: check_heartbeats(connection),
            "jobs": lambda: check_jobs(connection, settings),
            "webhooks": lambda: check_webhooks(connection, settings),
        },
    )


def _check_sessions(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the connections of the processes, if their role is sound."""
    if find_role_fault(connection) is None:
        yield from check_session(settings)
        yield from check_replica(connection, settings)


def _check_each(connection: Connection, checks: Mapping[str, Callable[[], Iterable[Finding]]]) -> Iterator[Finding]:
    """Yield the findings of *checks*; one that PostgreSQL refuses does not stop the others, as when a node is down."""
    refused = {}
    for name, check in checks.items():
        try:
            # A savepoint: the checks share one transaction.
            with connection.transaction():
                findings = list(check())
            yield from findings
        except (DatabaseUnavailable, psycopg.Error) as error:
            if connection.closed:
                raise
            refused[name] = _reason(error)
    if refused:
        yield wrong(
            "postgres",
            f"PostgreSQL refused the checks of {', '.join(refused)}: {next(iter(refused.values()))}",
            "Correct what else is wrong, and run `mergelane doctor` again.",
        )


def _reason(error: Exception) -> str:
    if isinstance(error, SetupError):
        return str(error)
    if isinstance(error, DatabaseUnavailable):
        return str(error).partition(" Check that it runs")[0]
    return f"The checks of PostgreSQL failed ({type(error).__name__})."
