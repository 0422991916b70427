"""The schema's revision: which one this code needs, which one the database has, and whether they fit.

A schema expands first and contracts in a later release, so code runs on the revision that it needs and on newer ones.
New code waits for the migration; old processes keep running meanwhile. This module does not import Alembic, which
costs a process two seconds and 24 MB.
"""

import re
from importlib import resources
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app.db.queries import load_queries

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
