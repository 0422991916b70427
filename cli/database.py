"""One database connection for a command that runs once and ends, shared by commands, `mergelane up` and the doctor."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from app.config import Settings
from app.database_url import connection_failure
from app.db.connections import Connection, connection_arguments
from app.db.errors import Response, response_to, to_unavailable
from app.errors import DatabaseUnavailable, SetupError

#: Undoes what a pooler has set for the processes, and repeats what it drops of this connection's options.
AS_OWNER = ("SET LOCAL ROLE NONE", "SET LOCAL row_security = off")


@contextmanager
def connected(settings: Settings, database_url: str, *, name: str) -> Iterator[Connection]:
    """Open a transaction on *database_url*, and commit it at the end.

    Raises DatabaseUnavailable when the connection fails, PostgreSQL refuses work or *database_url* is invalid, and
    SetupError when its user does not own the tables: such a user may not see every row.
    """
    try:
        conn = Connection.connect(database_url, **connection_arguments(settings, name=name, database_url=database_url))
    except ValueError as error:
        raise SetupError(f"DATABASE_URL: {error}") from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise DatabaseUnavailable(
            f"Cannot connect to the database: {connection_failure(error)}. Check that it runs, and check DATABASE_URL."
        ) from None
    try:
        with conn, conn.transaction():
            for statement in AS_OWNER:
                conn.execute(statement, prepare=False)
            yield conn
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(
            f"PostgreSQL refuses a statement to the user in DATABASE_URL ({error.diag.message_primary}). Use the user"
            " that owns the tables."
        ) from error
    except psycopg.Error as error:
        if response_to(error) is not Response.WAIT:
            raise
        raise to_unavailable(error) from None


def require_database(settings: Settings, database_url: str) -> None:
    """Raise DatabaseUnavailable unless PostgreSQL answers a query at *database_url*."""
    with connected(settings, database_url, name="check") as connection:
        connection.execute("SELECT 1")
