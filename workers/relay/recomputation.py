"""Recomputes stored comparison keys after an upgrade that changed how addresses compare."""

from app.db.connections import Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.profiles.recomputation import recompute_batch, workspaces_to_recompute

#: Profiles that one transaction reads. It locks the profiles with a key that changes.
BATCH = 500


class Recomputer:
    """Recomputes a batch of each workspace with an unfinished recomputation."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def run_once(self) -> int:
        """Recompute a batch of every such workspace; return how many profiles were read."""
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_to_recompute(connection)
        return sum(run_in_transaction(self._pool, each, recompute_batch, limit=BATCH) for each in workspaces)
