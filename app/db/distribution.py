"""Whether Citus distributes the tables of the database, and whether DATABASE_DISTRIBUTED says so.

Connections need other settings then: see docs/adr/0061-one-set-of-statements.md.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app.config import Settings
from app.db.queries import load_queries
from app.db.session_settings import MEANING, planning

QUERIES = load_queries(__package__, "distribution.sql")

#: The two faults, each with its remedy.
NOT_SET = (
    "Citus distributes the tables of DATABASE_URL, but DATABASE_DISTRIBUTED is off: Citus refuses most statements.",
    "Set DATABASE_DISTRIBUTED=on for all processes.",
)
SET_WRONGLY = (
    "DATABASE_DISTRIBUTED is on, but the tables of DATABASE_URL are not distributed: their statements would be slow.",
    "Run `mergelane migrate --distribute`, or set DATABASE_DISTRIBUTED=off.",
)


def is_distributed(connection: psycopg.Connection[Any]) -> bool:
    """Return whether Citus distributes the tables."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(QUERIES["is_distributed"], prepare=False).fetchone()
    return bool(row and row[0])


def find_distribution_fault(connection: psycopg.Connection[Any], settings: Settings) -> tuple[str, str] | None:
    """Return how DATABASE_DISTRIBUTED and the database differ, and the remedy, or None."""
    distributed = is_distributed(connection)
    if distributed == settings.database_distributed:
        return None
    return NOT_SET if distributed else SET_WRONGLY


def role_settings(settings: Settings) -> Mapping[str, str]:
    """Return what `ALTER ROLE` gives the processes' role on a distributed database.

    The connections between its servers get no `options`. So a worker would wait for a lock without a limit, read times
    in its own zone, and plan by its own cost of pages.
    """
    return {
        "lock_timeout": str(settings.lock_timeout_ms),
        "TimeZone": MEANING["TimeZone"],
        "random_page_cost": planning(distributed=True)["random_page_cost"],
    }
