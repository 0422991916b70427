"""Distributes the tables over the nodes of Citus, and repeats it for what a later migration adds.

Everything is one transaction. Tables of all workspaces are copied to each node; those with rows of workspaces are cut
into shards by workspace_id, all alike, so that the rows of a workspace are together on one node.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from app.db.connections import APP_ROLE
from app.db.distribution import is_distributed
from app.db.queries import load_queries
from app.db.rights import TABLES
from app.errors import SetupError

QUERIES = load_queries(__package__, "distribution.sql")
ANNOUNCEMENTS = load_queries(__package__, "announcements.sql")

#: Settings of the session that migrates or distributes. Without the first, Citus makes tables with a foreign key its
#: own and drops functions that read them; without the second, it refuses triggers. Statements on a table that is on all
#: nodes and on one in shards, in one transaction, need the third.
SESSION = (
    "SET citus.enable_local_reference_table_foreign_keys = off",
    "SET citus.enable_unsafe_triggers = on",
    "SET citus.multi_shard_modify_mode = 'sequential'",
)
#: The number of shards that a cluster of a few nodes can be cut into; Citus' default.
SHARDS = 32
#: Copied to each node: what every request reads, and what has a key without the workspace.
ON_ALL_NODES = ("workspace", "api_key", "alembic_version", "installation")
#: Kept on the coordinator and reached from each node: rows that each process renews often.
ON_THE_COORDINATOR = ("process_heartbeat",)
#: The first table in shards; the others follow it.
FIRST = "workspace_home"
#: Dropped: they wake processes by a notification, which would be sent on another node than that of the listener. Their
#: condition names a table that a node does not have when its shards are made.
WAKE_TRIGGERS = ("wake_relay", "wake_sender")
#: Dropped while the copies are deleted that stay on the coordinator, and made again.
TRUNCATION_TRIGGER = "protect_audit_from_truncate"
#: Made in their stead, for each statement.
ANNOUNCE_TRIGGER = "announce_work"
#: The events after which a workspace announces that it has work, by table.
ANNOUNCED: Mapping[str, LiteralString] = {
    "job": "INSERT OR UPDATE OF due_at, lane ON job",
    "queue_control": "INSERT OR UPDATE OF paused_at, merges_per_minute_limit ON queue_control",
    "queue_cancellation": "INSERT ON queue_cancellation",
    "run": "INSERT OR UPDATE OF state ON run",
    "run_pause": "INSERT OR UPDATE ON run_pause",
    "plan": "INSERT OR UPDATE ON plan",
    "webhook_watch": "INSERT OR UPDATE OF since ON webhook_watch",
    "webhook_delivery": "INSERT OR UPDATE OF due_at ON webhook_delivery",
    "webhook": "UPDATE OF enabled ON webhook",
    "duplicate_run": "INSERT OR UPDATE OF state ON duplicate_run",
    "duplicate_policy": "INSERT OR UPDATE ON duplicate_policy",
    "erasure": "INSERT ON erasure",
    "audit_entry": "INSERT ON audit_entry",
}
#: Functions on one workspace that write a table which is on all nodes.
RUN_ANYWHERE = ("save_key_use",)
#: What `ALTER ROLE` sets: Citus opens its own sessions on the nodes, which do not get the settings of ours.
#: A node that does not accept connections is given up after two seconds.
ROLE_SETTINGS: Mapping[str, str] = {"citus.node_connection_timeout": "2000"}
NO_EXTENSION = (
    "The database has no extension Citus, so its tables cannot be distributed. Install Citus on each server, set"
    " shared_preload_libraries = 'citus', and have an administrator run CREATE EXTENSION citus in this database; or run"
    " `mergelane migrate` without --distribute."
)
NO_COORDINATOR = (
    "The coordinator is not one of the nodes of Citus. Run SELECT citus_set_coordinator_host('HOST', PORT); as an"
    " administrator, then run `mergelane migrate --distribute` again."
)
NO_NODE = (
    "No node of Citus may have shards. Add workers with SELECT citus_add_node('HOST', PORT); as an administrator, then"
    " run `mergelane migrate --distribute` again."
)
NOT_COORDINATOR = "DATABASE_URL leads to a worker of Citus. Name the coordinator for `mergelane migrate`."
HAS_DATA = (
    "The database has workspaces, and nothing was changed. To move their rows to the nodes of Citus, stop all"
    " processes, make a backup and run `mergelane migrate --distribute --move`."
)
IN_USE = "Processes use the database ({names}), and nothing was changed. Stop them while the tables are distributed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What the operator asks for."""

    #: Whether to distribute a database that has workspaces.
    move: bool = False
    shards: int = SHARDS
    #: Settings for the sessions of the processes' role on the nodes.
    role_settings: Mapping[str, str] = field(default_factory=dict)


def prepare_session(connection: psycopg.Connection[Any]) -> None:
    """Set what statements on tables of Citus need for this session."""
    for statement in SESSION:
        connection.execute(statement.encode())


def require_distributable(connection: psycopg.Connection[Any], wanted: Distribution) -> None:
    """Raise SetupError with the way out when the tables cannot be distributed now."""
    if not _has_extension(connection):
        raise SetupError(NO_EXTENSION)
    if not _rows(connection, QUERIES["is_coordinator"])[0]["here"]:
        raise SetupError(NOT_COORDINATOR)
    (nodes,) = _rows(connection, QUERIES["list_nodes_with_rows"])
    if not nodes["has_coordinator"]:
        raise SetupError(NO_COORDINATOR)
    if not nodes["with_shards"]:
        raise SetupError(NO_NODE)
    if is_distributed(connection) or not _rows(connection, QUERIES["has_schema"])[0]["found"]:
        return
    if not wanted.move and _rows(connection, QUERIES["has_workspaces"])[0]["found"]:
        raise SetupError(HAS_DATA)
    if names := [row["name"] for row in _rows(connection, QUERIES["list_processes"])]:
        raise SetupError(IN_USE.format(names=", ".join(names)))


def create_role_on_nodes(connection: psycopg.Connection[Any]) -> None:
    """Create the processes' role on each node of Citus that lacks it; change nothing in a database without Citus.

    Raises SetupError when a node does not answer or refuses it.
    """
    if _has_extension(connection):
        _run_on_nodes(connection, QUERIES["create_role"])


def distribute(connection: psycopg.Connection[Any], wanted: Distribution) -> int:
    """Distribute what is not distributed, in the transaction of *connection*; return the number of tables.

    *connection* has a prepared session of the owner. Running it again changes nothing.
    """
    tables = _rows(connection, QUERIES["list_local_tables"])
    if tables:
        with _without_triggers(connection):
            _distribute_tables(connection, {row["name"]: row["of_workspace"] for row in tables}, wanted.shards)
    _announce(connection)
    _distribute_functions(connection)
    _grant_views(connection)
    _prepare_role(connection, {**ROLE_SETTINGS, **wanted.role_settings})
    return len(tables)


def _distribute_tables(connection: psycopg.Connection[Any], tables: Mapping[str, bool], shards: int) -> None:
    """Distribute *tables*, which say whether their rows belong to workspaces, and delete what stays here of them."""
    copied = [name for name in ON_ALL_NODES if name in tables]
    copied += [name for name in sorted(tables) if not tables[name] and name not in ON_ALL_NODES + ON_THE_COORDINATOR]
    for name in copied:
        connection.execute(QUERIES["copy_to_all_nodes"].encode(), {"table": name})
    for name in ON_THE_COORDINATOR:
        if name in tables:
            connection.execute(QUERIES["reach_from_all_nodes"].encode(), {"table": name})
    cut = in_key_order(connection, [name for name in tables if tables[name] and name not in ON_ALL_NODES])
    for name in cut:
        query = QUERIES["distribute_first" if name == FIRST else "distribute"]
        connection.execute(query.encode(), {"table": name, **({"shards": shards} if name == FIRST else {})})
    for name in reversed([*copied, *cut]):
        connection.execute(QUERIES["empty_local_copy"].encode(), {"table": name})


def in_key_order(connection: psycopg.Connection[Any], tables: Sequence[str]) -> list[str]:
    """Return *tables* so that each follows the tables of its foreign keys; FIRST is the first."""
    references = {(row["referencing"], row["referenced"]) for row in _rows(connection, QUERIES["list_references"])}
    left = sorted(tables, key=lambda name: (name != FIRST, name))
    ordered: list[str] = []
    while left:
        name = next(each for each in left if not any((each, other) in references for other in left if other != each))
        left.remove(name)
        ordered.append(name)
    return ordered


@contextmanager
def _without_triggers(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Drop the triggers that keep Citus from distributing the tables; make those of the audit again at the end."""
    for trigger in _triggers(connection, *WAKE_TRIGGERS):
        _drop(connection, trigger)
    protecting = _triggers(connection, TRUNCATION_TRIGGER)
    for trigger in protecting:
        _drop(connection, trigger)
    yield
    for trigger in protecting:
        connection.execute(trigger["definition"].encode())


def _announce(connection: psycopg.Connection[Any]) -> None:
    """Create on each node what workspaces announce their work with. A node that was added later gets its table."""
    for name in ("create_table", "create_index", "create_policy"):
        _run_on_nodes(connection, ANNOUNCEMENTS[name])
    for name in (
        "create_trigger_function",
        "create_list_function",
        "create_work_function",
        "create_lane_function",
        "create_count_function",
        "grant_functions",
        "grant_role",
    ):
        connection.execute(ANNOUNCEMENTS[name].encode())
    present = {trigger["table_name"] for trigger in _triggers(connection, ANNOUNCE_TRIGGER)}
    for table, event in ANNOUNCED.items():
        if table not in present:
            statement = (
                f"CREATE TRIGGER {ANNOUNCE_TRIGGER} AFTER {event} FOR EACH STATEMENT EXECUTE FUNCTION announce_work()"
            )
            connection.execute(statement.encode())


def _distribute_functions(connection: psycopg.Connection[Any]) -> None:
    """Copy functions to each node; those with the owner's rights on one workspace run where its rows are.

    Citus lets PUBLIC call the functions that it copies, so this is revoked.
    """
    for function in _rows(connection, QUERIES["list_local_functions"], {"elsewhere": list(RUN_ANYWHERE)}):
        query = QUERIES["run_function_at_home" if function["runs_at_home"] else "copy_function"]
        connection.execute(query.encode(), {"signature": function["signature"]})
        if function["is_definer"]:
            revoke = f"REVOKE ALL ON FUNCTION {function['signature']} FROM PUBLIC"
            connection.execute(revoke.encode())


def _grant_views(connection: psycopg.Connection[Any]) -> None:
    """Grant what the processes' role may do with views: Citus copies a view to each node without its rights."""
    for view in _rows(connection, QUERIES["list_views"]):
        if privileges := TABLES.get(view["name"]):
            connection.execute(f"GRANT {', '.join(privileges)} ON {view['name']} TO {APP_ROLE}".encode())


def _prepare_role(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> None:
    """Let the processes' role log in, without a password: Citus opens its sessions on the nodes as this role."""
    (role,) = _rows(connection, QUERIES["read_role"], {"role": APP_ROLE})
    statements = [] if role["may_log_in"] else [f"ALTER ROLE {APP_ROLE} LOGIN"]
    statements += [
        f"ALTER ROLE {APP_ROLE} SET {name} = '{value}'"
        for name, value in settings.items()
        if f"{name}={value}" not in role["settings"]
    ]
    for statement in statements:
        connection.execute(statement.encode())


def _run_on_nodes(connection: psycopg.Connection[Any], statement: str) -> None:
    """Run *statement* on each node. Raises SetupError when a node does not answer or refuses it."""
    for answer in _rows(connection, QUERIES["run_on_nodes"], {"statement": statement}):
        if not answer["success"]:
            raise SetupError(
                f"The node {answer['node']} of Citus fails: {answer['result']}. Correct this, and run"
                " `mergelane migrate` again."
            )


def _triggers(connection: psycopg.Connection[Any], *names: str) -> list[Mapping[str, Any]]:
    return _rows(connection, QUERIES["list_triggers"], {"names": list(names)})


def _drop(connection: psycopg.Connection[Any], trigger: Mapping[str, Any]) -> None:
    connection.execute(f"DROP TRIGGER {trigger['name']} ON {trigger['table_name']}".encode())


def _has_extension(connection: psycopg.Connection[Any]) -> bool:
    return bool(_rows(connection, QUERIES["read_extension"]))


def _rows(
    connection: psycopg.Connection[Any], query: LiteralString, parameters: Mapping[str, Any] | None = None
) -> list[Mapping[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [*cursor.execute(query, parameters, prepare=False)]
