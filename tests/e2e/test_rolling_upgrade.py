"""A rolling upgrade under load, from the last version whose database had a single schema without later migrations.

The former code comes from git, unpacked into a folder: building its wheel would need a package index for the build
backend, and the modules that run are the same.
"""

import io
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from uuid_utils import uuid7

from app.db import migrations
from app.environment import child_environ
from cli.up.processes import Program
from tests.project.tree import ROOT
from tests.support.client import Client
from tests.support.on_citus import skip_on_citus
from tests.support.processes import Process
from tests.support.system import System
from tests.support.traffic import Traffic

#: The commit after the former one. Before it, a database had the one schema that replaced 23 migrations.
SUBJECT = "Create new databases at the newest revision"
FORMER_REVISION = "0024"
MIGRATE = (sys.executable, "-m", "cli", "migrate")
#: Creates a key, whose secret and workspace are the arguments, by the code in PYTHONPATH.
CREATE_KEY = """
import os, sys, psycopg
from app import keys

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    keys.ensure_key(connection, key=sys.argv[1], workspace=sys.argv[2], permissions=["*"])
"""
#: A statement may wait for a lock of the migration. On a busy machine PostgreSQL may then accept connections later than
#: the time after which web considers it down.
PATIENT = {"MERGELANE_SILENCE_S": "10"}


def git(*arguments: str) -> bytes:
    """Return the output of git; skip the test if there is no history."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        # Also in CI: a shallow clone is not an error.
        pytest.skip(f"The git history is missing, or does not reach the commit {SUBJECT!r}.")
    return done.stdout


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The folder of the former code."""
    skip_on_citus("The former version cannot distribute the tables.")
    commit = git("log", "-1", "--format=%P", "--fixed-strings", f"--grep={SUBJECT}").decode().strip()
    folder = tmp_path / "former"
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "app", "cli", "schemas", "workers"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Former(System):
    """Processes of the former version."""

    code: Path

    def process(self, name: str, command: Sequence[str]) -> Process:
        environ = {**child_environ(), **self.environ, "PYTHONPATH": str(self.code)}
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        return Process(Program(name=name, command=command, environ=environ, log=log, directory=self.code))

    def new_client(self, *, workspace: str | None = None, permissions: Sequence[str] = ("*",)) -> Client:
        """Return a client whose key the former code creates: the new code needs the new schema."""
        assert permissions == ("*",)
        key, workspace = f"test-key-{uuid7()}", workspace or f"test-{uuid7()}"
        creating = self.process("key", (sys.executable, "-c", CREATE_KEY, key, workspace)).start()
        assert creating.ended(seconds=60) == 0, creating.log
        client = Client(self.base_url, key, workspace)
        self._clients.append(client)
        return client


def test_both_versions_work_side_by_side_and_no_request_fails(
    former: Path, tmp_path: Path, empty_database_url: str, broker_url: str
) -> None:
    Former.code = former
    old = Former(tmp_path / "old", database_url=empty_database_url, broker_url=broker_url, environ=PATIENT)
    new = System(tmp_path / "new", database_url=empty_database_url, broker_url=broker_url, environ=PATIENT)
    migrate = old.process("migrate", MIGRATE).start()
    assert migrate.ended(seconds=60) == 0, migrate.log
    assert migrations.database_revision(empty_database_url) == FORMER_REVISION
    try:
        old.start(workers=1)
        waiting = [new.web.start(), new.relay.start(), new.add_worker(wait=False)]
        for process in waiting:
            process.says("service_waiting", seconds=60)
        traffic = Traffic([old.client, old.new_client()])
        with traffic.flowing():
            traffic.advance()
            migrations.upgrade_schema(empty_database_url)
            new.wait_for_web()
            new.workers[0].says("ready.", seconds=60)
            traffic.advance()
        also = Traffic([old.client, new.new_client()])
        with also.flowing():
            also.advance()
            old.relay.stop()
            old.workers[0].stop()
            also.advance()
        jobs = [*traffic.jobs(), *also.jobs()]
        pids = [process.pid for process in waiting]
    finally:
        new.stop()
        old.stop()

    assert traffic.failures + also.failures == []
    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}
    assert len(set(pids)) == 3
    for process in waiting:
        # Each cause is logged once: the former revision, and each revision that the process read during the migration.
        lines = [line.partition("service_waiting") for line in process.log.splitlines()]
        causes = [cause for _, event, cause in lines if event]
        assert sorted(set(causes)) == sorted(causes)
