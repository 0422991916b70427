"""Later migrations while old code runs: they wait for locks only briefly, and old code keeps working."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.config import Config

from app.config import Settings
from app.db import migrations, schema_version
from app.db.connections import Connection, Pool, connection_arguments
from app.db.transaction import open_transaction
from app.errors import SetupError
from tests.support.factories import Factory, ext
from tests.support.waiting import wait_until

#: The revision that these tests add to the revisions of the package.
LATER = "9998"
MODULE = """
from app.db import migrations

revision = "{later}"
down_revision = "{head}"


def upgrade():
    migrations.{run}("{later}_later.sql")
"""
COLUMNS = """
    SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'
"""
ANY_WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
WAITING = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'mergelane-migrate' AND wait_event_type = 'Lock'"

AddMigration = Callable[..., None]


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddMigration:
    """A function that adds a migration with the given SQL after the newest."""
    configuration, text_of = migrations.configuration, migrations._text
    packaged = Path(migrations.__file__).parent / "versions"

    def add(text: str, *, alone: bool = False) -> None:
        run = "run_sql_alone" if alone else "run_sql"
        module = MODULE.format(later=LATER, head=migrations.newest_revision(), run=run)
        (tmp_path / f"{LATER}_later.py").write_text(module, encoding="utf-8")

        def with_later(*arguments: Any, **options: Any) -> Config:
            config = configuration(*arguments, **options)
            config.set_main_option("version_locations", f"{packaged}:{tmp_path}")
            return config

        monkeypatch.setattr(migrations, "configuration", with_later)
        monkeypatch.setattr(migrations, "_text", lambda file: text if file == f"{LATER}_later.sql" else text_of(file))

    return add


@pytest.fixture
def former(database_url: str) -> Iterator[Connection]:
    """A connection of old code to a database without the later migration."""
    with Connection.connect(database_url, **connection_arguments(Settings(), name="test")) as connection:
        yield connection


def columns(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        return {str(name) for (name,) in conn.execute(COLUMNS).fetchall()}


def test_old_code_keeps_writing_after_a_migration_that_expands(
    database_url: str, former: Connection, add_migration: AddMigration
) -> None:
    add_migration("ALTER TABLE job ADD COLUMN colour text NOT NULL DEFAULT 'red'")
    factory = Factory(former)
    factory.profile("before")
    job_id = factory.job(ext("before"), ext("kept"))

    migrations.upgrade_schema(database_url)

    factory.profile("after")
    factory.job(ext("after"), ext("kept"))
    assert migrations.database_revision(database_url) == LATER
    assert factory.states([job_id]) == ["queued"]
    assert [row["colour"] for row in factory.rows("SELECT colour FROM job WHERE workspace_id = %s")] == ["red", "red"]
    assert schema_version.find_mismatch(schema_version.current_revision(former)) is None


def test_a_migration_lets_waiting_sessions_pass_and_is_repeated(
    database_url: str, former: Connection, add_migration: AddMigration
) -> None:
    add_migration("ALTER TABLE job ADD COLUMN IF NOT EXISTS colour text")
    with ThreadPoolExecutor(1) as thread, psycopg.connect(database_url, autocommit=True) as observer:
        with former.transaction():
            former.execute("SELECT FROM job")
            migrating = thread.submit(migrations.upgrade_schema, database_url, lock_timeout_s=0.2, pause_s=0.05)
            wait_until(lambda: observer.execute(WAITING).fetchone(), what="the migration to wait")
            observer.execute("SET lock_timeout = '10s'")
            observer.execute("SELECT FROM job")
            assert not migrating.done()
        migrating.result()

    assert "job.colour" in columns(database_url)


def test_a_migration_gives_way_when_it_and_a_request_wait_for_each_other(
    database_url: str, former: Connection, add_migration: AddMigration
) -> None:
    add_migration("""
        ALTER TABLE batch ADD COLUMN IF NOT EXISTS colour text;
        ALTER TABLE audit_entry ADD COLUMN IF NOT EXISTS colour text;
    """)
    with ThreadPoolExecutor(1) as thread, psycopg.connect(database_url, autocommit=True) as observer:
        with former.transaction():
            former.execute("SELECT FROM audit_entry")
            migrating = thread.submit(migrations.upgrade_schema, database_url, pause_s=0.05)
            wait_until(lambda: observer.execute(WAITING).fetchone(), what="the migration to wait")
            former.execute("SELECT FROM batch")
            assert not migrating.done()
        migrating.result()

    assert {"batch.colour", "audit_entry.colour"} <= columns(database_url)


def test_a_request_that_reads_continues_after_a_deadlock(database_url: str, pool: Pool, factory: Factory) -> None:
    with psycopg.connect(database_url) as owner, ThreadPoolExecutor(1) as thread:
        # With these timeouts PostgreSQL always ends the request, not the owner.
        owner.execute(f"ALTER DATABASE {owner.info.dbname} SET deadlock_timeout = '20ms'".encode())
        owner.commit()
        owner.execute("SET deadlock_timeout = '1h'")
        owner.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")
        with open_transaction(pool, factory.workspace_id) as tx:
            tx.execute("SELECT FROM audit_entry")
            locking = thread.submit(lock_and_commit, owner, "audit_entry")
            with psycopg.connect(database_url, autocommit=True) as observer:
                wait_until(lambda: observer.execute(ANY_WAITING).fetchone(), what="the other session to wait")
            rows = tx.execute("SELECT count(*) AS batches FROM batch").fetchall()
        locking.result()

    assert rows == [{"batches": 0}]


def lock_and_commit(owner: psycopg.Connection[Any], table: str) -> None:
    owner.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
    owner.commit()


def test_a_migration_waits_for_a_lock_for_less_than_the_deadlock_timeout(former: Connection) -> None:
    (row,) = former.execute("SELECT setting::int AS ms FROM pg_settings WHERE name = 'deadlock_timeout'").fetchall()

    assert row["ms"] > migrations.LOCK_TIMEOUT_S * 1000


def test_a_migration_that_never_gets_its_lock_fails_with_a_sentence(
    database_url: str, former: Connection, add_migration: AddMigration, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="app.db.migrations")
    add_migration("ALTER TABLE job ADD COLUMN IF NOT EXISTS colour text")
    with former.transaction():
        former.execute("SELECT FROM job")
        with pytest.raises(SetupError, match=rf"^The migration could not lock a table in {migrations.TRIES} attempts"):
            migrations.upgrade_schema(database_url, lock_timeout_s=0.05, pause_s=0.001)

    assert "job.colour" not in columns(database_url)
    assert migrations.database_revision(database_url) == schema_version.required_revision()
    assert caplog.messages == ["migration_waits_for_lock"] * (migrations.TRIES - 1)


def test_an_index_is_built_during_writes_and_again_after_a_failure(
    database_url: str, former: Connection, add_migration: AddMigration
) -> None:
    text = """
        -- Built beside running code.
        DROP INDEX CONCURRENTLY IF EXISTS by_reason;
        CREATE INDEX CONCURRENTLY by_reason ON job (workspace_id, (1 / (attempts - 9)));
    """
    add_migration(text, alone=True)
    job_id = Factory(former).job(ext("a"), ext("b"), attempts=9)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrations.upgrade_schema(database_url)
    (failed,) = former.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_reason'::regclass").fetchall()
    former.execute("UPDATE job SET attempts = 0 WHERE id = %s", [job_id])

    migrations.upgrade_schema(database_url)

    (built,) = former.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_reason'::regclass").fetchall()
    assert (failed["indisvalid"], built["indisvalid"]) == (False, True)
    assert migrations.database_revision(database_url) == LATER
