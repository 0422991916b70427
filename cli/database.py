"""One database connection for a command that runs once and ends, shared by commands, `mergelane up` and the doctor."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from app.config import Settings
from app.database_url import connection_failure
from app.db.connections import Connection, connection_arguments
from app.db.distribution import find_distribution_fault
from app.db.errors import Response, response_to, to_unavailable
from app.errors import DatabaseUnavailable, SetupError

#: Undoes what a pooler has set for the processes, and repeats what it drops of this connection's options.
AS_OWNER = ("SET LOCAL ROLE NONE", "SET LOCAL row_security = off")
#: The same for a whole session. Its lock_timeout is that of a migration: other sessions queue behind each lock.
WHOLE_SESSION = (
    "SET ROLE NONE; SET row_security = off; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
    " SET lock_timeout = '500ms'"
)
BACKEND = "SELECT pg_backend_pid() AS pid"


@contextmanager
def connected(settings: Settings, database_url: str, *, name: str) -> Iterator[Connection]:
    """Open a transaction on *database_url*, and commit it at the end.

    Raises DatabaseUnavailable when the connection fails or PostgreSQL refuses work. Raises SetupError when
    *database_url* is invalid, when DATABASE_DISTRIBUTED is wrong, or when its user does not own the tables: such a user
    may not see every row.
    """
    conn = _connect(settings, database_url, name=name)
    with _explained(settings, database_url), conn, conn.transaction():
        for statement in AS_OWNER:
            conn.execute(statement, prepare=False)
        yield conn


@contextmanager
def session(
    settings: Settings, database_url: str, *, name: str, given_by: str = "DATABASE_URL"
) -> Iterator[Connection]:
    """Open a connection on *database_url* for many transactions without time limits, as the owner of the tables.

    Raises the errors of `connected`, which name the variable or option *given_by*, and SetupError behind a pooler that
    lends the session to others in between.
    """
    conn = _connect(settings, database_url, name=name, given_by=given_by)
    with _explained(settings, database_url if given_by == "DATABASE_URL" else None), conn:
        conn.execute(WHOLE_SESSION, prepare=False)
        (row,) = conn.execute(BACKEND, prepare=False).fetchall()
        if row["pid"] != conn.info.backend_pid:
            raise SetupError(f"{given_by} leads to a pooler; use the address of PostgreSQL itself for this command.")
        yield conn


def _connect(settings: Settings, database_url: str, *, name: str, given_by: str = "DATABASE_URL") -> Connection:
    try:
        return Connection.connect(database_url, **connection_arguments(settings, name=name, database_url=database_url))
    except ValueError as error:
        raise SetupError(f"{given_by}: {error}") from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise DatabaseUnavailable(
            f"Cannot connect to the database: {connection_failure(error)}. Check that it runs, and check {given_by}."
        ) from None


@contextmanager
def _explained(settings: Settings, database_url: str | None) -> Iterator[None]:
    """Raise what PostgreSQL refuses to a command as one of Mergelane's errors.

    Citus refuses statements if DATABASE_DISTRIBUTED does not fit the database at *database_url*. The error says so.
    """
    try:
        yield
    except psycopg.errors.FeatureNotSupported as error:
        fault = None if database_url is None else _read_distribution_fault(settings, database_url)
        if fault is None:
            raise to_unavailable(error) from None
        raise SetupError(" ".join(fault)) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(
            f"PostgreSQL refuses a statement to the user in DATABASE_URL ({error.diag.message_primary}). Use the user"
            " that owns the tables."
        ) from error
    except psycopg.Error as error:
        if response_to(error) is not Response.WAIT:
            raise
        raise to_unavailable(error) from None


def _read_distribution_fault(settings: Settings, database_url: str) -> tuple[str, str] | None:
    with _connect(settings, database_url, name="check") as conn:
        return find_distribution_fault(conn, settings)


def require_database(settings: Settings, database_url: str) -> None:
    """Raise DatabaseUnavailable unless PostgreSQL answers a query at *database_url*."""
    with connected(settings, database_url, name="check") as connection:
        connection.execute("SELECT 1")
