"""Searches all data that PostgreSQL stores for a value: every table, and the statistics of columns and indexes."""

from typing import Any

import psycopg
from psycopg import sql

#: Statistics: most common values, bounds of histograms, and elements of arrays.
STATISTICS = ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs")


def find_traces(connection: psycopg.Connection[Any], pattern: str) -> dict[str, list[str]]:
    """Return the rows with text that matches the regular expression *pattern*, by table."""
    tables = connection.execute(
        "SELECT table_name AS name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ).fetchall()
    found = {}
    for name in (*(row["name"] for row in tables), *STATISTICS):
        query = sql.SQL("SELECT whole::text AS row FROM {} AS whole WHERE whole::text ~* %s").format(
            sql.Identifier(name)
        )
        if rows := [row["row"] for row in connection.execute(query, [pattern])]:
            found[name] = rows
    return found
