"""Databases of the Citus cluster in MERGELANE_TEST_CITUS_URL: see chaos/citus_cluster.py.

Without it, tests that need a cluster are skipped with the reason.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import psycopg
import pytest

from app.db import migrations
from app.db.citus.distribute import Distribution
from app.db.installation import renew_id
from chaos.citus_cluster import NODE, SHARDS, URL, CitusCluster, Node, call_node, cluster_url
from tests.support.client import Client
from tests.support.postgres import Databases
from tests.support.system import System
from tests.support.waiting import wait_until

HOME = (
    "SELECT node.nodeport FROM workspace JOIN pg_dist_placement AS placement"
    " ON placement.shardid = get_shard_id_for_distribution_column('workspace_home', workspace.workspace_id)"
    " JOIN pg_dist_node AS node USING (groupid) WHERE workspace.name = %s"
)
END = partial(wait_until, what="the sessions of a database to end")


class CitusDatabases(Databases):
    """Creates distributed databases as copies of a template on each node."""

    #: The environment that processes on these databases need in addition to DATABASE_URL.
    environ: ClassVar[Mapping[str, str]] = {"DATABASE_DISTRIBUTED": "on"}

    def __init__(self, cluster: CitusCluster) -> None:
        super().__init__(cluster.url("postgres"))
        self.cluster = cluster

    def create(self) -> str:
        """Return the name of a fresh database with the whole schema, distributed."""
        if not self._template:
            with self.cluster.alone():
                template = self._name()
                self.cluster.create(template)
                migrations.upgrade_schema(self.url(template), distribution=Distribution(shards=SHARDS))
            self.cluster.close(template, wait_until=END)
            self._template = template
        return self._renewed_copy(self._template)

    def copy(self, database: str) -> str:
        """Return the name of a copy of *database* with another id of the installation: see `--new-installation`."""
        self.cluster.close(database, wait_until=END)
        try:
            return self._renewed_copy(database)
        finally:
            self.cluster.open(database)

    def _renewed_copy(self, template: str) -> str:
        """Copy *template*. The name of an installation follows from its id alone, so the copy gets another id."""
        name = self._name()
        self.cluster.copy(name, template=template)
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            renew_id(connection)
        return name

    def create_empty(self) -> str:
        """Return the name of a fresh database with the extension and the nodes, but without tables."""
        name = self._name()
        with self.cluster.alone():
            self.cluster.create(name)
        return name

    def drop(self, database: str) -> None:
        """Drop *database* on each node."""
        self.cluster.drop(database)


def client_on(system: System, node: Node, *, home: bool = True) -> Client:
    """Return a client in a new workspace whose rows are on *node*, or on another with *home* off."""
    while True:
        client = system.new_client()
        with psycopg.connect(system.database_url) as connection:
            row = connection.execute(HOME, (client.workspace,)).fetchone()
        assert row is not None
        if (row[0] == node.port) is home:
            return client


@pytest.fixture(scope="session")
def citus_databases() -> Iterator[CitusDatabases]:
    """The databases of the cluster."""
    url = cluster_url()
    if url is None:
        pytest.skip(f"{URL} names no coordinator of a Citus cluster.")
    databases = CitusDatabases(CitusCluster(url))
    try:
        yield databases
    finally:
        databases.close()


@pytest.fixture
def call_citus_node() -> Callable[[str, Node], None]:
    """A function that stops, kills or starts a node of the cluster."""
    if not os.environ.get(NODE):
        pytest.skip(f"{NODE} names no program that stops and starts a node of the Citus cluster.")
    return call_node
