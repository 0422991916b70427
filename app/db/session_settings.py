"""The session settings of every connection. They change what our statements mean, or what PostgreSQL returns.

A server, database, role or PG* variable may set any of them to another value. So each connection, those of migrations
and of the command line included, sets them all at its start. Other settings stay as the operator sets them:

- default_transaction_read_only: it refuses writes, as an operator wants it to; the processes wait.
- synchronous_commit: how durable a commit is.
- idle_session_timeout, transaction_timeout: the pool replaces a connection that ends.
- default_transaction_deferrable: no effect without SERIALIZABLE. xmloption, xmlbinary: no XML is used.
- lc_monetary, lc_numeric, lc_time, default_text_search_config: nothing is formatted or searched by them. lc_messages:
  errors are recognized by their codes. Only a superuser may set it.
- jit, enable_*, geqo, work_mem and others of the planner: plans are slower or faster and return the same rows.
- escape_string_warning, backslash_quote, client_min_messages, quote_all_identifiers: no effect on what we send.
- session_replication_role: only a superuser may set it, so `mergelane doctor` reports another value than `origin`, with
  which the triggers that protect the audit do not run.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app.environment import overrides_session

#: The value of each setting, with the fault of another value.
MEANING: Mapping[str, str] = {
    # psycopg reads times in ISO style only.
    "DateStyle": "ISO,MDY",
    # psycopg reads intervals in this style only.
    "IntervalStyle": "postgres",
    # Times are returned in UTC, whatever the server's zone.
    "TimeZone": "UTC",
    # With SQL_ASCII psycopg returns bytes, and with LATIN1 PostgreSQL refuses most characters.
    "client_encoding": "UTF8",
    # A backslash in a literal would start an escape.
    "standard_conforming_strings": "on",
    # 'x = NULL' would become 'x IS NULL'.
    "transform_null_equals": "off",
    # The text NULL in an array would be a string.
    "array_nulls": "on",
    # Numbers would lose digits.
    "extra_float_digits": "1",
    # The smaller format to parse.
    "bytea_output": "hex",
    # Statements rely on seeing what was committed while they waited for a lock.
    "default_transaction_isolation": "read committed",
    # An error that the code expects would end the session.
    "exit_on_error": "off",
    # The schema of the tables; another one could hide them behind tables of the same names.
    "search_path": "public",
    # A transaction without a workspace would see this one.
    "mergelane.workspace_id": "",
    # The audit could be changed.
    "mergelane.audit_change": "",
}
#: Generic plans: a plan for the actual values relies on statistics that may be older than a workspace's rows, and then
#: reads the whole workspace to find one row. Segments run with `plan_for_values`.
#: A page costs the same at any position: PostgreSQL's default of 4 is that of a spinning disk, and makes it read a
#: table of thousands of rows instead of probing an index.
PLANNING: Mapping[str, str] = {"plan_cache_mode": "force_generic_plan", "random_page_cost": "1"}
#: On Citus, generic plans would not know the workspace, and so not its server: Citus refuses them. SET LOCAL travels to
#: that server.
DISTRIBUTED_PLANNING: Mapping[str, str] = {
    **PLANNING,
    "plan_cache_mode": "auto",
    "citus.propagate_set_commands": "local",
}
#: Sets again what libpq sends from PGDATESTYLE and PGTZ, which override the start-up options.
OVERRIDES = (
    f"SELECT set_config('DateStyle', '{MEANING['DateStyle']}', false),"
    f" set_config('TimeZone', '{MEANING['TimeZone']}', false)"
)


def planning(*, distributed: bool) -> Mapping[str, str]:
    """Return how PostgreSQL plans our statements, on a plain or on a *distributed* database."""
    return DISTRIBUTED_PLANNING if distributed else PLANNING


def format_options(options: Mapping[str, object]) -> str:
    """Return *options* as the connection parameter `options`, which sets them when the session starts."""
    return " ".join(f"-c {name}={_escape(str(value))}" for name, value in options.items())


def connection_parameters(options: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters of a connection that starts with our settings and *options*."""
    # PGCLIENTENCODING would override the start-up options; this parameter overrides PGCLIENTENCODING.
    return {"options": format_options({**MEANING, **options}), "client_encoding": MEANING["client_encoding"]}


def override_environment(connection: psycopg.Connection[Any]) -> None:
    """Set again on *connection*, in autocommit mode, what variables of the environment have set."""
    if not overrides_session():
        return
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(OVERRIDES.encode(), prepare=False)


def _escape(value: str) -> str:
    """Escape *value* for libpq, which splits options at blanks."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
