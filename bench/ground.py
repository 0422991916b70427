"""The servers of the benchmark: one PostgreSQL and one Redis, with the settings of `mergelane up`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from app import keys
from app.config import Settings
from app.db import migrations
from app.db.connections import Connection, connection_arguments
from app.db.session_settings import PLANNING, connection_parameters
from app.environment import child_environ
from bench.running import START_S, Running
from cli.database import connected
from cli.up.embedded_postgres import EmbeddedPostgres
from cli.up.embedded_redis import EmbeddedRedis
from cli.up.safe_folders import passable_temporary_folder

if TYPE_CHECKING:
    import redis

    from bench.world import World

WORKSPACE = "bench"
KEY = "key-of-the-benchmark"


class Ground:
    """Two servers, and databases that are copies of each other."""

    def __init__(self, folder: Path, postgres_settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._numbers = count(1)
        self._postgres_server = EmbeddedPostgres(folder / "postgres", child_environ(), postgres_settings)
        self._redis_server = EmbeddedRedis(folder, child_environ())
        self.postgres: Running
        self.redis: Running
        #: Databases that several parts use, by name. They are dropped with the servers.
        self.kept: dict[str, World] = {}
        #: A migrated database with a workspace and its key, and nothing else.
        self.empty = ""

    @property
    def servers(self) -> list[Running]:
        """Both servers."""
        return [self.postgres, self.redis]

    @property
    def broker_url(self) -> str:
        """The URL of the broker."""
        return self._redis_server.url()

    @property
    def postgres_sockets(self) -> Path:
        """The folder of PostgreSQL's socket."""
        return self._postgres_server.sockets

    @property
    def redis_socket(self) -> Path:
        """The socket of Redis."""
        return self._redis_server.socket

    @property
    def postgres_data(self) -> Path:
        """The data folder of PostgreSQL."""
        return self._postgres_server.data

    @property
    def postgres_programs(self) -> Path:
        """The folder of PostgreSQL's programs."""
        return Path(self.postgres.program.command[0]).parent

    def url(self, database: str) -> str:
        """Return the URL of *database*."""
        return self._postgres_server.url(database)

    def start(self) -> None:
        """Start both servers and create the empty database."""
        self._postgres_server.prepare()
        self._redis_server.prepare()
        self.postgres = Running(self._postgres_server.program(self.folder / "postgres.log")).start()
        self.redis = Running(self._redis_server.program(self.folder / "redis.log")).start()
        self.postgres.wait_until(self._postgres_server.ready, what="accept connections", seconds=START_S)
        self.redis.wait_until(self._redis_server.ready, what="respond", seconds=START_S)
        self.empty = self._new_name()
        self._postgres_server.ensure_database(self.empty)
        migrations.upgrade_schema(self.url(self.empty))
        with connected(Settings(), self.url(self.empty), name="bench") as connection:
            keys.ensure_key(connection, key=KEY, workspace=WORKSPACE, permissions=["*"])

    def stop(self) -> None:
        """Stop both servers."""
        for process, server in ((self.redis, self._redis_server), (self.postgres, self._postgres_server)):
            process.stop()
            server.remove_sockets()

    def copy(self, template: str) -> str:
        """Copy *template*, which must have no connections, and return the name of the new database."""
        name = self._new_name()
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, database: str) -> None:
        """Drop *database* and close its connections."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    def checkpoint(self) -> None:
        """Make PostgreSQL write all changed pages, so that every measurement starts alike."""
        self._administer("CHECKPOINT")

    def empty_broker(self) -> None:
        """Delete everything in Redis."""
        with self.redis_client() as client:
            client.flushall()

    def redis_client(self) -> "redis.Redis":
        """Return a client of the broker; close it, or use it with `with`."""
        return self._redis_server.client()

    def connect(self, database: str) -> Connection:
        """Return a connection with the settings of the product's connections, but without their timeouts."""
        arguments = connection_arguments(Settings(), name="bench")
        options = {**PLANNING, "row_security": "off"}
        arguments |= connection_parameters(options)
        return Connection.connect(self.url(database), **arguments)

    def messages(self) -> int:
        """Return the number of messages in the broker: waiting ones, and delivered ones without acknowledgement."""
        with self.redis_client() as client:
            waiting = [client.llen(name) for name in ("celery", *client.scan_iter(match="mergelane*", _type="list"))]
            delivered = [client.hlen(name) for name in client.scan_iter(match="*unacked", _type="hash")]
            return sum(map(int, (*waiting, *delivered)))

    def read_settings(self, names: Sequence[str]) -> dict[str, str]:
        """Return the values of the settings *names* of PostgreSQL."""
        with psycopg.connect(self.url("postgres")) as connection:
            found = ((name, connection.execute("SELECT current_setting(%s)", [name]).fetchone()) for name in names)
            return {name: row[0] for name, row in found if row is not None}

    def _new_name(self) -> str:
        """Return the name of a database that does not exist yet."""
        return f"bench_{next(self._numbers)}"

    def _administer(self, statement: str, *names: str) -> None:
        """Run *statement* with *names* in its braces, outside of any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def ground(postgres_settings: dict[str, str] | None = None) -> Iterator[Ground]:
    """Yield running servers; stop them and remove their folder at the end."""
    # Under root, PostgreSQL runs as another user and must be able to enter the folder.
    with passable_temporary_folder("mergelane-bench-") as folder:
        lent = Ground(folder, postgres_settings)
        try:
            lent.start()
            yield lent
        finally:
            lent.stop()
