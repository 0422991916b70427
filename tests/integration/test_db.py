"""The access to PostgreSQL: repeated transactions, an unavailable server, and values that are read as written."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors as postgres
from psycopg.types.json import Jsonb

from app.config import Settings
from app.db import migrations
from app.db.connections import Connection, Pool, connection_arguments, lend_connection, open_pool
from app.db.errors import is_unavailable
from app.db.queries import load_queries
from app.db.transaction import ATTEMPTS, Transaction, run_in_transaction
from app.errors import DatabaseUnavailable, SetupError
from schemas.addresses import COMPARISON
from tests.support.factories import Factory
from tests.support.postgres import PostgresServer, make_database_url
from tests.support.waiting import wait_until

database_url = make_database_url(scope="module")

NOWHERE = Settings(database_url="postgresql://127.0.0.1:1/nobody", pool_timeout_s=0.3)
CONTENTION_ERRORS = [
    postgres.DeadlockDetected,
    postgres.SerializationFailure,
    postgres.LockNotAvailable,
    postgres.UniqueViolation,
]


def one(connection: Connection, query: str, *values: Any) -> Any:
    """Return the only value of the result of *query*."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    (value,) = row.values()
    return value


def select_one(tx: Transaction) -> Any:
    return one(tx.connection, "SELECT 1 AS one")


def test_rows_are_dicts_and_every_wait_has_a_timeout(pool: Pool, settings: Settings) -> None:
    with lend_connection(pool) as connection:
        shown = {
            name: one(connection, f"SELECT setting::int AS value FROM pg_settings WHERE name = '{name}'")
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
        name = one(connection, "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")

    assert shown == {
        "statement_timeout": settings.statement_timeout_ms,
        "lock_timeout": settings.lock_timeout_ms,
        "idle_in_transaction_session_timeout": settings.idle_timeout_ms,
    }
    assert name == f"mergelane-test/{COMPARISON}"


def test_times_are_read_in_utc_for_any_time_zone_of_the_server(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET timezone = 'America/New_York'")
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    with Connection.connect(empty_database_url, **connection_arguments(Settings(), name="test")) as connection:
        moment = one(connection, "SELECT %s::timestamptz AS moment", noon)

    assert moment == noon
    assert (moment.hour, moment.utcoffset()) == (12, noon.utcoffset())


@pytest.mark.parametrize(
    "value", [{}, [], None, "ä😀", 0, 1.5, 1e-7, 2**53, -(2**63), True, {"a": [None, {"b": ""}]}, {"": [1, "1"]}]
)
def test_json_is_read_as_it_was_written(connection: Connection, value: Any) -> None:
    assert one(connection, "SELECT %s AS value", Jsonb({"value": value})) == {"value": value}


def test_a_missing_database_url_is_an_error_with_a_sentence() -> None:
    with pytest.raises(SetupError, match="DATABASE_URL is not set"):
        open_pool(Settings(), name="test")


def test_a_file_with_two_queries_of_one_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "twice" / "sql").mkdir(parents=True)
    (tmp_path / "twice" / "__init__.py").touch()
    (tmp_path / "twice" / "sql" / "it.sql").write_text("-- name: ask\nSELECT 1\n-- name: ask\nSELECT 2\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(SetupError, match=r"it\.sql of twice contains two queries with one name"):
        load_queries("twice", "it.sql")


def test_a_failed_transaction_is_rolled_back(pool: Pool, connection: Connection, factory: Factory) -> None:
    workspace_id = factory.workspace_id

    def fail(inside: Transaction) -> None:
        inside.execute("INSERT INTO batch VALUES (%(workspace_id)s, gen_random_uuid(), now(), NULL, 'never-was')")
        raise LookupError

    with pytest.raises(LookupError):
        run_in_transaction(pool, workspace_id, fail)

    assert one(connection, "SELECT count(*) AS count FROM batch WHERE path = 'never-was'") == 0


@pytest.mark.parametrize("error", CONTENTION_ERRORS)
def test_a_transaction_with_a_contention_error_is_repeated(pool: Pool, error: type[psycopg.Error]) -> None:
    calls: list[int] = []

    def work(_: Transaction) -> int:
        calls.append(1)
        if len(calls) < ATTEMPTS:
            raise error
        return len(calls)

    assert run_in_transaction(pool, 1, work) == ATTEMPTS


@pytest.mark.parametrize("error", CONTENTION_ERRORS)
def test_a_transaction_that_always_has_contention_errors_raises(pool: Pool, error: type[psycopg.Error]) -> None:
    calls: list[int] = []

    def work(_: Transaction) -> None:
        calls.append(1)
        raise error

    with pytest.raises(error):
        run_in_transaction(pool, 1, work)

    assert len(calls) == ATTEMPTS


def test_a_transaction_with_another_error_is_not_repeated(pool: Pool) -> None:
    calls: list[int] = []

    def work(inside: Transaction) -> None:
        calls.append(1)
        inside.execute("SELECT 1 / 0")

    with pytest.raises(postgres.DivisionByZero):
        run_in_transaction(pool, 1, work)

    assert calls == [1]


def test_both_transactions_of_a_deadlock_are_done(pool: Pool, factory: Factory) -> None:
    profiles = [factory.profile("dead-1"), factory.profile("dead-2")]
    database = factory.connection.info.dbname
    factory.connection.execute(f"ALTER DATABASE {database} SET deadlock_timeout = '20ms'".encode())
    meet = threading.Barrier(2, timeout=20)

    def update(*names: str) -> Callable[[Transaction], int]:
        tries: list[int] = []

        def work(inside: Transaction) -> int:
            tries.append(1)
            for name in names:
                inside.execute(
                    "SELECT 1 FROM profile WHERE external_id = %(name)s FOR UPDATE", {"name": name}
                ).fetchall()
                if len(tries) == 1 and name == names[0]:
                    meet.wait()
            return len(tries)

        return work

    results: list[int] = []
    names = [str(profile.external_id) for profile in profiles]

    def run(*order: str) -> None:
        results.append(run_in_transaction(pool, factory.workspace_id, update(*order)))

    threads = [threading.Thread(target=run, args=order) for order in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(results) == [1, 2]


def test_a_missing_server_is_unavailable() -> None:
    with open_pool(NOWHERE, name="test") as pool, pytest.raises(DatabaseUnavailable, match="does not answer"):
        run_in_transaction(pool, 1, select_one)


def test_a_server_whose_connection_breaks_is_unavailable(pool: Pool, connection: Connection) -> None:
    def end(inside: Transaction) -> None:
        one(connection, "SELECT pg_terminate_backend(%s) AS gone", inside.connection.info.backend_pid)
        select_one(inside)

    with pytest.raises(DatabaseUnavailable):
        run_in_transaction(pool, 1, end)

    assert run_in_transaction(pool, 1, select_one) == 1


def test_a_pool_recovers_when_its_server_comes_back(own_postgres: PostgresServer) -> None:
    settings = Settings(database_url=own_postgres.url(), pool_timeout_s=0.5)

    def select() -> Any:
        return run_in_transaction(pool, 1, select_one)

    def select_or_none() -> Any:
        try:
            return select()
        except DatabaseUnavailable:
            return None

    migrations.upgrade_schema(own_postgres.url())
    with open_pool(settings, name="test") as pool:
        assert select() == 1
        own_postgres.kill()
        # Its processes end one after another, so the process of a connection may still answer once.
        wait_until(lambda: select_or_none() is None, what="the pool to notice")
        own_postgres.start()

        assert wait_until(select_or_none, what="the pool to recover") == 1


def test_a_cancelled_statement_does_not_make_the_server_unavailable(settings: Settings) -> None:
    hasty = {**connection_arguments(settings, name="test"), "options": "-c statement_timeout=20"}
    with (
        Connection.connect(settings.database_url, **hasty) as connection,
        pytest.raises(postgres.QueryCanceled) as caught,
    ):
        connection.execute("SELECT pg_sleep(10)")

    assert not is_unavailable(caught.value)


def sleep(tx: Transaction, *, timeout_s: float | None, seconds: tuple[float, ...]) -> None:
    """Raise the timeout of statements and run some that sleep. None raises only the timeout of the server."""
    if timeout_s is None:
        tx.execute("SET LOCAL statement_timeout = 0")
    else:
        tx.set_statement_timeout(timeout_s)
    for each in seconds:
        tx.execute("SELECT pg_sleep(%(seconds)s)", {"seconds": each})


def test_the_clients_timeout_follows_the_statement_timeout_of_the_transaction(
    settings: Settings, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.connections.GRACE_S", 0.2)
    hasty = replace(settings, statement_timeout_ms=200, lock_timeout_ms=200, pool_size=1)
    with open_pool(hasty, name="test") as pool:
        run_in_transaction(pool, factory.workspace_id, sleep, timeout_s=0.9, seconds=(0.7,) * 3)
        with pytest.raises(postgres.QueryCanceled):
            run_in_transaction(pool, factory.workspace_id, sleep, timeout_s=0.5, seconds=(5.0,))
        # The next transaction on the same connection has the default limit again.
        with pytest.raises(DatabaseUnavailable):
            run_in_transaction(pool, factory.workspace_id, sleep, timeout_s=None, seconds=(5.0,))


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (postgres.AdminShutdown, True),
        (postgres.CrashShutdown, True),
        (postgres.CannotConnectNow, True),
        (postgres.TooManyConnections, True),
        (postgres.ConnectionFailure, True),
        (psycopg.OperationalError, True),
        (postgres.QueryCanceled, False),
        (postgres.LockNotAvailable, False),
        (postgres.UndefinedTable, True),
        (postgres.InvalidPassword, True),
        (postgres.ReadOnlySqlTransaction, True),
        (postgres.CheckViolation, False),
    ],
)
def test_errors_are_divided_into_an_unavailable_server_and_others(error: type[psycopg.Error], away: bool) -> None:
    assert is_unavailable(error("It said no.")) is away


def test_a_statement_larger_than_the_buffers_of_the_socket_is_sent_whole(pool: Pool, factory: Factory) -> None:
    text = "x" * 30_000_000

    def length(tx: Transaction) -> int:
        # The server reads nothing during the sleep, so a part of the next statement must wait.
        tx.execute("SELECT pg_sleep(0.2)")
        cursor = tx.execute("SELECT length(%(text)s) AS length", {"text": text})
        assert not tx.connection.pgconn.flush()
        (row,) = cursor.fetchall()
        found: int = row["length"]
        return found

    assert run_in_transaction(pool, factory.workspace_id, length) == len(text)
