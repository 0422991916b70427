"""The reads of pruning depend on its deletions, and not on the rest of the ledger or on statistics."""

from datetime import timedelta

import pytest

from app.db.connections import Connection, Pool
from app.db.transaction import open_transaction
from app.ledger.pruning import prune_batches
from tests.integration.ledger.test_claiming_cost import FILL, ROWS_READ
from tests.support.factories import Factory

#: The jobs that a chunk ends with. Their batches have ten jobs each.
LIMIT = 50
#: A probe of the batch of each job, and what the deletion reads: a fifth of the ledger.
MOST_READ = 2_000


@pytest.mark.parametrize("analyzed", ["before", "afterwards"])
@pytest.mark.parametrize(("age_days", "some"), [(-1.0, True), (1.0, False)], ids=["all are old", "none is old"])
def test_a_chunk_costs_the_same_for_any_number_of_kept_jobs(
    connection: Connection, pool: Pool, factory: Factory, analyzed: str, age_days: float, some: bool
) -> None:
    scope = {"workspace_id": factory.workspace_id}
    if analyzed == "before":
        connection.execute(FILL, {**scope, "state": "queued", "outcome": None})
        connection.execute("ANALYZE job, batch")
        connection.execute("DELETE FROM batch WHERE workspace_id = %(workspace_id)s", scope)
    connection.execute(FILL, {**scope, "state": "finished", "outcome": "same_profile"})
    if analyzed == "afterwards":
        connection.execute("ANALYZE job, batch")

    with open_transaction(pool, factory.workspace_id) as relay:
        pruned = prune_batches(relay, age=timedelta(days=age_days), limit=LIMIT).result()
        (read,) = relay.execute(ROWS_READ).fetchall()

    assert 1 <= pruned <= LIMIT if some else pruned == 0
    assert read["rows"] <= (MOST_READ if some else LIMIT)
