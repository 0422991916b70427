"""A message that comes after its job was put back."""

from uuid import uuid4

from app.db import Pool, in_transaction
from app.ledger import work
from app.ledger.claiming import claim, rescue_stranded
from tests.support.factories import Factory, ext


def test_a_job_begun_by_a_late_message_is_rescued_when_that_worker_dies_too(factory: Factory, pool: Pool) -> None:
    job_id = factory.job(ext("a"), ext("b"))
    ids = {"workspace_id": factory.workspace_id}

    in_transaction(pool, lambda connection: work.begin(connection, **ids, job_ids=[job_id], task_id=uuid4()))
    limits = {"after_s": 0, "max_strandings": 5, "limit": 10}
    rescued = in_transaction(pool, lambda connection: rescue_stranded(connection, **ids, **limits))
    lanes = in_transaction(pool, lambda connection: claim(connection, **ids, limit=10))

    assert rescued.queued == 1
    assert lanes == [(job_id,)]
