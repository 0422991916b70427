"""Sums the jobs of each minute, from which the console draws its charts."""

from app.db.connections import Pool, lend_connection
from app.ledger.sums import list_workspaces_to_sum, sum_workspace


class MinuteSummer:
    """Adds the minutes that have ended."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def run_once(self) -> int:
        """Add the missing minutes of each workspace; return 0: the next round finds nothing at once."""
        with lend_connection(self._pool) as connection:
            workspaces = list_workspaces_to_sum(connection)
        for workspace_id, until in workspaces:
            sum_workspace(self._pool, workspace_id, until=until)
        return 0
