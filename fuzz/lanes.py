"""A worker without Celery: what waits in the ledger is claimed and run in this very process."""

from uuid import UUID

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.dispatch import claim_lanes, mark_jobs_published, workspaces_with_pending_lanes

#: Lanes that are claimed at a time.
CLAIM = 100


class Worker:
    """Runs every lane that waits, whole workspaces at a time."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings

    def work(self) -> None:
        """Run lanes until none waits."""
        while workspaces := self._waiting():
            for workspace_id in workspaces:
                for job_ids in self._claim(workspace_id):
                    lane = Lane(workspace_id=workspace_id, job_ids=job_ids, task_id=uuid7())
                    execute_lane(self._pool, self._settings, lane)

    def _waiting(self) -> list[int]:
        """Return the workspaces that have a lane waiting."""
        with lend_connection(self._pool) as connection:
            return workspaces_with_pending_lanes(connection)

    def _claim(self, workspace_id: int) -> list[tuple[UUID, ...]]:
        """Return a workspace's waiting lanes, marked as the relay marks them."""

        def work(tx: Transaction) -> list[tuple[UUID, ...]]:
            lanes = claim_lanes(tx, limit=CLAIM).lanes
            tasks = {uuid7(): job_ids for job_ids in lanes}
            mark_jobs_published(tx, tasks=tasks)
            return lanes

        return run_in_transaction(self._pool, workspace_id, work)
