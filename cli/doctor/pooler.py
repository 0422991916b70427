"""Checks of a pooler between the processes and PostgreSQL, such as PgBouncer in transaction mode."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
from psycopg import sql

from app.config import Settings
from app.db.connections import APP_ROLE, Connection, connection_arguments
from app.db.queries import load_queries
from cli.doctor.findings import Finding, fine, wrong

QUERIES = load_queries("cli.doctor", "pooler.sql")

CHECK = "pooler"
#: The beginning of PgBouncer's refusal of a connection.
REFUSED_OPTIONS = "unsupported startup parameter"
#: Transactions that are opened to occupy the server connection on which a statement was prepared.
HOLDERS = 8


def check_pooler(settings: Settings) -> list[Finding]:
    """Return the findings about the pooler at DATABASE_URL; none without a pooler or a connection."""
    try:
        with _connect(settings) as connection:
            if connection.info.backend_pid == _backend_pid(connection):
                return []
            found = [*_check_settings(settings, connection), *_check_prepared_statements(settings)]
    except psycopg.Error as error:
        if REFUSED_OPTIONS not in str(error):
            return []
        return [
            wrong(
                CHECK,
                "The pooler at DATABASE_URL refuses connections with the parameter `options`.",
                "In PgBouncer, set ignore_startup_parameters = options, and the settings by connect_query.",
            )
        ]
    return found or [fine(CHECK, "The pooler at DATABASE_URL keeps what Mergelane needs of a connection.")]


def _check_settings(settings: Settings, connection: Connection) -> Iterator[Finding]:
    """Report settings that the pooler drops. PgBouncer can set them itself."""
    opened = _options(settings)
    with connection.transaction(force_rollback=True):
        dropped = [name for name, value in opened.items() if _is_dropped(connection, name, value)]
    if dropped:
        statements = "; ".join(f"SET {name} = {_quote(opened[name])}" for name in dropped)
        yield wrong(
            CHECK,
            f"The pooler at DATABASE_URL drops settings of connections: {', '.join(dropped)}.",
            f"Let the pooler set them. In PgBouncer, add to the database: connect_query='{statements}'",
        )


def _quote(value: str) -> str:
    """Return *value* for a SET inside `connect_query='…'`, where PgBouncer doubles a quotation mark."""
    return value if value.replace(",", "").replace("_", "").isalnum() else f"''{value}''"


def _is_dropped(connection: Connection, name: str, value: str) -> bool:
    """Return whether a setting differs from *value*; PostgreSQL normalizes both, such as 15000 and 15s."""
    actual = _read_setting(connection, name)
    connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), value), prepare=False)
    return actual != _read_setting(connection, name)


def _read_setting(connection: Connection, name: str) -> str:
    (row,) = connection.execute(QUERIES["setting"], {"name": name}, prepare=False).fetchall()
    return str(row["value"])


def _check_prepared_statements(settings: Settings) -> Iterator[Finding]:
    if settings.prepared_statements and not _forwards_prepared_statements(settings):
        yield wrong(
            CHECK,
            "The pooler at DATABASE_URL does not forward prepared statements, so statements fail.",
            "Set max_prepared_statements in PgBouncer 1.21 or later, or MERGELANE_PREPARED_STATEMENTS=false for every"
            " process.",
        )


def _forwards_prepared_statements(settings: Settings) -> bool:
    """Return whether a statement that was prepared on one server connection runs on another one too."""
    with ExitStack() as stack:
        connection = stack.enter_context(_connect(settings))
        try:
            prepared_on = _backend_pid(connection, prepare=True)
            for _ in range(HOLDERS):
                holder = stack.enter_context(_connect(settings))
                holder.autocommit = False
                if _backend_pid(holder) == prepared_on:
                    break
            return _backend_pid(connection, prepare=True) > 0
        except (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement):
            return False


def _backend_pid(connection: Connection, *, prepare: bool = False) -> int:
    (row,) = connection.execute(QUERIES["backend"], prepare=prepare).fetchall()
    pid: int = row["pid"]
    return pid


def _connect(settings: Settings) -> Connection:
    """Return a connection as the processes open them."""
    return Connection.connect(
        settings.database_url, **connection_arguments(settings, name="doctor-pooler", role=APP_ROLE)
    )


def _options(settings: Settings) -> dict[str, str]:
    """Return the settings with which the processes open connections."""
    words = shlex.split(connection_arguments(settings, name="doctor", role=APP_ROLE)["options"])
    pairs = [word.partition("=") for word in words if word != "-c"]
    return {name: value for name, _, value in pairs}
