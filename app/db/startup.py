"""What a process waits for when it starts: a database with a schema that is new enough, and its role.

Nothing ends because of the state of the database: an operator migrates it, or starts it, and all processes continue.
"""

import logging
from collections.abc import Callable
from threading import Event
from typing import TypeVar

import psycopg

from app.config import Settings
from app.database_url import connection_failure
from app.db.clock import SERVER_CLOCK, ClockWarning
from app.db.connections import Connection, connection_arguments
from app.db.distribution import find_distribution_fault
from app.db.errors import Response, response_to, to_unavailable
from app.db.roles import find_role_fault
from app.db.schema_version import current_revision, find_mismatch
from app.errors import DatabaseUnavailable, SetupError

LOG = logging.getLogger(__name__)

#: Seconds between two checks of a database that cannot be used yet.
PAUSE_S = 1.0

Result = TypeVar("Result")


class NotReady(SetupError):
    """The schema is older than this code needs, the role cannot be used, or DATABASE_DISTRIBUTED is wrong."""


def require_schema(settings: Settings) -> None:
    """Raise NotReady with the way out when the database cannot be used, or DatabaseUnavailable.

    Raises SetupError when DATABASE_URL is not set.
    """
    if not settings.database_url:
        raise SetupError("DATABASE_URL is not set; set it, or start everything with `mergelane up`.")
    try:
        with Connection.connect(settings.database_url, **connection_arguments(settings, name="start")) as connection:
            ClockWarning().differ(SERVER_CLOCK.read(connection))
            sentence = (
                find_mismatch(current_revision(connection))
                or _role_fault(connection)
                or _distribution_fault(connection, settings)
            )
    except psycopg.Error as error:
        raise _to_wait(error) from error
    if sentence is not None:
        raise NotReady(sentence)


def wait_for_schema(settings: Settings, *, process: str, stop: Event | None = None) -> None:
    """Wait until the schema is new enough, or *stop* is set. Log the cause once. Raises SetupError.

    A process also starts while the database is away or refuses work, without this check, and waits for it as at any
    other time.
    """

    def check() -> None:
        try:
            require_schema(settings)
        except DatabaseUnavailable as error:
            LOG.warning("schema_not_checked", extra={"reason": str(error), "cause": _connection_failure(error)})

    wait_until_ready(check, process=process, stop=stop)


def wait_until_ready(check: Callable[[], Result], *, process: str, stop: Event | None = None) -> Result | None:
    """Return the result of *check* when it neither raises NotReady nor finds the database away; None after *stop*.

    Logs `service_waiting` once for each cause.
    """
    stop, reason = stop or Event(), ""
    while not stop.is_set():
        try:
            result = check()
        except (NotReady, DatabaseUnavailable, psycopg.Error) as error:
            cause = _to_wait(error) if isinstance(error, psycopg.Error) else error
            if str(cause) != reason:
                details = {"service": process, "reason": str(cause), "cause": _connection_failure(error)}
                LOG.warning("service_waiting", extra=details)
            reason = str(cause)
            stop.wait(PAUSE_S)
            continue
        if reason:
            LOG.info("service_resumed", extra={"service": process})
        return result
    return None


def _connection_failure(error: BaseException | None) -> str:
    """Return why libpq could not connect; "" when it could, or PostgreSQL itself refused."""
    failure = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    return connection_failure(failure) if isinstance(failure, psycopg.Error) and not failure.sqlstate else ""


def _to_wait(error: psycopg.Error) -> Exception:
    """Return *error* as one to wait for, or itself when waiting does not help."""
    if response_to(error) is not Response.WAIT:
        raise error
    return to_unavailable(error)


def _distribution_fault(connection: Connection, settings: Settings) -> str | None:
    fault = find_distribution_fault(connection, settings)
    return None if fault is None else " ".join(fault)


def _role_fault(connection: psycopg.Connection[object]) -> str | None:
    """Return the sentence that says why processes cannot work under their role; None when they can."""
    found = find_role_fault(connection)
    return None if found is None else f"{'; '.join(found)}."
