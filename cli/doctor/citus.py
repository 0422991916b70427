"""Checks of a distributed database: the nodes of Citus, their settings and rights, and where the shards are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.db.citus.distribute import QUERIES as DISTRIBUTION
from app.db.connections import Connection
from app.db.distribution import is_distributed
from app.db.queries import load_queries
from cli.doctor.findings import Finding, fine, notice, wrong

CHECK = "citus"
QUERIES = load_queries(__package__, "citus.sql")
MIGRATE = "Run `mergelane migrate`."

Row = Mapping[str, Any]


def check_citus(connection: Connection) -> Iterator[Finding]:
    """Yield the findings about a distributed database; none about any other."""
    if not is_distributed(connection):
        return
    (extension,) = connection.execute(DISTRIBUTION["read_extension"]).fetchall()
    nodes = connection.execute(QUERIES["list_nodes"]).fetchall()
    findings = [
        *find_unreachable(nodes),
        *find_settings(nodes),
        *find_open_functions(nodes),
        *_check_tables(connection),
        *find_imbalance(connection.execute(QUERIES["count_shards"]).fetchall()),
    ]
    yield from findings
    if not findings:
        yield fine(
            CHECK, f"Citus {extension['version']} distributes the tables over {len(nodes)} nodes, and all answer."
        )


def find_unreachable(nodes: Sequence[Row]) -> Iterator[Finding]:
    """Yield the nodes that do not answer or are not active."""
    for node in nodes:
        if not node["is_reachable"]:
            yield wrong(
                CHECK,
                f"The node {node['name']} does not answer: requests for its workspaces get 503, and their jobs wait.",
                "Start it, or promote its standby and run citus_update_node.",
            )
        elif not node["is_active"]:
            yield wrong(CHECK, f"The node {node['name']} is not active.", "Run citus_activate_node for it.")


def find_settings(nodes: Sequence[Row]) -> Iterator[Finding]:
    """Yield what the settings of the nodes that answer lack."""
    for node in (node for node in nodes if node["is_reachable"]):
        settings, name = node["settings"], node["name"]
        if settings["max_prepared_transactions"] == 0:
            yield wrong(
                CHECK,
                f"On the node {name} max_prepared_transactions is 0, so no workspace or key can be created.",
                "Set it to the value of max_connections, and restart the node.",
            )
        if not settings["announces"]:
            yield wrong(
                CHECK,
                f"The node {name} has no table of announcements: work of its workspaces is found up to 30 s late.",
                MIGRATE,
            )
        if not settings["may_log_in"]:
            yield wrong(
                CHECK,
                f"On the node {name} the role mergelane_app may not log in, so Citus cannot use it.",
                "Run `ALTER ROLE mergelane_app LOGIN` as an administrator on the coordinator.",
            )


def find_open_functions(nodes: Sequence[Row]) -> Iterator[Finding]:
    """Yield the nodes on which every role may call functions that run with the rights of the owner."""
    for node in (node for node in nodes if node["is_reachable"]):
        if functions := node["settings"]["open_functions"]:
            yield wrong(
                CHECK,
                f"On the node {node['name']} every role may call {', '.join(sorted(set(functions)))}, which have the"
                " rights of the owner of the tables.",
                "Run REVOKE ALL ON FUNCTION … FROM PUBLIC for each on the coordinator; Citus passes it on.",
            )


def find_imbalance(counts: Sequence[Row]) -> Iterator[Finding]:
    """Yield that a node has far more shards than another; one more is no difference."""
    shards = {row["name"]: row["shards"] for row in counts}
    if shards and max(shards.values()) > 1 + 1.5 * min(shards.values()):
        listed = ", ".join(f"{name}: {number}" for name, number in shards.items())
        yield notice(
            CHECK, f"The nodes have unequal numbers of shards ({listed}).", "Run SELECT citus_rebalance_start();"
        )


def _check_tables(connection: Connection) -> Iterator[Finding]:
    if names := [row["name"] for row in connection.execute(DISTRIBUTION["list_local_tables"])]:
        yield wrong(CHECK, f"Tables are not distributed: {', '.join(names)}.", MIGRATE)
