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
"""A test's data need not survive the machine. A test that pulls the plug asks for a server without these."""


class PostgresServer:
    """An embedded PostgreSQL that a test may stop, kill and start again."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        skip_on_citus("The test starts a PostgreSQL of its own.")
        self.log = folder / "postgres.log"
        self._server = EmbeddedPostgres(folder / "postgres", os.environ, settings)
        self._process: Process | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the URL of *database* on this server."""
        return self._server.url(database)

    @property
    def embedded(self) -> EmbeddedPostgres:
        """The server as the product runs it."""
        return self._server

    def start(self) -> None:
        """Start it and wait until it lets us in."""
        let_pass(self.log.parent)
        self._server.prepare()
        self._process = Process(self._server.program(self.log)).start()
        wait_until(self._ready, seconds=60, what=f"PostgreSQL to start (its log is {self.log})")

    def stop(self) -> None:
        """Shut it down at once and cleanly, ending all connections."""
        if self._process is not None:
            self._process.stop()
            self._server.remove_sockets()

    def kill(self) -> None:
        """Kill it as a failing machine would; the next start recovers from the log."""
        if self._process is not None:
            self._process.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all of its processes in their tracks for as long as the block lasts; the kernel goes on answering."""
        # Each of them has a session of its own, so that no signal to a group would reach them all.
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
        """The unix socket that it listens to."""
        return self._server.sockets / SOCKET

    def restart(self) -> None:
        """Stop it and start it."""
        self.stop()
        self.start()

    def _ready(self) -> bool:
        """Tell whether it answers; raises when it has ended instead."""
        if self._process is not None and not self._process.running:
            message = f"PostgreSQL ended at once: {self._process.log[-2000:]}"
            raise RuntimeError(message)
        return self._server.ready()


class Databases:
    """The databases of one server: a template that is migrated once, and copies of it."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._template = ""

    def url(self, database: str) -> str:
        """Return the URL of *database* on this server."""
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{database}"))

    def create(self) -> str:
        """Return the name of a fresh database with the whole schema."""
        if not self._template:
            self._template = self._named("CREATE DATABASE {}")
            migrations.upgrade_schema(self.url(self._template))
        return self._named("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", self._template)

    def copy(self, database: str) -> str:
        """Return the name of a copy of *database*, which has no sessions, as a restored backup is."""
        return self._named("CREATE DATABASE {} TEMPLATE {}", database)

    def create_empty(self) -> str:
        """Return the name of a fresh database without anything in it."""
        return self._named("CREATE DATABASE {}")

    def drop(self, database: str) -> None:
        """Drop *database*, whoever is still connected."""
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
        """Run *statement* with a name nobody else has, and return the name."""
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
    """What a test starts brings a PostgreSQL of its own, so its tables are not distributed."""
    skip_on_citus("The test starts a PostgreSQL of its own.")


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """The databases of the session's server.

    Its folder is not one of pytest's, which another session on this machine would close to the server's own user.
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
    """Return a running embedded server."""
    try:
        server = PostgresServer(folder, FAST)
    except SetupError as error:
        missing("PostgreSQL", error)
    server.start()
    return server


def make_database_url(*, scope: Literal["function", "module"]) -> Any:
    """Return a fixture with the URL of a fresh database; assign it to `database_url` in a test module or conftest.

    With the scope "module" all tests of a file share the database, each in a workspace of its own. With "function",
    the default of all suites, a test may change anything.
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
    """A connection to the test's fresh database, as the product opens them: rows are dicts, autocommit is on."""
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
    """A folder for a server of the test's own, outside pytest's: see `databases`."""
    with passable_temporary_folder("mergelane-test-pg-") as folder:
        yield folder


@pytest.fixture
def own_postgres(own_folder: Path) -> Iterator[PostgresServer]:
    """A running PostgreSQL for this test alone, durable as in production, to be stopped or killed."""
    try:
        server = PostgresServer(own_folder / "data")
    except SetupError as error:
        missing("PostgreSQL", error)
    try:
        server.start()
        yield server
    finally:
        server.stop()
