"""Migrations on PostgreSQL: of an empty database, repeated, concurrent, and failing."""

import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from alembic import op

from app.db import migrations
from app.errors import SetupError
from schemas.outcomes import JobKind, JobState, Outcome
from tests.support.postgres import make_database_url
from tests.support.processes import Process
from tests.support.waiting import wait_until

BARE = {"workspace", "alembic_version", "installation", "process_heartbeat"}
"""Tables that belong to no workspace: the workspaces, Alembic's table, the installation's id and its processes."""
OTHER_KEYS = {"api_key_digest_key"}
"""An API key is found by its digest before its workspace is known."""
database_url = make_database_url(scope="module")

MIGRATE = "import sys; from app.db import migrations; migrations.upgrade_schema(sys.argv[1])"


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def test_an_empty_database_gets_the_complete_schema(empty_database_url: str) -> None:
    assert migrations.database_revision(empty_database_url) is None

    migrations.upgrade_schema(empty_database_url)

    assert migrations.database_revision(empty_database_url) == migrations.newest_revision()
    assert {"workspace", "profile", "batch", "job", "merge_record", "redirect"} <= tables(empty_database_url)


def test_migrating_again_changes_nothing(empty_database_url: str) -> None:
    migrations.upgrade_schema(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("INSERT INTO workspace (name) VALUES ('kept')")

    migrations.upgrade_schema(empty_database_url)

    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("SELECT name FROM workspace").fetchall() == [("kept",)]


def test_an_older_version_does_not_change_a_newer_schema(empty_database_url: str) -> None:
    migrations.upgrade_schema(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.execute("REVOKE ALL ON profile FROM mergelane_app")  # a migration would grant it

    migrations.upgrade_schema(empty_database_url)

    with psycopg.connect(empty_database_url) as conn:
        allowed = conn.execute("SELECT has_table_privilege('mergelane_app', 'profile', 'SELECT')").fetchone()
    assert (migrations.database_revision(empty_database_url), allowed) == ("9999", (False,))


def test_several_processes_may_migrate_at_once(empty_database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIGRATE, empty_database_url]
    processes = [Process.of(f"migrate{number}", command, folder=tmp_path, environ={}) for number in range(3)]

    for process in processes:
        process.start()

    assert [process.ended(seconds=60) for process in processes] == [0, 0, 0]
    assert migrations.database_revision(empty_database_url) == migrations.newest_revision()


def test_a_migration_that_fails_changes_nothing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("CREATE TABLE job (in_the_way text)")

    with pytest.raises(Exception, match="already exists"):
        migrations.upgrade_schema(empty_database_url)

    assert "merge_record" not in tables(empty_database_url)
    assert migrations.database_revision(empty_database_url) is None


def test_a_migration_sets_timeouts(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    run_sql = migrations.run_sql

    def look(file: str, connection: sqlalchemy.Connection | None = None) -> None:
        for name in ("lock_timeout", "statement_timeout"):
            row = (connection or op.get_bind()).exec_driver_sql(f"SHOW {name}").one()
            seen.setdefault(f"{name} of {file}", row[0])
        run_sql(file, connection)

    monkeypatch.setattr(migrations, "run_sql", look)

    migrations.upgrade_schema(empty_database_url)

    assert "lock_timeout of access.sql" in seen
    assert {text for name, text in seen.items() if name.startswith("lock_timeout")} == {"500ms"}
    assert {text for name, text in seen.items() if name.startswith("statement_timeout")} == {"1min"}


def test_a_migration_waits_while_another_runs(empty_database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIGRATE, empty_database_url]
    process = Process.of("migrate", command, folder=tmp_path, environ={})
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mergelane-migrate'"
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [0x6D657267656C616E])
        process.start()
        wait_until(lambda: conn.execute(waiting).fetchone() == (1,), what="the migration to wait")
        assert tables(empty_database_url) == set()

        conn.execute("SELECT pg_advisory_unlock(%s)", [0x6D657267656C616E])

    assert process.ended() == 0
    assert migrations.database_revision(empty_database_url) == migrations.newest_revision()


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/missing?connect_timeout=2", "not a url"])
def test_an_unreachable_database_raises_a_setup_error(url: str) -> None:
    with pytest.raises(SetupError):
        migrations.upgrade_schema(url)


def test_every_key_begins_with_the_workspace(database_url: str) -> None:
    query = """
        SELECT table_class.relname, index_class.relname, attribute.attname
        FROM pg_index
        JOIN pg_class AS index_class ON index_class.oid = indexrelid
        JOIN pg_class AS table_class ON table_class.oid = indrelid
        JOIN pg_namespace ON pg_namespace.oid = table_class.relnamespace AND nspname = 'public'
        LEFT JOIN pg_attribute AS attribute ON attribute.attrelid = indrelid AND attribute.attnum = indkey[0]
        WHERE indisunique
    """
    with psycopg.connect(database_url) as conn:
        keys = conn.execute(query).fetchall()

    others = {index for table, index, first in keys if first != "workspace_id" and table not in BARE}
    assert others == OTHER_KEYS
    assert {table for table, _, _ in keys} == tables(database_url)


def test_every_reference_stays_in_its_workspace(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'").fetchall()

    assert rows
    assert all(text.startswith("FOREIGN KEY (workspace_id") for (text,) in rows)


def test_analyze_gathers_no_statistics_of_documents(database_url: str) -> None:
    query = """
        SELECT attrelid::regclass::text, attname
        FROM pg_attribute
        WHERE attrelid::regclass::text = ANY(%s) AND atttypid IN ('json'::regtype, 'jsonb'::regtype)
            AND attstattarget IS DISTINCT FROM 0
    """
    with psycopg.connect(database_url) as conn:
        gathered = conn.execute(query, [["profile", "job", "merge_record", "undo_record"]]).fetchall()

    # No plan uses them, and they cost most of the time of ANALYZE.
    assert gathered == []


@pytest.mark.parametrize(("column", "values"), [("kind", JobKind), ("state", JobState), ("outcome", Outcome)])
def test_the_ledger_allows_the_values_of_the_enums(
    database_url: str, column: str, values: type[JobKind | JobState | Outcome]
) -> None:
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
    with psycopg.connect(database_url) as conn:
        row = conn.execute(query, [f"job_{column}_check"]).fetchone()

    assert row is not None
    assert set(row[0].split("'")[1::2]) == set(values)
