"""The rights of the processes' role and of PUBLIC: one list, which a migration applies and the doctor compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from app.db.connections import APP_ROLE
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "rights.sql")


READ_ONLY = ("SELECT",)
#: What is written once, and not updated or deleted.
APPENDED = ("SELECT", "INSERT")
#: What is written once and deleted with its profile.
HISTORY = ("SELECT", "INSERT", "DELETE")
#: What is not deleted.
KEPT = ("SELECT", "INSERT", "UPDATE")
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")

#: All tables and views, with the rights of the processes' role.
TABLES: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(
        (
            "alembic_version",
            "installation",
            "workspace",
            "workspace_home",
            "workspace_move",
            "open_workspace",
            "workspace_job",
            "held_lane",
            "workspace_profile",
        ),
        READ_ONLY,
    ),
    # The owner creates and revokes keys: see COLUMNS.
    "api_key": READ_ONLY,
    "sign_in": ("SELECT", "INSERT", "DELETE"),
    **dict.fromkeys(("profile", "user_alias", "origin", "redirect", "deprecated_external_id"), ALL),
    **dict.fromkeys(("push_token_report", "key_change", "idempotency"), ALL),
    "key_recomputation": ("SELECT", "UPDATE"),
    **dict.fromkeys(("custom_event", "purchase", "session", "engagement"), HISTORY),
    **dict.fromkeys(("job", "queue_control"), KEPT),
    # The functions below blank and prune these.
    **dict.fromkeys(("batch", "merge_record", "identify_record", "undo_record", "audit_entry"), APPENDED),
    **dict.fromkeys(("webhook", "webhook_watch", "webhook_delivery"), ALL),
    **dict.fromkeys(("duplicate_policy", "duplicate_run"), KEPT),
    **dict.fromkeys(("run", "run_progress"), KEPT),
    "run_undo_merge": ("SELECT", "INSERT", "DELETE"),
    "run_pause": ALL,
    "failed_attempt": HISTORY,
    "plan": ALL,
    **dict.fromkeys(("plan_update", "plan_job"), HISTORY),
    "duplicate_exclusion": ("SELECT", "INSERT", "DELETE"),
    "former_name": ("SELECT", "INSERT", "DELETE"),
    **dict.fromkeys(("erasure", "identity_change", "queue_cancellation"), ALL),
    "identity_feed": KEPT,
    "process_heartbeat": ALL,
    **dict.fromkeys(("job_minute", "job_hour"), HISTORY),
}
#: The columns of other tables that the processes' role may update. Those of api_key are for processes of a version
#: before revision 0046. The relay notes what the run of a batch has counted.
COLUMNS = (
    ("api_key", "digest"),
    ("api_key", "pepper"),
    ("api_key", "last_used_at"),
    ("batch", "run_state"),
    ("batch", "run_counts"),
)
#: All functions that run with the rights of the owner of the tables. The processes' role may call them, and PUBLIC not.
FUNCTIONS = (
    "all_workspaces()",
    "find_valid_keys(bytea[])",
    "renew_key_digest(bytea, text, bytea[])",
    "save_key_use(integer, uuid, double precision)",
    "analyze_changed_tables(bigint)",
    "paused_workspaces()",
    "workspaces_with_cancellations()",
    "publishable_workspaces_from(jsonb)",
    # For relays of a version before revision 0045.
    "publishable_workspaces()",
    # For relays of a version before revision 0034.
    "workspaces_with_pending_jobs()",
    "next_job_due_at()",
    "workspaces_with_published_jobs()",
    "workspaces_to_rescue()",
    "count_jobs_by_workspace(integer, integer)",
    "erase_audit_records(integer, uuid[])",
    "erase_audit_names(integer, text[])",
    "prune_old_batches(integer, interval, integer)",
    "prune_old_audit_entries(integer, interval, integer)",
    # For relays of a version before revision 0027.
    "prune_batches(integer, uuid, integer)",
    "prune_audit_entries(integer, uuid, integer)",
    "next_webhook_work_at()",
    "workspaces_with_due_deliveries()",
    "workspaces_with_duplicates_to_merge()",
    "workspaces_with_runs()",
    "prune_old_runs(integer, interval, integer)",
    "count_plans()",
    "workspaces_to_recompute()",
    "workspaces_with_erasures()",
    "renew_statistics(regclass)",
    "workspaces_with_identity_changes()",
    "workspaces_to_sum(timestamp with time zone)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsOfRole:
    """What a role has on the tables or functions of Mergelane."""

    role: str
    #: As `('INSERT', 'SELECT')`.
    privileges: Sequence[str]
    #: A table or function on which the role has one of them.
    example: str


def find_differences(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the statements that would correct the rights of the processes' role and of PUBLIC."""
    lists = {
        "tables": Jsonb([{"name": name, "privileges": list(privileges)} for name, privileges in TABLES.items()]),
        "columns": Jsonb([{"table_name": table, "name": name, "privilege": "UPDATE"} for table, name in COLUMNS]),
        "functions": list(FUNCTIONS),
    }
    return [row["statement"] for row in _rows(connection, "differences", lists)]


def correct_rights(connection: psycopg.Connection[Any]) -> None:
    """Grant what is missing and revoke what is too much, in the transaction of *connection*, which is the owner's.

    The list is complete, because a restored database may have lost both grants and revocations: without the latter,
    PostgreSQL lets every role of the server call the functions that run with the owner's rights.
    """
    for statement in find_differences(connection):
        # PostgreSQL composed and quoted the text.
        connection.execute(statement.encode())


def list_rights_of_others(connection: psycopg.Connection[Any]) -> list[RightsOfRole]:
    """Return what roles other than the owner and the processes' may do."""
    return [
        RightsOfRole(role=row["name"], privileges=row["privileges"], example=row["example"])
        for row in _rows(connection, "rights_of_others")
    ]


def list_foreign_owners(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the tables and functions that another role owns than the other tables."""
    return [
        row["name"]
        for row in _rows(connection, "foreign_owners", {"names": list(TABLES), "functions": list(FUNCTIONS)})
    ]


def _rows(
    connection: psycopg.Connection[Any], query: str, parameters: Mapping[str, Any] | None = None
) -> list[Mapping[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [*cursor.execute(QUERIES[query], {"role": APP_ROLE, **(parameters or {})})]
