"""Revisions of the schema: which one this code needs, which one the database is at, and whether the two go together.

Schemas grow first and shrink later (expand, then contract): code runs on the schema that it needs and on newer ones, so
that migrations come before the processes and old processes go on meanwhile. Alembic is left out of this: importing it
costs a process two seconds and 24 MB.
"""

import logging
import re
from importlib import resources
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app.db import roles
from app.config import Settings
from app.db import connection_arguments, load_queries
from app.errors import SetupError

LOG = logging.getLogger(__name__)

QUERIES = load_queries(__package__, "revisions.sql")
VERSION = re.compile(r"(\d{4})_\w+\.py")


def needed() -> str:
    """Return the revision that this code needs: the newest that it brings."""
    versions = (resources.files(__package__) / "migrations" / "versions").iterdir()
    return max(match[1] for match in (VERSION.fullmatch(version.name) for version in versions) if match)


def current(connection: psycopg.Connection[Any]) -> str | None:
    """Return the revision that the database is at, or None for one without our schema."""
    try:
        # In a transaction of its own, so that one around it survives a table that there is not.
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(QUERIES["revision"]).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])


def fault(revision: str | None) -> str | None:
    """Return the sentence that says why this code cannot run on a schema at *revision*; None when it can."""
    if revision is not None and revision >= needed():
        return None
    stands = "The database has no schema" if revision is None else f"The schema is at revision {revision}"
    return f"{stands}, and this version of Mergelane needs {needed()}; run `mergelane migrate` first."


def require(settings: Settings) -> None:
    """Raise SetupError when the database answers and its schema is older than this code needs, or its role not there.

    While it does not answer nothing can be told, and the process starts all the same: it waits for the database as it
    would at any other time.
    """
    if not settings.database_url:
        raise SetupError("DATABASE_URL is not set; set it, or start everything with `mergelane up`.")
    arguments = connection_arguments(settings, name="start")
    try:
        with psycopg.connect(settings.database_url, **arguments) as connection:
            sentence = fault(current(connection)) or _role_fault(connection)
    except psycopg.OperationalError:
        LOG.warning("PostgreSQL does not answer yet, so that the schema's revision could not be checked")
        return
    if sentence is not None:
        raise SetupError(sentence)


def _role_fault(connection: psycopg.Connection[Any]) -> str | None:
    """Return the sentence that says why processes cannot work under their role; None when they can."""
    found = roles.fault(connection)
    return None if found is None else f"{'; '.join(found)}."
