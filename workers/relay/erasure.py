"""Completes erasures: deletes long histories in short transactions, and certifies what is complete."""

import logging
from time import monotonic

from app.db.connections import Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.users import erasures

log = logging.getLogger(__name__)

#: Rows of history that one transaction deletes.
CHUNK = 10_000
#: Seconds between two replacements of the statistics, which read up to 30,000 rows of each table.
STATISTICS_EVERY_S = 600.0


class Eraser:
    """Takes each erasure a step further."""

    def __init__(self, pool: Pool, *, chunk: int = CHUNK, statistics_every_s: float = STATISTICS_EVERY_S) -> None:
        self._pool = pool
        self._chunk = chunk
        self._statistics_every_s = statistics_every_s
        self._renewed_at: float | None = None

    def run_once(self) -> int:
        """Take a step in every workspace with an erasure; return the number of steps that had an effect."""
        with lend_connection(self._pool) as connection:
            workspaces = erasures.list_workspaces_with_erasures(connection)
        steps = 0
        for workspace_id in workspaces:
            steps += run_in_transaction(
                self._pool, workspace_id, erasures.delete_history_chunk, limit=self._chunk
            ) + run_in_transaction(self._pool, workspace_id, erasures.blank_ended_jobs)
        return steps or self._certify(workspaces)

    def _certify(self, workspaces: list[int]) -> int:
        """Replace the statistics and certify the erasures that were empty before; return their number."""
        if self._renewed_at is not None and monotonic() < self._renewed_at + self._statistics_every_s:
            return 0
        emptied = {
            workspace_id: found
            for workspace_id in workspaces
            if (found := run_in_transaction(self._pool, workspace_id, erasures.list_emptied))
        }
        if not emptied:
            return 0
        with lend_connection(self._pool) as connection:
            erasures.renew_statistics(connection)
        certified = sum(
            run_in_transaction(self._pool, workspace_id, erasures.certify, erasure_ids=found)
            for workspace_id, found in emptied.items()
        )
        if all(len(found) < erasures.MAX_ERASURES for found in emptied.values()):
            self._renewed_at = monotonic()
        log.info("erasures_completed", extra={"erasures": certified})
        return certified
