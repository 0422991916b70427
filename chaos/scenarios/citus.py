"""A Citus cluster whose nodes are killed in turn while merges run.

The cluster is not part of this installation: see chaos/citus_cluster.py.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event
from typing import cast

import psycopg
from psycopg import sql

from app import keys
from app.db import migrations
from app.db.citus.distribute import Distribution
from app.db.connections import Connection
from app.environment import child_environ
from chaos.citus_cluster import NODE, SHARDS, URL, CitusCluster, Node, call_node, cluster_url
from chaos.faults import kill_relay, kill_worker, make_fault, pause
from chaos.installation import KEY, START_S, WORKSPACE, Installation
from chaos.scenarios.scenario import NotPossible, Scenario
from cli.database import connected

#: The tables whose rows are on several nodes.
DISTRIBUTED = "SELECT logicalrelid::text AS name FROM pg_dist_partition WHERE partmethod = 'h' ORDER BY name"


class CitusInstallation(Installation):
    """An installation on a fresh distributed database of the cluster."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings={**settings, "DATABASE_DISTRIBUTED": "on"})
        self.cluster = CitusCluster(cluster_url() or "")
        self._database = f"mergelane_chaos_{os.getpid()}"

    @property
    def database_url(self) -> str:
        """The URL of the database on the coordinator."""
        return self.cluster.url(self._database)

    @property
    def proxied_database_url(self) -> str:
        """The same: no proxy is before the coordinator."""
        return self.database_url

    def start_servers(self) -> None:
        """Start the broker, and create a distributed database."""
        self.keeper.start()
        self.start_broker()
        self.cluster.create(self._database)
        migrations.upgrade_schema(self.database_url, distribution=Distribution(shards=SHARDS))
        with connected(self.command_settings, self.database_url, name="chaos") as connection:
            keys.ensure_key(connection, key=KEY, workspace=WORKSPACE, permissions=["*"])

    def connect_for_audit(self) -> Connection:
        """Return a connection with local copies of the distributed tables: Citus refuses some joins over workspaces."""
        connection = self.connect()
        for row in connection.execute(DISTRIBUTED).fetchall():
            name = sql.Identifier(row["name"])
            connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT * FROM public.{}").format(name, name))
        return connection

    def make_whole(self) -> None:
        """Repair all faults, and start all nodes."""
        for node in self.cluster.workers:
            if not self._is_up(node):
                call_node("start", node)
        super().make_whole()

    def stop(self) -> None:
        """Stop all processes, start all nodes and drop the database."""
        try:
            self.make_whole()
        finally:
            super().stop()
            self.cluster.drop(self._database)

    def wait_for_node(self, node: Node) -> None:
        """Wait until *node* answers."""
        self.keeper.wait_until(lambda: self._is_up(node), seconds=START_S, what=f"the node {node.port}")

    def _is_up(self, node: Node) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.cluster.url("postgres", node)):
            return True
        return False


def kill_first_node(installation: Installation, rng: Random, over: Event) -> None:
    """Kill the first worker node and start it later."""
    _kill(cast("CitusInstallation", installation), 0, rng, over)


def kill_last_node(installation: Installation, rng: Random, over: Event) -> None:
    """Kill the last worker node and start it later."""
    _kill(cast("CitusInstallation", installation), -1, rng, over)


def _kill(home: CitusInstallation, number: int, rng: Random, over: Event) -> None:
    node = home.cluster.workers[number]
    call_node("kill", node)
    pause(rng, over, 1, 8)
    call_node("start", node)
    home.wait_for_node(node)


def _require() -> None:
    """Raise NotPossible without a cluster."""
    if cluster_url() is None:
        raise NotPossible(f"{URL} names no coordinator of a Citus cluster.")
    if not child_environ().get(NODE):
        raise NotPossible(f"{NODE} names no program that stops and starts a node of the Citus cluster.")


CITUS = Scenario(
    name="citus",
    prose="A Citus cluster whose nodes are killed",
    build=CitusInstallation,
    faults=[make_fault(each) for each in (kill_first_node, kill_last_node, kill_worker, kill_relay)],
    require=_require,
)
