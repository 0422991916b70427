"""Databases on a Citus cluster that someone else runs, for the tests that need one.

MERGELANE_TEST_CITUS_URL is the URL of its coordinator, for a superuser who may create databases on all nodes with the
same name and password. MERGELANE_TEST_CITUS_NODE is a program that stops and starts a node: it is called with `stop`,
`kill` or `start` and the port of the node. Without them, tests are skipped with the reason.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from app.db import migrations
from app.db.citus.distribute import Distribution
from tests.support.postgres import Databases
from tests.support.waiting import wait_until

URL = "MERGELANE_TEST_CITUS_URL"
NODE = "MERGELANE_TEST_CITUS_NODE"
#: Few, so that a database is distributed fast; more than nodes, so that each has some.
SHARDS = 8
QUIET = "SET citus.enable_create_database_propagation = off"


@dataclass(frozen=True)
class Node:
    """A server of the cluster."""

    host: str
    port: int
    has_shards: bool


class CitusDatabases(Databases):
    """Distributed databases of a cluster: a template on each node, and copies of it."""

    def __init__(self, coordinator_url: str) -> None:
        super().__init__(coordinator_url, environ={"DATABASE_DISTRIBUTED": "on"})
        parts = urlsplit(coordinator_url)
        self._coordinator = Node(parts.hostname or "127.0.0.1", parts.port or 5432, has_shards=False)
        with psycopg.connect(coordinator_url) as connection:
            rows = connection.execute("SELECT nodename, nodeport, shouldhaveshards FROM pg_dist_node WHERE groupid > 0")
            self.workers = [Node(*row) for row in rows]

    def create(self) -> str:
        """Return the name of a fresh database with the whole schema, distributed."""
        if not self._template:
            self._template = self.create_empty()
            migrations.upgrade_schema(self.url(self._template), distribution=Distribution(shards=SHARDS))
            self._freeze(self._template)
        name = self._name()
        for node in self._nodes():
            self._on(node, "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, self._template)
        return name

    def create_empty(self) -> str:
        """Return the name of a fresh database that has the extension and the nodes, and no table."""
        name = self._name()
        for node in self._nodes():
            self._on(node, "CREATE DATABASE {}", name)
            with psycopg.connect(self._url_of(node, name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION citus")
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            here = self._coordinator
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", (here.host, here.port))
            for node in self.workers:
                connection.execute("SELECT citus_add_node(%s, %s)", (node.host, node.port))
        return name

    def drop(self, database: str) -> None:
        """Drop *database* on each node."""
        for node in self._nodes():
            self._on(node, "DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    def url_of(self, node: Node, database: str) -> str:
        """Return the URL of *database* on *node*."""
        return self._url_of(node, database)

    def _freeze(self, database: str) -> None:
        """End all sessions of *database*, those of Citus too, so that it can be copied."""
        for node in self._nodes():
            self._on(node, "ALTER DATABASE {} ALLOW_CONNECTIONS false", database)
            with psycopg.connect(self._url_of(node, "postgres"), autocommit=True) as connection:
                end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"

                def is_free(connection: psycopg.Connection[tuple[int]] = connection, end: str = end) -> bool:
                    return connection.execute(end.encode(), (database,)).fetchone() == (0,)

                wait_until(is_free, what="the sessions of the template to end")

    def _nodes(self) -> list[Node]:
        return [self._coordinator, *self.workers]

    def _url_of(self, node: Node, database: str) -> str:
        parts = urlsplit(self._server_url)
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}{node.host}:{node.port}", path=f"/{database}"))

    def _on(self, node: Node, statement: str, *names: str) -> None:
        with psycopg.connect(self._url_of(node, "postgres"), autocommit=True) as connection:
            connection.execute(QUIET)
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def coordinator_url() -> str:
    """Return the URL of the cluster's coordinator. Skips the test without one."""
    url = os.environ.get(URL, "")
    if not url:
        pytest.skip(f"{URL} names no coordinator of a Citus cluster.")
    return url


def call_node(action: str, node: Node) -> None:
    """Let the program of MERGELANE_TEST_CITUS_NODE `stop`, `kill` or `start` *node*. Skips the test without one."""
    program = os.environ.get(NODE, "")
    if not program:
        pytest.skip(f"{NODE} names no program that stops and starts a node of the Citus cluster.")
    subprocess.run([program, action, str(node.port)], check=True, timeout=120)


@pytest.fixture(scope="session")
def citus_databases() -> Iterator[CitusDatabases]:
    """The databases of the cluster."""
    databases = CitusDatabases(coordinator_url())
    try:
        yield databases
    finally:
        databases.close()
