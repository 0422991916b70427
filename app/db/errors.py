"""One rule for every error: wait for PostgreSQL or the broker, refuse the request, or report a bug.

A file of its own, because connections, transactions, web, workers and the command line all use it.
"""

from enum import StrEnum
from typing import LiteralString

import psycopg
from psycopg import errors as postgres

from app.db import connect_failures
from app.errors import (
    CONNECTION_REFUSED,
    NO_ANSWER,
    DatabaseRefuses,
    DatabaseUnavailable,
    Rejected,
    ResolutionUnsettled,
    ServerUnavailable,
    WorkspaceClosed,
)


class Response(StrEnum):
    """What to do about an error."""

    #: The server cannot or will not do it now: wait and repeat. Web answers 503; no attempt is counted against a job,
    #: unless another transaction was in the way (CONTENTION_ERRORS).
    WAIT = "wait"
    #: The request or the job itself cannot succeed: web answers 400, and the attempt is counted against the job.
    REFUSE = "refuse"
    #: Our own mistake: web answers 500, the attempt is counted against the job, and a service pauses longer each time.
    BUG = "bug"


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

#: SQLSTATEs, or their beginnings, whose response is not WAIT; the longest that matches decides. Every other SQLSTATE
#: is the server's: it lost the connection, is read-only, full, stopping, without a right, table or column, or has a
#: code that no one foresaw. Waiting loses nothing then.
BY_SQLSTATE = {
    "22": Response.REFUSE,  # a value that its type cannot hold
    "54": Response.REFUSE,  # more than PostgreSQL's limits allow, such as the size of an index entry
    "21": Response.BUG,  # a subquery with too many rows
    "23": Response.BUG,  # rows that a constraint forbids
    "23505": Response.WAIT,  # RETRYABLE_ERRORS
    "27": Response.BUG,  # a trigger that changes the row of its statement
    "42601": Response.BUG,  # a statement that is not SQL
    "44": Response.BUG,  # a row that a view forbids
    "P0": Response.BUG,  # an error that a function raises
}
#: Errors without a SQLSTATE, which psycopg and Mergelane raise; the first that matches decides, and others are bugs.
BY_TYPE: tuple[tuple[type[Exception], Response], ...] = (
    (ServerUnavailable, Response.WAIT),
    (ResolutionUnsettled, Response.WAIT),
    (Rejected, Response.REFUSE),
    (psycopg.OperationalError, Response.WAIT),
    (psycopg.DataError, Response.REFUSE),
    # An answer that does not fit the statement, as from a pooler whose server was stopped.
    (psycopg.InternalError, Response.WAIT),
)
#: SQLSTATEs, or their beginnings, of a server that does not answer: connection lost, starting up or shutting down, and
#: a session that PostgreSQL ended because this process stayed idle inside a transaction.
NO_ANSWER_STATES = ("08", "57P", "25P03")
#: The SQLSTATE of refuse_closed_workspace() and protect_closed_workspace().
WORKSPACE_CLOSED = "ML503"
#: Causes of a refusal in words.
CAUSES: dict[LiteralString, LiteralString] = {
    "0A000": "a prepared statement is older than its table",
    "25006": "the server is read-only",
    "42501": "the role lacks a privilege",
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53300": "it has no free connection",
}


def response_to(error: BaseException) -> Response:
    """Return what to do about *error*."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, psycopg.Error) and state is not None:
        lengths = range(len(state), 1, -1)
        return next((BY_SQLSTATE[state[:length]] for length in lengths if state[:length] in BY_SQLSTATE), Response.WAIT)
    return next((response for kind, response in BY_TYPE if isinstance(error, kind)), Response.BUG)


def is_unavailable(error: psycopg.Error) -> bool:
    """Return whether *error* means that PostgreSQL is away or refuses work, not that a transaction was in the way."""
    return response_to(error) is Response.WAIT and not isinstance(error, CONTENTION_ERRORS + RETRYABLE_ERRORS)


def to_unavailable(error: psycopg.Error) -> DatabaseUnavailable:
    """Return an error to wait for as one of Mergelane's, whose message is the cause without values."""
    state = error.sqlstate
    if state is None or state.startswith(NO_ANSWER_STATES):
        reason = connect_failures.last_reason() if state is None else None
        if reason is None:
            message = "PostgreSQL does not answer; try again in a few seconds."
            return DatabaseUnavailable(message, cause=state or NO_ANSWER)
        message = f"PostgreSQL refuses connections ({reason}); try again in a few seconds."
        return DatabaseUnavailable(message, cause=CONNECTION_REFUSED)
    if state == WORKSPACE_CLOSED:
        return WorkspaceClosed(error.diag.message_primary or "The workspace is closed.", cause=state)
    name = type(error).__name__
    if isinstance(error, CONTENTION_ERRORS + RETRYABLE_ERRORS):
        return DatabaseUnavailable(f"PostgreSQL is too busy ({name}); try again in a few seconds.", cause=state)
    cause = f"{CAUSES[state]}, " if state in CAUSES else ""
    return DatabaseRefuses(
        f"PostgreSQL refuses work ({cause}SQLSTATE {state} {name}); try again in a few seconds.", cause=state
    )
