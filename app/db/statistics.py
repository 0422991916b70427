"""ANALYZE for tables that have grown fast, so that PostgreSQL's plans fit their size.

Autovacuum checks a database once a minute at most; until then a plan for a fast-growing table uses the statistics of
an empty one.
"""

import logging
from time import monotonic

from app.db.connections import Connection, Pool, lend_connection
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "statistics.sql")
log = logging.getLogger(__name__)

#: Changed rows below which a table is left alone: small tables are fast with any plan.
LEAST_ROWS = 500
#: Seconds between two rounds over the nodes of Citus. A round opens a session on each node.
NODES_EVERY_S = 15.0


class TableAnalyzer:
    """Runs ANALYZE on tables that have doubled, before autovacuum does."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked_at = float("-inf")

    def run_once(self) -> int:
        """Analyze every table that has doubled; return how many."""
        with lend_connection(self._pool) as connection:
            if connection.is_distributed and monotonic() < self._asked_at + NODES_EVERY_S:
                return 0
            self._asked_at = monotonic()
            analyzed = _analyze_changed_tables(connection)
        if analyzed:
            log.info("analyzed", extra={"tables": analyzed})
        return analyzed


def _analyze_changed_tables(connection: Connection) -> int:
    query = QUERIES["analyze_on_nodes" if connection.is_distributed else "analyze_changed_tables"]
    (row,) = connection.execute(query, {"least": LEAST_ROWS}).fetchall()
    analyzed: int = row["analyzed"]
    return analyzed
