"""Migrations beside running code: they let it pass, and what it writes stays valid."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory

from app.config import Settings
from app.db import Connection, connection_arguments, migrations, schema_version
from app.errors import SetupError
from tests.support.factories import Factory, ext
from tests.support.waiting import wait_until

COLUMNS = """
    SELECT table_name || '.' || column_name, is_nullable = 'YES' OR column_default IS NOT NULL
        OR is_identity = 'YES' OR is_generated = 'ALWAYS'
    FROM information_schema.columns
    WHERE table_schema = 'public'
"""
WAITING = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'mergelane-migrate' AND wait_event_type = 'Lock'"


def previous() -> str:
    """Return the revision before the newest."""
    script = ScriptDirectory.from_config(migrations.configuration("postgresql://"))
    newest = script.get_revision(migrations.newest())
    assert newest is not None
    return str(newest.down_revision)


@pytest.fixture
def former_url(empty_database_url: str) -> str:
    """The URL of a database with the schema of the revision before the newest."""
    migrations.upgrade(empty_database_url, previous())
    return empty_database_url


@pytest.fixture
def former(former_url: str) -> Iterator[Connection]:
    """A connection to that database."""
    with Connection.connect(former_url, **connection_arguments(Settings(), name="test")) as connection:
        yield connection


def instead_of_the_newest(monkeypatch: pytest.MonkeyPatch, text: str, *, alone: bool = False) -> None:
    """Let *text* be the newest revision, run *alone* or in a transaction as usual."""
    text_of, run_sql = migrations._text, migrations.run_sql

    def run(file: str, *connection: Any) -> None:
        if alone and file.startswith(migrations.newest()):
            migrations.run_sql_alone(file)
        else:
            run_sql(file, *connection)

    monkeypatch.setattr(
        migrations, "_text", lambda file: text if file.startswith(migrations.newest()) else text_of(file)
    )
    monkeypatch.setattr(migrations, "run_sql", run)


def columns(url: str) -> dict[str, bool]:
    """Return the columns of all tables, and whether a row may leave them out."""
    with psycopg.connect(url) as conn:
        return {str(name): bool(optional) for name, optional in conn.execute(COLUMNS).fetchall()}


def test_rows_may_leave_out_every_column_that_is_new(former_url: str) -> None:
    before = columns(former_url)
    migrations.upgrade(former_url)
    after = columns(former_url)

    tables = {name.split(".")[0] for name in before}
    needed = {name for name, optional in after.items() if name.split(".")[0] in tables and not optional}
    assert needed - before.keys() == set()
    assert before.keys() - after.keys() == set()


def test_what_old_code_wrote_is_there_and_it_goes_on_writing(former_url: str, former: Connection) -> None:
    factory = Factory(former)
    factory.profile("before")
    job_id = factory.job(ext("before"), ext("kept"))

    migrations.upgrade(former_url)

    factory.profile("after")
    factory.job(ext("after"), ext("kept"))
    assert factory.states([job_id]) == ["queued"]
    assert len(factory.rows("SELECT FROM job WHERE workspace_id = %s")) == 2


def test_this_code_refuses_the_schema_of_the_version_before(former: Connection) -> None:
    sentence = schema_version.fault(schema_version.current(former))

    assert sentence is not None
    assert sentence.startswith(f"The schema is at revision {previous()}, and this version of Mergelane needs")


def test_a_migration_lets_those_pass_who_wait_behind_it_and_tries_again(
    former_url: str, former: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_the_newest(monkeypatch, "ALTER TABLE job ADD COLUMN IF NOT EXISTS colour text")
    with ThreadPoolExecutor(1) as thread, psycopg.connect(former_url, autocommit=True) as observer:
        with former.transaction():
            former.execute("SELECT FROM job")
            migrating = thread.submit(migrations.upgrade, former_url, lock_timeout_s=0.2, pause_s=0.05)
            wait_until(lambda: observer.execute(WAITING).fetchone(), what="the migration to wait")
            observer.execute("SET lock_timeout = '10s'")
            observer.execute("SELECT FROM job")
            assert not migrating.done()
        migrating.result()

    assert "job.colour" in columns(former_url)


def test_a_migration_that_never_gets_its_lock_gives_up_with_a_sentence(
    former_url: str, former: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="app.db.migrations")
    instead_of_the_newest(monkeypatch, "ALTER TABLE job ADD COLUMN IF NOT EXISTS colour text")
    with former.transaction():
        former.execute("SELECT FROM job")
        with pytest.raises(SetupError, match=r"^The migration tried 6 times to lock a table"):
            migrations.upgrade(former_url, lock_timeout_s=0.05, pause_s=0.001)

    assert "job.colour" not in columns(former_url)
    assert migrations.current(former_url) == previous()


def test_an_index_is_built_while_others_write_and_again_when_it_failed(
    former_url: str, former: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
        -- Built beside running code.
        DROP INDEX CONCURRENTLY IF EXISTS by_reason;
        CREATE INDEX CONCURRENTLY by_reason ON job (workspace_id, (1 / (attempts - 9)));
    """
    instead_of_the_newest(monkeypatch, text, alone=True)
    job_id = Factory(former).job(ext("a"), ext("b"), attempts=9)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrations.upgrade(former_url)
    (failed,) = former.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_reason'::regclass").fetchall()
    former.execute("UPDATE job SET attempts = 0 WHERE id = %s", [job_id])

    migrations.upgrade(former_url)

    (built,) = former.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_reason'::regclass").fetchall()
    assert (failed["indisvalid"], built["indisvalid"]) == (False, True)
    assert migrations.current(former_url) == migrations.newest()
