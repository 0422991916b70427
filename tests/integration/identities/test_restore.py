"""The feed after `pg_dump` and `pg_restore` on another server: numbers and cursors stay, and no change is lost."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from app.config import Settings
from app.db import migrations
from app.db.connections import Pool, open_pool
from app.db.transaction import run_in_transaction
from app.identities.feed import read_feed
from cli.up.postgres_programs import postgres_installation
from tests.integration.identities.test_numbering import run_pass, write_entry
from tests.support.factories import Factory
from tests.support.postgres import FAST, PostgresServer
from workers.relay.identities import IdentityNumberer


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL."""
    command = [str(postgres_installation() / "bin" / program), *arguments]
    subprocess.run(command, env={"PATH": "/usr/bin"}, check=True, capture_output=True)


@pytest.fixture
def other_server(tmp_path: Path) -> PostgresServer:
    """A new server. Its transaction ids begin at the lowest value."""
    return PostgresServer(tmp_path / "data", FAST)


def test_cursors_survive_a_move_to_another_server_and_no_change_is_lost(
    pool: Pool, factory: Factory, database_url: str, other_server: PostgresServer, tmp_path: Path
) -> None:
    # More transactions than the migration of the other server needs.
    burn = "DO $$ BEGIN FOR each IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    factory.connection.execute(burn)
    first = [write_entry(factory.connection, factory.workspace_id) for _ in range(3)]
    run_pass(pool, factory)
    cursor = run_in_transaction(pool, factory.workspace_id, read_feed, after=None, limit=2).next_cursor
    # Commits between the last pass and the dump.
    with psycopg.connect(database_url) as late:
        missed = write_entry(late, factory.workspace_id)
        write_entry(factory.connection, factory.workspace_id)
        run_pass(pool, factory)
    file = tmp_path / "mergelane.dump"
    run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={database_url}")
    other_server.start()
    try:
        url = other_server.url()
        run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={url}", str(file))
        migrations.upgrade_schema(url)
        with open_pool(Settings(database_url=url), name="test") as moved:
            with psycopg.connect(url, autocommit=True) as connection:
                later = write_entry(connection, factory.workspace_id)
                (xid,) = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or ()
            assert IdentityNumberer(moved).number_all(factory.workspace_id)
            page = run_in_transaction(moved, factory.workspace_id, read_feed, after=cursor, limit=100)
    finally:
        other_server.stop()

    found = [each.entry_id for each in page.changes]
    assert [each.number for each in page.changes] == [3, 4, 5, 6]
    assert found[0] == first[2]
    assert found[2:] == [missed, later]
    assert xid < highest_xid(factory)


def highest_xid(factory: Factory) -> int:
    """Return the transaction id of the former server."""
    (row,) = factory.connection.execute("SELECT pg_current_xact_id()::text::bigint AS xid").fetchall()
    xid: int = row["xid"]
    return xid
