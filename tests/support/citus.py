"""Databases of the Citus cluster in MERGELANE_TEST_CITUS_URL: see chaos/citus_cluster.py.

Without it, tests that need a cluster are skipped with the reason.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from app.db import migrations
from app.db.citus.distribute import Distribution
from chaos.citus_cluster import NODE, SHARDS, URL, CitusCluster, Node, call_node, cluster_url
from tests.support.postgres import Databases
from tests.support.waiting import wait_until


class CitusDatabases(Databases):
    """Distributed databases: a template on each node, and copies of it."""

    def __init__(self, cluster: CitusCluster) -> None:
        super().__init__(cluster.url("postgres"), environ={"DATABASE_DISTRIBUTED": "on"})
        self.cluster = cluster

    def create(self) -> str:
        """Return the name of a fresh database with the whole schema, distributed."""
        if not self._template:
            self._template = self.create_empty()
            migrations.upgrade_schema(self.url(self._template), distribution=Distribution(shards=SHARDS))
            self.cluster.close(self._template, wait_until=partial(wait_until, what="the template's sessions to end"))
        name = self._name()
        self.cluster.copy(name, template=self._template)
        return name

    def create_empty(self) -> str:
        """Return the name of a fresh database that has the extension and the nodes, and no table."""
        name = self._name()
        self.cluster.create(name)
        return name

    def drop(self, database: str) -> None:
        """Drop *database* on each node."""
        self.cluster.drop(database)


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
