"""An external Citus cluster, for the scenario and the tests that need one.

MERGELANE_TEST_CITUS_URL is the URL of its coordinator, for a superuser who may create databases on each node with the
same name and password. MERGELANE_TEST_CITUS_NODE is a program that stops and starts a node: it is called with `stop`,
`kill` or `start` and the port of the node.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from app.environment import child_environ
from chaos.errors import ChaosError

URL = "MERGELANE_TEST_CITUS_URL"
NODE = "MERGELANE_TEST_CITUS_NODE"
#: Few, so that a database is distributed fast, but more than nodes, so that each node has some.
SHARDS = 8
QUIET = "SET citus.enable_create_database_propagation = off"
END_SESSIONS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
#: The number of the advisory lock of `CitusCluster.alone`.
CREATION_LOCK = 0x6369747573
#: Maximum seconds of the program.
NODE_S = 120.0


@dataclass(frozen=True)
class Node:
    """A server of the cluster."""

    host: str
    port: int


class CitusCluster:
    """Creates and drops databases on all nodes."""

    def __init__(self, coordinator_url: str) -> None:
        self._url = coordinator_url
        parts = urlsplit(coordinator_url)
        self.coordinator = Node(parts.hostname or "127.0.0.1", parts.port or 5432)
        with psycopg.connect(coordinator_url) as connection:
            rows = connection.execute("SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 ORDER BY nodeport")
            self.workers = [Node(*row) for row in rows]

    @property
    def nodes(self) -> list[Node]:
        """The coordinator and the workers."""
        return [self.coordinator, *self.workers]

    def url(self, database: str, node: Node | None = None) -> str:
        """Return the URL of *database* on a *node*, by default the coordinator."""
        parts, place = urlsplit(self._url), node or self.coordinator
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}{place.host}:{place.port}", path=f"/{database}"))

    def entry_url(self, database: str) -> str:
        """Return a URL of *database* whose connections go to a random node."""
        parts = urlsplit(self._url)
        user, at, _ = parts.netloc.rpartition("@")
        places = ",".join(f"{node.host}:{node.port}" for node in self.nodes)
        query = "&".join(filter(None, (parts.query, "load_balance_hosts=random")))
        return urlunsplit(parts._replace(netloc=f"{user}{at}{places}", path=f"/{database}", query=query))

    def create(self, database: str) -> None:
        """Create a database that has the extension and the nodes, and no table."""
        for node in self.nodes:
            self._run(node, "CREATE DATABASE {}", database)
            with psycopg.connect(self.url(database, node), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION citus")
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            here = self.coordinator
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", (here.host, here.port))
            for node in self.workers:
                connection.execute("SELECT citus_add_node(%s, %s)", (node.host, node.port))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time create or distribute a database: Citus then alters the roles of the cluster."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (CREATION_LOCK,))
            yield

    def copy(self, database: str, *, template: str) -> None:
        """Create a copy of a distributed *template*, which has no sessions."""
        for node in self.nodes:
            self._run(node, "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", database, template)

    def drop(self, database: str) -> None:
        """Drop *database* on each node."""
        for node in self.nodes:
            self._run(node, "DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    def open(self, database: str) -> None:
        """Allow connections to a closed database again."""
        for node in self.nodes:
            self._run(node, "ALTER DATABASE {} ALLOW_CONNECTIONS true", database)

    def close(self, database: str, *, wait_until: Callable[[Callable[[], bool]], object]) -> None:
        """End all sessions of *database*, also those of Citus, so that it can be copied."""
        for node in self.nodes:
            self._run(node, "ALTER DATABASE {} ALLOW_CONNECTIONS false", database)
            wait_until(lambda node=node: self._end_sessions(node, database) == 0)  # type: ignore[misc]

    def _end_sessions(self, node: Node, database: str) -> int:
        with psycopg.connect(self.url("postgres", node), autocommit=True) as connection:
            row = connection.execute(END_SESSIONS, (database,)).fetchone()
        return int(row[0]) if row else 0

    def _run(self, node: Node, statement: str, *names: str) -> None:
        with psycopg.connect(self.url("postgres", node), autocommit=True) as connection:
            connection.execute(QUIET)
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def cluster_url() -> str | None:
    """Return the URL of the coordinator, or None if the environment lacks it."""
    return child_environ().get(URL) or None


def call_node(action: str, node: Node) -> None:
    """Let the program `stop`, `kill` or `start` *node*. Raises ChaosError when the environment names no program."""
    program = child_environ().get(NODE, "")
    if not program:
        raise ChaosError(f"{NODE} names no program that stops and starts a node of the Citus cluster.")
    subprocess.run([program, action, str(node.port)], check=True, timeout=NODE_S)
