"""Which errors of PostgreSQL are contention, which can be retried, and which mean that it is unavailable.

A file of its own, because connections, transactions, web and workers all use it.
"""

import psycopg
from psycopg import errors as postgres

#: PostgreSQL ended the statement in favour of another transaction, or at its time limit.
CONTENTION_ERRORS = (
    postgres.DeadlockDetected,
    postgres.LockNotAvailable,
    postgres.QueryCanceled,
    postgres.SerializationFailure,
)
#: The same transaction may succeed when it is repeated.
#: A unique violation is one of them: another transaction took an identifier between our read and our write.
RETRYABLE_ERRORS = (
    postgres.DeadlockDetected,
    postgres.LockNotAvailable,
    postgres.SerializationFailure,
    postgres.UniqueViolation,
)
#: SQLSTATE classes of an unavailable server: connection lost, out of connections, shutting down or starting up; and
#: of a session that PostgreSQL ended because this process stayed idle inside a transaction.
UNAVAILABLE_STATES = ("08", "53", "57P", "25P03")


def is_unavailable(error: psycopg.Error) -> bool:
    """Return whether *error* means that PostgreSQL is unavailable, not that it refused or cancelled a statement."""
    return error.sqlstate is None or error.sqlstate.startswith(UNAVAILABLE_STATES)
