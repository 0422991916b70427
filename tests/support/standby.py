"""A PostgreSQL server with a standby."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from app.config import Settings
from app.db import migrations
from app.errors import SetupError
from chaos.scenarios.replication import ReplicaPostgres
from cli.up.safe_folders import passable_temporary_folder
from tests.support.folders import let_pass
from tests.support.missing import missing
from tests.support.postgres import PostgresServer

#: Without fsync: the data need not survive a power failure. Commits still flush the log, so the standby receives them
#: at once. The standby replays with a delay of 100 ms. It cancels queries that block the replay at once.
PRIMARY = {"fsync": "off", "shared_buffers": "64MB"}
STANDBY = {**PRIMARY, "recovery_min_apply_delay": "100ms", "max_standby_streaming_delay": "0"}


class StandbyServer(PostgresServer):
    """A standby that starts as a copy of another server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server: ReplicaPostgres = ReplicaPostgres(folder / "postgres", os.environ, STANDBY)

    def copy_from(self, primary: PostgresServer) -> None:
        """Make this server a standby of *primary*. Call it once, before the start."""
        let_pass(self.log.parent)
        self._server.copy_from(primary.embedded)


@dataclass(frozen=True, slots=True)
class Replicated:
    """A primary with Mergelane's schema, and its standby."""

    primary: PostgresServer
    standby: StandbyServer

    @property
    def settings(self) -> Settings:
        """Settings with both servers. A query waits for the standby for up to two seconds."""
        return Settings(
            database_url=self.primary.url(), database_replica_url=self.standby.url(), replica_wait_s=2, pool_timeout_s=2
        )

    def run_on_standby(self, statement: str) -> object:
        """Return the first value that *statement* returns on the standby."""
        with psycopg.connect(self.standby.url(), autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


@pytest.fixture(scope="module")
def replicated() -> Iterator[Replicated]:
    """A primary and its standby, shared by the tests of a file."""
    with passable_temporary_folder("mergelane-test-pg-") as folder:
        try:
            primary, standby = PostgresServer(folder / "primary", PRIMARY), StandbyServer(folder / "standby")
        except SetupError as error:
            missing("PostgreSQL", error)
        try:
            primary.start()
            migrations.upgrade_schema(primary.url())
            standby.copy_from(primary)
            standby.start()
            yield Replicated(primary, standby)
        finally:
            standby.stop()
            primary.stop()
