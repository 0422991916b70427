"""Settings of one transaction.

They are set by SET LOCAL, not by a function: Citus repeats SET LOCAL on the server that has the workspace. Each is a
message of its own, since Citus repeats the whole text of the message. `%d` takes a number and nothing else.
"""

from typing import Any

import psycopg

SET_WORKSPACE = b"SET LOCAL mergelane.workspace_id = %d"
SET_STATEMENT_TIMEOUT = b"SET LOCAL statement_timeout = %d"
SET_UTC = b"SET LOCAL TimeZone = 'UTC'"
CUSTOM_PLANS = b"SET LOCAL plan_cache_mode = force_custom_plan"
#: The plans with which the connection began.
FORMER_PLANS = b"SET LOCAL plan_cache_mode TO DEFAULT"


def set_workspace(connection: psycopg.Connection[Any], workspace_id: int) -> None:
    """Set the workspace of the transaction on *connection* until it ends; in a pipeline at no extra round trip.

    Row-level security shows the rows of that workspace and no others.
    """
    connection.execute(SET_WORKSPACE % workspace_id, prepare=False)


def set_statement_timeout(connection: psycopg.Connection[Any], milliseconds: int) -> None:
    """Let each of the following statements of the transaction on *connection* take up to *milliseconds*."""
    connection.execute(SET_STATEMENT_TIMEOUT % milliseconds, prepare=False)


def set_utc(connection: psycopg.Connection[Any]) -> None:
    """Read times without a zone as UTC until the transaction on *connection* ends, whatever the server's zone is."""
    connection.execute(SET_UTC, prepare=False)


def set_plans(connection: psycopg.Connection[Any], *, for_values: bool) -> bytes:
    """Let PostgreSQL plan the next statements *for_values*, or as before. Returns the statement.

    That a statement is not prepared is not enough: PostgreSQL obeys force_generic_plan for it too.
    """
    statement = CUSTOM_PLANS if for_values else FORMER_PLANS
    connection.execute(statement, prepare=False)
    return statement
