"""A real PostgreSQL for the tests: one server for the session, one fresh database for each test.

TEST_DATABASE_URL names a server to use instead of the embedded one; its user must be allowed to create databases. With
TEST_ON_CITUS=on, all databases are distributed ones of the cluster in tests/support/citus.py.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pytest
from psycopg import sql

from app.config import Settings
from app.db import migrations
from app.db.connections import Connection, Pool, connection_arguments, open_pool
from app.errors import SetupError
from cli.up.embedded_postgres import SOCKET, EmbeddedPostgres
from cli.up.safe_folders import passable_temporary_folder
from tests.support.folders import let_pass
from tests.support.missing import missing
from tests.support.on_citus import database_settings, is_on_citus, skip_on_citus
from tests.support.processes import Process
from tests.support.waiting import wait_until

NUMBERS = itertools.count(1)
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "128MB",
}
"""Settings that are fast but not durable. A test that simulates a power failure uses a server without them."""


class PostgresServer:
    """An embedded PostgreSQL that a test may stop, kill and start again."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        skip_on_citus("The test starts its own PostgreSQL.")
        self.log = folder / "postgres.log"
        self._server = EmbeddedPostgres(folder / "postgres", os.environ, settings)
        self._process: Process | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the URL of *database* on this server."""
        return self._server.url(database)

    @property
    def embedded(self) -> EmbeddedPostgres:
        """The server as `mergelane up` runs it."""
        return self._server

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        let_pass(self.log.parent)
        self._server.prepare()
        self._process = Process(self._server.program(self.log)).start()
        wait_until(self._ready, seconds=60, what=f"PostgreSQL to start (its log is {self.log})")

    def stop(self) -> None:
        """Shut the server down cleanly, without waiting for its clients."""
        if self._process is not None:
            self._process.stop()
            self._server.remove_sockets()

    def kill(self) -> None:
        """Kill the server as a power failure would; the next start recovers from the write-ahead log."""
        if self._process is not None:
            self._process.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspend all processes of the server during the block; the kernel still accepts connections."""
        # Each process has its own session, so no signal to a process group reaches all of them.
        assert self._process is not None
        leader = psutil.Process(self._process.pid)
        family = [leader, *leader.children(recursive=True)]
        try:
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @property
    def socket(self) -> Path:
        """The path of the server's unix socket."""
        return self._server.sockets / SOCKET

    def restart(self) -> None:
        """Stop the server and start it."""
        self.stop()
        self.start()

    def _ready(self) -> bool:
        """Return whether the server answers; raise RuntimeError if it exited."""
        if self._process is not None and not self._process.running:
            message = f"PostgreSQL exited during its start: {self._process.log[-2000:]}"
            raise RuntimeError(message)
        return self._server.ready()


class Databases:
    """Creates and drops databases of one server. It migrates a template once and copies it."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._template = ""

    def url(self, database: str) -> str:
        """Return the URL of *database* on this server."""
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{database}"))

    def create(self) -> str:
        """Create a database with the whole schema; return its name."""
        if not self._template:
            self._template = self._named("CREATE DATABASE {}")
            migrations.upgrade_schema(self.url(self._template))
        return self._named("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", self._template)

    def copy(self, database: str) -> str:
        """Copy *database*, which must have no sessions, as if restored from a backup; return the name of the copy."""
        return self._named("CREATE DATABASE {} TEMPLATE {}", database)

    def create_empty(self) -> str:
        """Create an empty database; return its name."""
        return self._named("CREATE DATABASE {}")

    def drop(self, database: str) -> None:
        """Drop *database*, and close its connections."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    @contextmanager
    def lend(self, database: str) -> Iterator[str]:
        """Yield the URL of *database* and drop it afterwards."""
        try:
            yield self.url(database)
        finally:
            self.drop(database)

    def close(self) -> None:
        """Drop the template."""
        if self._template:
            self.drop(self._template)

    def _named(self, statement: str, *further: str) -> str:
        """Run *statement* with a unique name, and return the name."""
        name = self._name()
        self._run(statement, name, *further)
        return name

    def _name(self) -> str:
        return f"mergelane_test_{os.getpid()}_{next(NUMBERS)}"

    def _run(self, statement: str, *names: str) -> None:
        """Run *statement* with *names* in its braces."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def plain_postgres() -> None:
    """Skip the test on Citus: it starts its own PostgreSQL, whose tables are not distributed."""
    skip_on_citus("The test starts its own PostgreSQL.")


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """The databases of the session's PostgreSQL server.

    The server's folder is not one of pytest's: another pytest session would close it to the user of the server.
    """
    if is_on_citus():
        yield request.getfixturevalue("citus_databases")
        return
    with passable_temporary_folder("mergelane-test-pg-") as folder:
        if given := os.environ.get("TEST_DATABASE_URL"):
            server, url = None, given
        else:
            server = _embedded(folder / "data")
            url = server.url()
        databases = Databases(url)
        try:
            yield databases
            databases.close()
        finally:
            if server is not None:
                server.stop()


def _embedded(folder: Path) -> PostgresServer:
    try:
        server = PostgresServer(folder, FAST)
    except SetupError as error:
        missing("PostgreSQL", error)
    server.start()
    return server


def make_database_url(*, scope: Literal["function", "module"]) -> Any:
    """Return a fixture with the URL of a fresh database; assign it to `database_url` in a test module or conftest.

    With the scope "module" all tests of a file share the database, and each uses its own workspace. With "function",
    the default of all suites, a test may change the whole database.
    """

    @pytest.fixture(scope=scope, name="database_url")
    def fresh(databases: Databases) -> Iterator[str]:
        with databases.lend(databases.create()) as url:
            yield url

    return fresh


database_url = make_database_url(scope="function")


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """The URL of a fresh database without a schema, dropped after the test."""
    with databases.lend(databases.create_empty()) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    """The default settings on the test's fresh database."""
    return database_settings(database_url)


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection]:
    """A connection to the test's fresh database, opened as in the product: rows are dicts, autocommit is on."""
    conn = Connection.connect(settings.database_url, **connection_arguments(settings, name="test"))
    try:
        yield conn
    finally:
        conn.close()


@pytest.fixture
def pool(settings: Settings) -> Iterator[Pool]:
    """A pool of connections to the test's fresh database."""
    pool = open_pool(settings, name="test")
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder for a server of this test alone, outside pytest's folders: see `databases`."""
    with passable_temporary_folder("mergelane-test-pg-") as folder:
        yield folder


@pytest.fixture
def own_postgres(own_folder: Path) -> Iterator[PostgresServer]:
    """A running PostgreSQL for this test alone, durable as in production. The test may stop or kill it."""
    try:
        server = PostgresServer(own_folder / "data")
    except SetupError as error:
        missing("PostgreSQL", error)
    try:
        server.start()
        yield server
    finally:
        server.stop()
