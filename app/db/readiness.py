"""Whether PostgreSQL takes work: the check of `/health/ready`, of the metrics and of `mergelane doctor`."""

import psycopg
from psycopg import errors as postgres

from app.db.connections import Connection
from app.db.errors import to_unavailable
from app.db.queries import load_queries

QUERIES = load_queries("app.db", "readiness.sql")


def require_writable(connection: Connection) -> None:
    """Raise DatabaseUnavailable with the cause unless the server takes writes to the ledger.

    Any error of the server is one here: the query is known to be right.
    """
    try:
        (row,) = connection.execute(QUERIES["find_refusal"]).fetchall()
        if row["read_only"]:
            raise postgres.ReadOnlySqlTransaction
        if not row["writable"]:
            raise postgres.InsufficientPrivilege
    except psycopg.Error as error:
        raise to_unavailable(error) from error
