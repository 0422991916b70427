"""A message that comes after its job was put back."""

from uuid import uuid4

from app.db import Pool, in_transaction
from app.ledger import execution
from app.ledger.dispatch import claim, rescue_stranded
from tests.support.factories import Factory, ext


def test_a_job_begun_by_a_late_message_is_rescued_when_that_worker_dies_too(factory: Factory, pool: Pool) -> None:
    job_id = factory.job(ext("a"), ext("b"))
    ids = {"workspace_id": factory.workspace_id}

    in_transaction(pool, lambda inside: execution.begin(inside, **ids, job_ids=[job_id], task_id=uuid4()), **ids)
    limits = {"after_s": 0, "max_strandings": 5, "limit": 10}
    rescued = in_transaction(pool, lambda inside: rescue_stranded(inside, **ids, **limits), **ids)
    lanes = in_transaction(pool, lambda inside: claim(inside, **ids, limit=10), **ids).lanes

    assert rescued.queued == 1
    assert lanes == [(job_id,)]
