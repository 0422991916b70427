"""Analysis: what PostgreSQL knows of tables that grow fast is kept up with, so that its plans stay right."""

import logging

from app.db.connections import Pool, lend_connection
from app.db.statistics import analyze_outgrown_tables

log = logging.getLogger(__name__)


class Analyst:
    """Has outgrown tables counted anew, long before autovacuum comes round to it."""

    def __init__(self, pool: Pool) -> None:
        """Look after the tables behind *pool*."""
        self._pool = pool

    def run_once(self) -> int:
        """Have every outgrown table counted; return how many there were."""
        with lend_connection(self._pool) as connection:
            analyzed = analyze_outgrown_tables(connection)
        if analyzed:
            log.info("analyzed", extra={"tables": analyzed})
        return analyzed
