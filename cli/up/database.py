"""One connection to the database, for commands that run once and end."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from app.config import Settings
from app.db import Connection, connection_arguments
from app.errors import DatabaseUnavailable, SetupError


@contextmanager
def connected(settings: Settings, database_url: str, *, name: str) -> Iterator[Connection]:
    """Lend a connection to *database_url* in one transaction, committed at the end.

    Raises DatabaseUnavailable when PostgreSQL does not answer or *database_url* cannot be read, and SetupError when its
    user is not the one who owns the tables: such a user may not see every row.
    """
    try:
        conn = Connection.connect(database_url, **connection_arguments(settings, name=name))
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DatabaseUnavailable(
            f"Cannot connect to the database: {reason}. Does it run, and is DATABASE_URL right?"
        ) from None
    try:
        with conn, conn.transaction():
            yield conn
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(
            f"PostgreSQL refuses this to the user of DATABASE_URL ({error.diag.message_primary}); administer with that"
            " of the user who owns the tables."
        ) from error


def require_answer(settings: Settings, database_url: str) -> None:
    """Raise DatabaseUnavailable unless PostgreSQL answers at *database_url*."""
    with connected(settings, database_url, name="check") as connection:
        connection.execute("SELECT 1")
