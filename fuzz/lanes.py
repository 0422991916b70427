"""A worker without Celery: it claims the waiting jobs of the ledger and runs them in this process."""

from collections.abc import Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.dispatch import claim_lanes, mark_jobs_published, workspaces_with_pending_lanes

#: Maximum number of lanes claimed at a time.
CLAIM = 100


class Worker:
    """Runs every waiting lane, one workspace after another."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self.pool = pool
        self._settings = settings

    def work(self) -> None:
        """Run lanes until no further lane can be claimed."""
        while sum(map(self._run_lanes, self._waiting())):
            pass

    def _run_lanes(self, workspace_id: int) -> int:
        """Run a workspace's lanes; return their number."""
        lanes = self._claim(workspace_id)
        for job_ids in lanes:
            self.run(workspace_id, job_ids)
        return len(lanes)

    def run(self, workspace_id: int, job_ids: Sequence[UUID]) -> None:
        """Run one message with these jobs."""
        lane = Lane(workspace_id=workspace_id, job_ids=job_ids, task_id=uuid7())
        execute_lane(self.pool, self._settings, lane)

    def _waiting(self) -> list[int]:
        """Return the workspaces with a waiting lane."""
        with lend_connection(self.pool) as connection:
            return [each.id for each in workspaces_with_pending_lanes(connection)]

    def _claim(self, workspace_id: int) -> list[tuple[UUID, ...]]:
        """Return a workspace's waiting lanes, marked as published, like lanes of the relay."""

        def work(tx: Transaction) -> list[tuple[UUID, ...]]:
            lanes = claim_lanes(tx, limit=CLAIM).lanes
            tasks = {uuid7(): job_ids for job_ids in lanes}
            mark_jobs_published(tx, tasks=tasks)
            return lanes

        return run_in_transaction(self.pool, workspace_id, work)
