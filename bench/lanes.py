"""Lanes of one job that run in this process: the time of a merge without API, relay and broker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool, open_pool
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.accept import AcceptedBatch
from app.ledger.queries import read_batch
from app.undo import accept
from bench.errors import BenchError
from bench.ground import Ground
from bench.world import WORKSPACE_ID, run_query
from schemas.outcomes import Outcome

Wire = Mapping[str, Any]


class Lanes:
    """Runs lanes on one database, with connections like those of workers."""

    def __init__(self, connection: Connection, pool: Pool, settings: Settings) -> None:
        self.connection = connection
        self._pool = pool
        self._settings = settings

    def merge(self, *, orphan: Wire, survivor: Wire, job_id: UUID | None = None) -> float:
        """Merge *orphan* into *survivor*; return the seconds of the lane. The caller checks the outcome later."""
        job_id = job_id or uuid7()
        values = {"id": job_id, "batch_id": uuid7(), "orphan": Jsonb(orphan), "survivor": Jsonb(survivor)}
        run_query(self.connection, "plant_job", {"workspace_id": WORKSPACE_ID, **values})
        return self._run(job_id)

    def undo(self, merge_id: UUID) -> float:
        """Undo the merge *merge_id*; return the seconds of the lane. Raises BenchError unless it was undone."""
        accepted = run_in_transaction(self._pool, WORKSPACE_ID, partial(_accept, merge_id=merge_id))
        with open_transaction(self._pool, WORKSPACE_ID) as tx:
            batch = read_batch(tx, batch_id=accepted.batch_id)
        took = self._run(batch.jobs[0].id)
        with open_transaction(self._pool, WORKSPACE_ID) as tx:
            (undone,) = read_batch(tx, batch_id=accepted.batch_id).jobs
        if undone.outcome is not Outcome.UNDONE:
            raise BenchError(f"The outcome of an undo is {undone.outcome} instead of undone: {undone.reason}")
        return took

    def _run(self, job_id: UUID) -> float:
        """Run a lane of the job *job_id*; return the seconds that it took."""
        lane = Lane(workspace_id=WORKSPACE_ID, job_ids=[job_id], task_id=uuid7())
        began = perf_counter()
        execute_lane(self._pool, self._settings, lane)
        return perf_counter() - began


@contextmanager
def lanes(ground: Ground, database: str) -> Iterator[Lanes]:
    """Yield a runner of lanes on *database*."""
    settings = Settings(database_url=ground.url(database))
    with open_pool(settings, name="bench") as pool, ground.connect(database) as connection:
        ground.checkpoint()
        yield Lanes(connection, pool, settings)


def _accept(tx: Transaction, *, merge_id: UUID) -> AcceptedBatch:
    """Accept the undo of a merge in the caller's transaction, and return its batch."""
    request, _ = accept.undo_request_of_job(tx, job_id=merge_id)
    return accept.accept_undo(tx, request, api_key_id=None, path=f"/merge/jobs/{merge_id}/undo")


def customer(number: int) -> Wire:
    """Return the identifier of the survivor *number*."""
    return {"external_id": f"customer-{number}"}
