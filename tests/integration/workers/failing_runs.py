"""Runs that are paused because their jobs fail, and resumed."""

from uuid import UUID

from app.audit.log import Actor
from app.db.connections import Pool
from app.db.transaction import run_in_transaction
from app.ledger.run_pause import pause_failing_runs
from app.ledger.runs import create_run
from app.queue.run_pause import resume_merge_run
from schemas.failure_limits import FailureLimit
from schemas.outcomes import RunKind
from tests.support.factories import Factory


def run_of(pool: Pool, factory: Factory, job_ids: list[UUID]) -> UUID:
    """Return a run with a limit of no failure, which has the batches of these jobs."""

    def create() -> UUID:
        return run_in_transaction(
            pool,
            factory.workspace_id,
            lambda tx: create_run(
                tx, kind=RunKind.CLIENT, max_failures=FailureLimit(number=0), api_key_id=None, request_id=None
            ),
        )

    run_id = create()
    query = (
        "UPDATE batch SET run_id = %s WHERE workspace_id = %s AND id IN (SELECT batch_id FROM job WHERE id = ANY(%s))"
    )
    factory.connection.execute(query, [run_id, factory.workspace_id, job_ids])
    return run_id


def pause_run(pool: Pool, factory: Factory, run_id: UUID) -> None:
    assert run_in_transaction(pool, factory.workspace_id, pause_failing_runs, {run_id: {"dead": 1}})


def resume_run(pool: Pool, factory: Factory, run_id: UUID) -> None:
    actor = Actor(api_key_id=None, request_id=None, path="/merge/runs")
    run_in_transaction(pool, factory.workspace_id, resume_merge_run, run_id=run_id, change={}, actor=actor)
