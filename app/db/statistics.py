"""ANALYZE for tables that have grown fast, so that PostgreSQL's plans fit their size.

Autovacuum checks a database once a minute at most; until then a plan for a fast-growing table uses the statistics of
an empty one.
"""

import logging

from app.db.connections import Connection, Pool, lend_connection
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "statistics.sql")
log = logging.getLogger(__name__)

#: Changed rows below which a table is left alone: small tables are fast with any plan.
LEAST_ROWS = 500


class TableAnalyzer:
    """Runs ANALYZE on tables that have doubled, before autovacuum does."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def run_once(self) -> int:
        """Analyze every table that has doubled; return how many."""
        with lend_connection(self._pool) as connection:
            analyzed = _analyze_changed_tables(connection)
        if analyzed:
            log.info("analyzed", extra={"tables": analyzed})
        return analyzed


def _analyze_changed_tables(connection: Connection) -> int:
    (row,) = connection.execute(QUERIES["analyze_changed_tables"], {"least": LEAST_ROWS}).fetchall()
    analyzed: int = row["analyzed"]
    return analyzed
