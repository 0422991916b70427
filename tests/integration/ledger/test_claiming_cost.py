"""The cost of a claim does not depend on statistics, which are always older than the backlog."""

import pytest
from psycopg.types.json import Jsonb

from app.db.connections import Connection, Pool
from app.db.transaction import open_transaction
from app.ledger.due_floors import NO_FLOORS
from app.ledger.execution import QUERIES
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
#: The limits of a claim: of all lanes, and of lanes that have waited too long.
LIMITS = {"limit": 500, "aged_limit": 60, "aged_after_s": 600, "floors": list(NO_FLOORS)}


def test_a_claim_does_not_read_the_whole_backlog_for_each_lane(
    connection: Connection, pool: Pool, factory: Factory
) -> None:
    scope = {"workspace_id": factory.workspace_id}
    connection.execute(FILL, {**scope, "state": "finished", "outcome": "same_profile"})
    connection.execute("ANALYZE job")
    connection.execute(FILL, {**scope, "state": "queued", "outcome": None})

    with open_transaction(pool, factory.workspace_id) as relay:
        explained = relay.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF) {QUERIES['claim_lanes']}",
            {**scope, **LIMITS},
        )

    plan = "\n".join(row["QUERY PLAN"] for row in explained)
    assert "job_by_state" not in plan, plan
    assert "rows=500" in plan


#: Only one of the queries has a parameter.
NO_PARAMETERS = {"floors": Jsonb({})}
ROWS_READ = "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = 'job'"


@pytest.mark.parametrize("query", ["publishable_workspaces", "workspaces_to_rescue"])
def test_a_search_for_workspaces_with_work_reads_no_finished_job(
    connection: Connection, pool: Pool, factory: Factory, query: str
) -> None:
    connection.execute(FILL, {"workspace_id": factory.workspace_id, "state": "finished", "outcome": "same_profile"})
    connection.execute("ANALYZE job")
    with pool.connection() as relay, relay.transaction():
        # After five executions PostgreSQL may choose a generic plan.
        found = [relay.execute(QUERIES[query], NO_PARAMETERS).fetchall() for _ in range(8)]
        (read,) = relay.execute(ROWS_READ).fetchall()

    assert found == [[]] * 8
    assert read["rows"] == 0


@pytest.mark.parametrize(
    ("query", "columns"),
    [("publishable_workspaces", ""), ("workspaces_to_rescue", "published_at = now()")],
)
def test_a_search_for_workspaces_with_work_reads_one_job_of_each(
    connection: Connection, pool: Pool, factory: Factory, query: str, columns: str
) -> None:
    connection.execute("ANALYZE job")
    connection.execute(FILL, {"workspace_id": factory.workspace_id, "state": "queued", "outcome": None})
    if columns:
        factory.rows(f"UPDATE job SET {columns} WHERE workspace_id = %s RETURNING 1")

    with pool.connection() as relay, relay.transaction():
        found = relay.execute(QUERIES[query], NO_PARAMETERS).fetchall()
        (read,) = relay.execute(ROWS_READ).fetchall()

    assert factory.workspace_id in [row["workspace_id"] for row in found]
    assert read["rows"] <= len(found)


IDENTIFY = """
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
)
SELECT %(workspace_id)s, gen_random_uuid(), id, 100, 'identify', 100, '{}', '{}', ARRAY['guest', 'joe']
FROM batch WHERE workspace_id = %(workspace_id)s LIMIT 1
"""


@pytest.mark.parametrize("analyzed", ["before", "afterwards"])
def test_an_unfinished_identify_costs_a_few_index_probes_for_each_lane(
    connection: Connection, pool: Pool, factory: Factory, analyzed: str
) -> None:
    scope = {"workspace_id": factory.workspace_id}
    connection.execute(FILL, {**scope, "state": "finished", "outcome": "same_profile"})
    connection.execute("ANALYZE job")
    connection.execute(IDENTIFY, scope)
    named = FILL.replace("'{}', '{}', '{}',", "'{}', '{}', ARRAY[gen_random_uuid()::text, 'x'],")
    connection.execute(named, {**scope, "state": "queued", "outcome": None})
    if analyzed == "afterwards":
        connection.execute("ANALYZE job")

    with open_transaction(pool, factory.workspace_id) as relay:
        explained = relay.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF) {QUERIES['claim_lanes']}",
            {**scope, **LIMITS},
        )

    plan = "\n".join(row["QUERY PLAN"] for row in explained)
    assert "job_by_state" not in plan, plan
    assert "rows=500" in plan
    assert "Seq Scan on job" not in plan, plan
    assert "job_identify_orphan" in plan, plan
    assert "Filter: (search_keys" not in plan, plan
