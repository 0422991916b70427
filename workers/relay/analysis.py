"""Runs ANALYZE on tables that have grown fast, so that PostgreSQL's plans fit their size."""

import logging

from app.db.connections import Pool, lend_connection
from app.db.statistics import analyze_outgrown_tables

log = logging.getLogger(__name__)


class TableAnalyzer:
    """Runs ANALYZE on tables that have doubled, before autovacuum does."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def run_once(self) -> int:
        """Analyze every table that has doubled; return how many."""
        with lend_connection(self._pool) as connection:
            analyzed = analyze_outgrown_tables(connection)
        if analyzed:
            log.info("analyzed", extra={"tables": analyzed})
        return analyzed
