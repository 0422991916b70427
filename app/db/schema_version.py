"""The schema's revision: which one this code needs, which one the database has, and whether they fit.

A schema expands first and contracts in a later release, so code runs on the revision that it needs and on newer ones.
New code needs the migration first; old processes keep running meanwhile. This module does not import Alembic, which
costs a process two seconds and 24 MB.
"""

import logging
import re
from importlib import resources
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app.config import Settings
from app.database_url import connection_failure
from app.db import roles
from app.db.clock import SERVER_CLOCK, ClockWarning
from app.db.connections import Connection, connection_arguments
from app.db.errors import Response, response_to, to_unavailable
from app.db.queries import load_queries
from app.errors import SetupError

LOG = logging.getLogger(__name__)

QUERIES = load_queries(__package__, "revisions.sql")
VERSION = re.compile(r"(\d{4})_\w+\.py")
#: The oldest revision that this version can migrate from.
OLDEST = "0023"


def required_revision() -> str:
    """Return the revision that this code needs, which is its newest."""
    versions = (resources.files(__package__) / "migrations" / "versions").iterdir()
    return max(match[1] for match in (VERSION.fullmatch(version.name) for version in versions) if match)


def current_revision(connection: psycopg.Connection[Any]) -> str | None:
    """Return the revision of the database, or None for a database without our schema."""
    try:
        # A missing table aborts only this inner transaction.
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(QUERIES["read_revision"]).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])


def explain_too_old(revision: str | None) -> str | None:
    """Return a sentence with the way out if this version cannot migrate from *revision*, or None if it can."""
    if revision is None or revision >= OLDEST:
        return None
    return (
        f"The schema is at revision {revision}, and this version of Mergelane can migrate only from {OLDEST} and later."
        f' Migrate to {OLDEST} with an older version first: see "Migrations" in docs/operations.md.'
    )


def explain_newer(revision: str | None) -> str | None:
    """Return a sentence if the schema at *revision* is newer than this version, which then migrates nothing."""
    if revision is None or revision <= required_revision():
        return None
    return f"The schema is at revision {revision}, newer than this version. Nothing to do."


def find_mismatch(revision: str | None) -> str | None:
    """Return a sentence that says why this code cannot run on a schema at *revision*, or None if it can."""
    if revision is not None and revision >= required_revision():
        return None
    if sentence := explain_too_old(revision):
        return sentence
    found = "The database has no schema" if revision is None else f"The schema is at revision {revision}"
    return f"{found}, and this version of Mergelane needs {required_revision()}; run `mergelane migrate` first."


def require_schema(settings: Settings) -> None:
    """Raise SetupError if the schema is older than this code needs, or the processes' role cannot be used.

    A process also starts while the database is away or refuses work, without this check, and waits for it as at any
    other time.
    """
    if not settings.database_url:
        raise SetupError("DATABASE_URL is not set; set it, or start everything with `mergelane up`.")
    arguments = connection_arguments(settings, name="start")
    try:
        with Connection.connect(settings.database_url, **arguments) as connection:
            ClockWarning().differ(SERVER_CLOCK.read(connection))
            sentence = find_mismatch(current_revision(connection)) or _role_fault(connection)
    except psycopg.Error as error:
        if response_to(error) is not Response.WAIT:
            raise
        cause = connection_failure(error) if error.sqlstate is None else ""
        LOG.warning("schema_not_checked", extra={"reason": str(to_unavailable(error)), "cause": cause})
        return
    if sentence is not None:
        raise SetupError(sentence)


def _role_fault(connection: psycopg.Connection[Any]) -> str | None:
    """Return the sentence that says why processes cannot work under their role; None when they can."""
    found = roles.find_role_fault(connection)
    return None if found is None else f"{'; '.join(found)}."
