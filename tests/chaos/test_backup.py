"""A backup made while merges run, restored on another server: what it holds goes on as if nothing had happened."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from app.db import migrations
from app.db.connections import Connection
from app.environment import child_environ
from chaos.audit import QUERIES, audit, unsettled
from chaos.installation import KEY
from chaos.scenarios.backup import contained_promises
from cli.up.embedded_postgres import DATABASE
from cli.up.postgres_programs import postgres_installation
from tests.chaos.room import Room, once
from tests.support.client import Client
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.system import System
from tests.support.waiting import wait_until

PAIRS = [(f"backup-{number}", f"backup-{number}-survivor") for number in range(40)]
HELD = "backup-0-survivor"
ONCE = {"Idempotency_Key": "before-the-backup"}


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's, as docs/operations.md has it."""
    done = subprocess.run(
        [str(postgres_installation() / "bin" / program), *arguments],
        env=child_environ(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def dump(room: Room, tmp_path: Path) -> Path:
    """A backup made in the middle of everything: merges wait, one has begun, and requests keep coming."""
    file = tmp_path / "mergelane.dump"
    client = room.client()
    room.write(client, [name for pair in PAIRS for name in pair])
    with room.load(), room.installation.connect() as holder, holder.transaction():
        holder.execute("SELECT 1 FROM profile WHERE external_id = %s FOR UPDATE", [HELD])
        batch_id = client.merge(PAIRS, **ONCE)
        wait_until(lambda: client.batch(batch_id)["counts"].get("running", 0) > 0, what="a merge to begin")
        run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={room.installation.database_url}")
    room.promise(batch_id, *PAIRS)
    client.close()
    return file


@pytest.fixture
def restored(dump: Path, own_postgres: PostgresServer) -> str:
    """The URL of the database restored from the backup, on a server of its own."""
    url = own_postgres.url(DATABASE)
    run("createdb", f"--maintenance-db={own_postgres.url()}", DATABASE)
    run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={url}", str(dump))
    with connection_to(url) as connection:
        connection.execute("ANALYZE")
    migrations.upgrade_schema(url)
    return url


@contextmanager
def connection_to(url: str) -> Iterator[Connection]:
    """Lend a connection with rows as dicts."""
    with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


def test_what_a_backup_holds_goes_on_where_it_was_made_and_every_promise_holds(
    room: Room, restored: str, own_redis: RedisServer, start_system: Callable[..., System]
) -> None:
    with connection_to(restored) as connection:
        unfinished = unsettled(connection)
        states = {row["state"] for row in connection.execute(QUERIES["jobs_of_batches"])}
    system = start_system(database_url=restored, broker_url=own_redis.url, workers=2)
    client = Client(system.base_url, KEY)
    with connection_to(restored) as connection:
        wait_until(lambda: unsettled(connection) == 0, seconds=60, what="what the backup holds to be finished")
        promises = contained_promises(connection, room.promises)
        findings = audit(connection, promises)
    batch_id = client.merge(PAIRS, **ONCE)
    outcomes = {job["outcome"] for job in client.batch(batch_id)["jobs"]}
    merged = [group for group in promises.groups.values() if {once(HELD), once("backup-0")} <= set(group)]
    client.close()

    assert unfinished > 0
    assert "running" in states
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], [])
    assert findings.jobs >= len(PAIRS)
    assert UUID(batch_id) in {promise.batch_id for promise in promises.batches}
    assert outcomes == {"merged"}
    assert len(merged) == 1
