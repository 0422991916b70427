"""Closes a workspace, so that nothing changes in it, and opens it again.

Closing has two steps. The first lets no new work begin: keys and sign-ins are refused, and the relay and the sender
leave the workspace out. The second makes triggers that refuse each change, also one whose request was authenticated
before. PostgreSQL makes a trigger when the transactions that have changed its table have ended. So nothing is written
after the last one exists.
"""

from collections.abc import Callable
from time import monotonic

from psycopg.errors import LockNotAvailable
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from app.db.queries import load_queries
from app.errors import SetupError
from app.moving.copying import changing
from app.moving.tables import Connection, MovedTable, list_tables, run_statement

QUERIES = load_queries(__package__, "workspaces.sql")

#: Seconds between two counts of published jobs that have not ended.
COUNT_EVERY_S = 0.2
#: Attempts to make the triggers of a table, and seconds between two. Other sessions queue behind each attempt.
TRIES = 20
PAUSE_S = 1.0
TABLE_IN_USE = (
    "The table {table} could not be locked in {tries} attempts, because a transaction has been writing to it for long"
    " (pg_stat_activity shows it). The workspace stays closed. End the transaction and run the command again, or open"
    " the workspace with `mergelane workspaces move --cancel`."
)


def set_availability(connection: Connection, workspace_id: int, availability: str) -> None:
    """Set whether the workspace is open, from the next transaction on."""
    connection.execute(QUERIES["set_availability"], {"workspace_id": workspace_id, "availability": availability})


def await_jobs_under_way(
    connection: Connection, workspace_id: int, *, longest_s: float, pause: Callable[[float], object]
) -> int:
    """Wait until the workers have finished the published jobs, at most *longest_s*; return how many are left."""
    until = monotonic() + longest_s
    while (left := _count_under_way(connection, workspace_id)) and monotonic() < until:
        pause(COUNT_EVERY_S)
    return left


def refuse_changes(connection: Connection, workspace_id: int) -> None:
    """Make the triggers that refuse changes. Raises SetupError when a table stays in use."""
    for table in list_tables(connection, workspace_id):
        _run_alone(connection, table, table.protect)


def permit_changes(connection: Connection, workspace_id: int) -> None:
    """Drop the triggers. Raises SetupError when a table stays in use."""
    for table in list_tables(connection, workspace_id):
        _run_alone(connection, table, table.unprotect)


def delete_rows(connection: Connection, workspace_id: int) -> None:
    """Delete all rows of the workspace, with its own row."""
    permit_changes(connection, workspace_id)
    for table in reversed(list_tables(connection, workspace_id)):
        with changing(connection):
            run_statement(connection, table.delete_all, workspace_id)
    with connection.transaction():
        connection.execute(QUERIES["end_move"], {"workspace_id": workspace_id})
        connection.execute(QUERIES["delete_workspace"], {"workspace_id": workspace_id})


def _count_under_way(connection: Connection, workspace_id: int) -> int:
    row = connection.execute(QUERIES["count_jobs_under_way"], {"workspace_id": workspace_id}).fetchone()
    return int(row["jobs"]) if row else 0


def _run_alone(connection: Connection, table: MovedTable, statements: str) -> None:
    """Run *statements* about the triggers of *table* in one transaction, again while the table is in use."""
    retrying = Retrying(
        retry=retry_if_exception_type(LockNotAvailable),
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(PAUSE_S),
        reraise=True,
    )
    try:
        # Without parameters, several statements are one message and one transaction.
        retrying(connection.execute, statements.encode(), prepare=False)
    except LockNotAvailable as error:
        raise SetupError(TABLE_IN_USE.format(table=table.name, tries=TRIES)) from error
