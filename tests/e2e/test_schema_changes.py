"""Tables change under running processes: no request fails, and every job has one attempt."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql

from tests.support.system import System
from tests.support.traffic import Traffic

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"


#: On a busy machine a lane that waits for a lock may take longer than the fast settings of the tests allow. Then its
#: jobs would be rescued.
PATIENT = {
    "MERGELANE_LOCK_TIMEOUT_MS": "8000",
    "MERGELANE_SILENCE_S": "10",
    "MERGELANE_RESCUE_AFTER_S": "30",
    "MERGELANE_VISIBILITY_TIMEOUT_S": "30",
}


@pytest.fixture
def system(start_system: Callable[..., System]) -> System:
    return start_system(workers=2, environ=PATIENT)


@pytest.fixture
def impatient_system(start_system: Callable[..., System]) -> System:
    """A system whose lock timeout is shorter than the locks of a test."""
    return start_system(workers=2, environ={**PATIENT, "MERGELANE_LOCK_TIMEOUT_MS": "2000"})


@pytest.fixture
def owner(system: System) -> Iterator[psycopg.Connection[tuple[str]]]:
    """A connection of the owner of the tables."""
    with psycopg.connect(system.database_url, autocommit=True) as connection:
        yield connection


def run_on_all(owner: psycopg.Connection[tuple[str]], *statements: str) -> None:
    """Run *statements* for each table, whose name replaces the braces."""
    for (table,) in owner.execute(TABLES).fetchall():
        for statement in statements:
            run_until_it_succeeds(owner, sql.SQL(statement).format(sql.Identifier(table)))  # type: ignore[arg-type]


def run_until_it_succeeds(owner: psycopg.Connection[tuple[str]], statement: sql.Composed) -> None:
    """Run *statement* until it succeeds: PostgreSQL may cancel it to end a deadlock with a process."""
    for _ in range(20):
        with suppress(psycopg.errors.DeadlockDetected):
            owner.execute(statement)
            return
    pytest.fail("The statement met a deadlock twenty times.")


def assert_unnoticed(system: System, traffic: Traffic, pids: Sequence[int]) -> None:
    jobs = traffic.jobs()

    assert traffic.failures == []
    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}
    assert [process.pid for process in (system.web, system.relay, *system.workers) if process.running] == pids


def test_columns_and_indexes_are_added_and_dropped_under_load(
    system: System, owner: psycopg.Connection[tuple[str]]
) -> None:
    pids = [process.pid for process in (system.web, system.relay, *system.workers)]
    traffic = Traffic([system.new_client() for _ in range(3)])

    with traffic.flowing():
        traffic.advance()
        run_on_all(owner, "ALTER TABLE {} ADD COLUMN colour text")
        traffic.advance()
        run_on_all(owner, "CREATE INDEX CONCURRENTLY by_colour ON {} (colour)", "DROP INDEX CONCURRENTLY by_colour")
        traffic.advance()
        run_on_all(owner, "ALTER TABLE {} DROP COLUMN colour")
        traffic.advance()
        # Columns of another type change the result of our queries.
        owner.execute("ALTER TABLE job ALTER COLUMN reason TYPE varchar")
        traffic.advance()

    assert_unnoticed(system, traffic, pids)


def test_tables_and_indexes_are_rebuilt_under_load(system: System, owner: psycopg.Connection[tuple[str]]) -> None:
    pids = [process.pid for process in (system.web, system.relay, *system.workers)]
    traffic = Traffic([system.new_client() for _ in range(3)])

    with traffic.flowing():
        traffic.advance()
        run_on_all(owner, "VACUUM FULL {}")
        traffic.advance()
        run_on_all(owner, "REINDEX TABLE {}", "REINDEX TABLE CONCURRENTLY {}")
        traffic.advance()

    assert_unnoticed(system, traffic, pids)


def test_processes_wait_for_locks_longer_than_the_lock_timeout(impatient_system: System) -> None:
    system = impatient_system
    pids = [process.pid for process in (system.web, system.relay, *system.workers)]
    traffic = Traffic([system.new_client()])

    with traffic.flowing(), psycopg.connect(system.database_url, autocommit=True) as owner:
        for table in ("profile", "job"):
            traffic.advance()
            with owner.transaction():
                owner.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
                owner.execute("SELECT pg_sleep(2.5)")
        traffic.advance()

    assert_unnoticed(system, traffic, pids)
