"""A backup made while merges run and restored on another server: its jobs continue there."""

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
from tests.chaos.harness import Harness, once
from tests.support.client import Client
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.system import System
from tests.support.waiting import wait_until

PAIRS = [(f"backup-{number}", f"backup-{number}-survivor") for number in range(40)]
HELD = "backup-0-survivor"
ONCE = {"Idempotency_Key": "before-the-backup"}


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL as docs/operations.md describes."""
    done = subprocess.run(
        [str(postgres_installation() / "bin" / program), *arguments],
        env=child_environ(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def dump(harness: Harness, tmp_path: Path) -> Path:
    """A backup made while merges wait, one merge is running, and requests arrive."""
    file = tmp_path / "mergelane.dump"
    client = harness.client()
    harness.write(client, [name for pair in PAIRS for name in pair])
    with harness.load(), harness.installation.connect() as holder, holder.transaction():
        holder.execute("SELECT 1 FROM profile WHERE external_id = %s FOR UPDATE", [HELD])
        batch_id = client.merge(PAIRS, **ONCE)
        wait_until(lambda: client.batch(batch_id)["counts"].get("running", 0) > 0, what="a merge to begin")
        run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={harness.installation.database_url}")
    harness.promise(batch_id, *PAIRS)
    client.close()
    return file


@pytest.fixture
def restored(dump: Path, own_postgres: PostgresServer) -> str:
    """The URL of the database restored from the backup on its own server."""
    url = own_postgres.url(DATABASE)
    run("createdb", f"--maintenance-db={own_postgres.url()}", DATABASE)
    run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={url}", str(dump))
    with connection_to(url) as connection:
        connection.execute("ANALYZE")
    migrations.upgrade_schema(url)
    return url


@contextmanager
def connection_to(url: str) -> Iterator[Connection]:
    """Open a connection that returns rows as dicts."""
    with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


def test_the_jobs_of_a_restored_backup_finish_and_none_is_lost_or_applied_twice(
    harness: Harness, restored: str, own_redis: RedisServer, start_system: Callable[..., System]
) -> None:
    with connection_to(restored) as connection:
        unfinished = unsettled(connection)
        states = {row["state"] for row in connection.execute(QUERIES["jobs_of_batches"])}
    system = start_system(database_url=restored, broker_url=own_redis.url, workers=2)
    client = Client(system.base_url, KEY)
    with connection_to(restored) as connection:
        wait_until(lambda: unsettled(connection) == 0, seconds=60, what="the jobs of the backup to finish")
        promises = contained_promises(connection, harness.promises)
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
