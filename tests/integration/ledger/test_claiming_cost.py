"""What a claim costs does not hang on statistics: they are always older than the backlog that it meets."""

from app.db import Connection
from app.ledger.work import QUERIES
from tests.support.factories import Factory

FILL = """
WITH batches AS (
    INSERT INTO batch (workspace_id, id, path)
    SELECT %(workspace_id)s, gen_random_uuid(), '/users/merge' FROM generate_series(1, 1000)
    RETURNING id
)
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys,
    state, outcome, reason, finished_at
)
SELECT
    %(workspace_id)s, gen_random_uuid(), batches.id, place, 'merge', place, '{}', '{}', '{}',
    %(state)s, %(outcome)s, %(outcome)s, CASE WHEN %(state)s = 'finished' THEN now() END
FROM batches CROSS JOIN generate_series(0, 9) AS place
"""


def test_a_sudden_backlog_is_not_read_whole_for_every_lane(connection: Connection, factory: Factory) -> None:
    scope = {"workspace_id": factory.workspace_id}
    connection.execute(FILL, {**scope, "state": "finished", "outcome": "same_profile"})
    connection.execute("ANALYZE job")
    connection.execute(FILL, {**scope, "state": "queued", "outcome": None})

    explained = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {QUERIES['claim_lanes']}", {**scope, "limit": 500})

    plan = "\n".join(row["QUERY PLAN"] for row in explained)
    assert "job_by_state" not in plan, plan
    assert "rows=500" in plan
