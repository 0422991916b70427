"""A message that arrives after its job was requeued."""

from uuid import uuid4

from app.db.connections import Pool
from app.db.transaction import run_in_transaction
from app.ledger import execution
from app.ledger.dispatch import claim_lanes, rescue_stranded_jobs
from tests.support.factories import Factory, ext


def test_a_job_begun_by_a_late_message_is_rescued_when_that_worker_dies_too(factory: Factory, pool: Pool) -> None:
    job_id = factory.job(ext("a"), ext("b"))
    workspace_id = factory.workspace_id

    run_in_transaction(pool, workspace_id, execution.begin_attempts, job_ids=[job_id], task_id=uuid4())
    limits = {"after_s": 0, "max_stalled_attempts": 5, "limit": 10}
    rescued = run_in_transaction(pool, workspace_id, rescue_stranded_jobs, **limits)
    lanes = run_in_transaction(pool, workspace_id, claim_lanes, limit=10).lanes

    assert rescued.queued == 1
    assert lanes == [(job_id,)]
