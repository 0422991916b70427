"""One connection to the database, for commands that run once and end."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from app.config import Settings
from app.db import Connection, connection_arguments
from app.errors import DatabaseUnavailable


@contextmanager
def connected(settings: Settings, database_url: str, *, name: str) -> Iterator[Connection]:
    """Lend a connection to *database_url* in one transaction, committed at the end.

    Raises DatabaseUnavailable when PostgreSQL does not answer or *database_url* cannot be read.
    """
    try:
        conn = Connection.connect(database_url, **connection_arguments(settings, name=name))
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DatabaseUnavailable(
            f"Cannot connect to the database: {reason}. Does it run, and is DATABASE_URL right?"
        ) from None
    with conn, conn.transaction():
        yield conn


def require_answer(settings: Settings, database_url: str) -> None:
    """Raise DatabaseUnavailable unless PostgreSQL answers at *database_url*."""
    with connected(settings, database_url, name="check") as connection:
        connection.execute("SELECT 1")
