"""Every named query of the application by file and name, and the queries that need no workspace."""

import re
from pathlib import Path

from app.db.queries import parse_queries

ROOT = Path(__file__).parents[2]
FILES = [path for path in sorted(ROOT.glob("app/**/sql/*.sql")) if path.parent.parent.name != "migrations"]
#: Queries that only a distributed database can run: they use functions and tables of Citus.
OF_CITUS = re.compile(r"db/citus/sql/|.*_on_nodes$")
QUERIES = {
    name: text
    for path in FILES
    for query, text in parse_queries(path.read_text(encoding="utf-8"))
    if not OF_CITUS.match(name := f"{path.relative_to(ROOT / 'app').as_posix()}:{query}")
}
FREE = {
    "identities/sql/numbering.sql:workspaces_with_identity_changes": "gives the relay the list of workspaces",
    "profiles/sql/recomputation.sql:workspaces_to_recompute": "asks which workspaces have keys to recompute",
    "users/sql/erasures.sql:workspaces_with_erasures": "gives the relay the list of workspaces",
    "users/sql/erasures.sql:renew_statistics": "renews the statistics of a table, with the rows of all workspaces",
    "profiles/sql/recomputation.sql:older_processes": "counts connections, which belong to no workspace",
    "db/sql/distribution.sql:is_distributed": "reads whether the tables are distributed",
    "db/sql/transactions.sql:read_clock": "returns the time",
    "db/sql/roles.sql:read_login": "reads the roles of the server",
    "db/sql/replica.sql:read_position": "reads the place in the log of the server",
    "db/sql/replica.sql:read_replayed": "reads the place in the log of the standby",
    "db/sql/readiness.sql:find_refusal": "checks that PostgreSQL takes writes",
    "db/sql/wakeups.sql:read_backend_pid": "returns the session",
    "db/sql/wakeups.sql:begin_sleep": "takes a lock of the session",
    "db/sql/wakeups.sql:end_sleep": "releases a lock of the session",
    "ledger/sql/execution.sql:seconds_until_due_lane": "returns how long the relay sleeps",
    "webhooks/sql/deliveries.sql:seconds_until_due_work": "returns how long the sender sleeps",
    "db/sql/revisions.sql:read_revision": "returns the schema's revision",
    "db/sql/revisions.sql:find_other_schema": "finds the tables in another schema",
    "db/sql/roles.sql:read_rights": "returns the rights that a migration needs",
    "db/sql/roles.sql:read_role": "returns the privileges of the processes' role",
    "db/sql/installation.sql:read_installation": "returns the id of the installation",
    "db/sql/installation.sql:read_server": "returns the place of the database",
    "db/sql/installation.sql:renew_installation": "changes the id of the installation",
    "db/sql/rights.sql:differences": "compares the rights of roles",
    "db/sql/rights.sql:rights_of_others": "lists the rights of roles",
    "db/sql/rights.sql:foreign_owners": "lists the owners of tables",
    "db/sql/statistics.sql:analyze_changed_tables": "counts tables, with the rows of all workspaces",
    "ledger/sql/cancel.sql:workspaces_with_cancellations": "gives the relay the list of workspaces",
    "ledger/sql/queue.sql:paused_workspaces": "lists paused workspaces for the operators",
    "ledger/sql/execution.sql:publishable_workspaces": "gives the relay the list of workspaces",
    "ledger/sql/execution.sql:workspaces_to_rescue": "gives the rescue the list of workspaces",
    "ledger/sql/gauges.sql:count_plans": "counts plans for the operators, for all workspaces",
    "ledger/sql/gauges.sql:count_jobs_by_workspace": "counts jobs for the operators, for all workspaces",
    "ledger/sql/execution.sql:all_workspaces": "gives the pruning the list of workspaces",
    "webhooks/sql/deliveries.sql:workspaces_with_due_deliveries": "gives the sender the list of workspaces",
    "ledger/sql/run_counting.sql:workspaces_with_runs": "gives the relay the list of workspaces",
    "duplicates/sql/runs.sql:workspaces_with_duplicates_to_merge": "gives the relay the list of workspaces",
    "ledger/sql/sums.sql:workspaces_to_sum": "gives the relay the list of workspaces",
    "ledger/sql/sums.sql:find_last_minute": "returns a time",
    "moving/sql/tables.sql:list_sequences": "lists the sequences of the database for its owner",
    "moving/sql/tables.sql:raise_sequence": "raises a sequence of the database for its owner",
    "moving/sql/workspaces.sql:find_workspace": "finds the workspace itself, for the owner",
    "moving/sql/workspaces.sql:largest_workspace_id": "finds the last workspace, for the owner",
    "moving/sql/workspaces.sql:list_workspaces": "lists the workspaces for the owner",
    "moving/sql/workspaces.sql:list_process_peppers": "lists the processes of the installation",
    "moving/sql/workspaces.sql:start_workspace_ids": "sets the id of the next workspace",
    "moving/sql/workspaces.sql:wake_processes": "wakes relay and sender",
    "system/sql/heartbeats.sql:beat": "writes the heartbeat of a process, which belongs to the installation",
    "system/sql/heartbeats.sql:prune_heartbeats": "deletes the heartbeats of processes that are gone",
    "system/sql/heartbeats.sql:delete_heartbeat": "deletes the heartbeat of a process that ends",
    "system/sql/heartbeats.sql:list_processes": "lists the processes of the installation for the operators",
    "segments/sql/segments.sql:try_pattern": "checks a regular expression",
    "ledger/sql/retry.sql:list_workspaces": "lists the workspaces in which the operator looks for a job",
    **{name: "finds or names the workspace itself" for name in QUERIES if name.startswith("keys/")},
}
"""Queries without a workspace, with the reason: no client sees their results."""
BOUND = sorted(QUERIES.keys() - FREE.keys())


def numbered(text: str) -> str:
    """Return a query with $1, $2 … instead of the named placeholders of psycopg."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", text)))
    return re.sub(r"%\((\w+)\)[sb]", lambda found: f"${names.index(found[1]) + 1}", text).replace("%%", "%")
