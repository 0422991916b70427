"""A page of a list reads a bounded number of rows for an identifier with very many jobs, and for dead jobs."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Pool
from app.db.transaction import Transaction, open_transaction
from app.ledger.batch_lists import BatchFilter, list_batches
from app.ledger.identifier_lists import FEW, QUERIES
from app.ledger.job_lists import JobFilter, list_jobs
from app.ledger.run_lists import MergeRunFilter, list_merge_runs
from schemas.outcomes import JobState
from tests.integration.queries import numbered
from tests.support.factories import Factory
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

#: Jobs of each of two identifiers; each of their batches has five of both.
MANY = 20_000
LIMIT = 50
#: Rows of all tables: FEW jobs and their batches, and the newest jobs that fill a page.
MOST_ROWS = 3 * FEW
FILL = """
WITH given AS (
    SELECT
        number, number / 10 AS batch, number / 100 AS run,
        ('0180' || lpad(to_hex(number), 4, '0') || '-0000-7000-8000-000000000000')::uuid AS id,
        ('0180' || lpad(to_hex(number / 10 * 10), 4, '0') || '-0000-7000-7000-000000000000')::uuid AS batch_id,
        ('0180' || lpad(to_hex(number / 100 * 100), 4, '0') || '-0000-7000-6000-000000000000')::uuid AS run_id
    FROM generate_series(0, 2 * %(many)s - 1) AS number
), runs AS (
    INSERT INTO run (workspace_id, id, kind, label, state)
    SELECT DISTINCT %(workspace_id)s, run_id, 'client', 'run', 'open' FROM given
), progress AS (
    INSERT INTO run_progress (workspace_id, run_id) SELECT DISTINCT %(workspace_id)s, run_id FROM given
), batches AS (
    INSERT INTO batch (workspace_id, id, path, run_id)
    SELECT DISTINCT %(workspace_id)s, batch_id, '/users/merge', run_id FROM given
)
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, state, outcome,
    reason, finished_at
)
SELECT
    %(workspace_id)s, id, batch_id, number %% 10, 'merge', number %% 10, '{"external_id": "o"}',
    '{"external_id": "s"}', ARRAY['o-' || number, 's-' || number %% 2],
    CASE WHEN number %% 4 = 0 THEN 'dead' ELSE 'finished' END, CASE WHEN number %% 4 > 0 THEN 'orphan_not_found' END,
    'So.', now()
FROM given
"""
ROWS_READ = """
    SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int AS rows
    FROM pg_stat_xact_user_tables
    WHERE relname IN ('job', 'batch', 'run', 'run_progress')
"""
LISTS: dict[str, Callable[[Transaction, bool], Any]] = {
    "jobs": lambda tx, oldest: (
        list_jobs(tx, matching=JobFilter(identifier="s-1"), limit=LIMIT, oldest_first=oldest).jobs
    ),
    "dead jobs": lambda tx, oldest: (
        list_jobs(tx, matching=JobFilter(state=JobState.DEAD), limit=LIMIT, oldest_first=oldest).jobs
    ),
    "batches": lambda tx, oldest: (
        list_batches(tx, matching=BatchFilter(identifier="s-1"), limit=LIMIT, oldest_first=oldest).batches
    ),
    "runs": lambda tx, oldest: (
        list_merge_runs(tx, matching=MergeRunFilter(identifier="s-1"), limit=LIMIT, oldest_first=oldest).runs
    ),
}


@pytest.fixture(scope="module")
def filled() -> list[int]:
    """The workspace that is full already."""
    return []


@pytest.fixture
def workspace_id(factory: Factory, filled: list[int]) -> int:
    """A workspace with many jobs."""
    if not filled:
        factory.connection.execute(FILL, {"workspace_id": factory.workspace_id, "many": MANY})
        factory.connection.execute("ANALYZE")
        filled.append(factory.workspace_id)
    return filled[0]


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("what", LISTS)
def test_a_full_page_reads_a_bounded_number_of_rows(
    pool: Pool, workspace_id: int, what: str, oldest_first: bool
) -> None:
    with open_transaction(pool, workspace_id) as tx:
        (before,) = tx.connection.execute(ROWS_READ).fetchall()
        listed = LISTS[what](tx, oldest_first)
        (after,) = tx.connection.execute(ROWS_READ).fetchall()

    assert len(listed) == LIMIT
    assert sorted((each.id for each in listed), reverse=not oldest_first) == [each.id for each in listed]
    assert after["rows"] - before["rows"] < MOST_ROWS < MANY


@pytest.mark.parametrize("name", QUERIES)
def test_no_plan_reads_the_ids_of_all_jobs_besides_the_search_keys(pool: Pool, workspace_id: int, name: str) -> None:
    with open_transaction(pool, workspace_id) as tx:
        explain = f"EXPLAIN (GENERIC_PLAN) {numbered(QUERIES[name])}"
        plan = "\n".join(row["QUERY PLAN"] for row in tx.connection.execute(explain.encode(), prepare=False))

    assert "BitmapAnd" not in plan
    assert "Seq Scan on job" not in plan
    assert ("job_by_search_key" in plan) == (not name.startswith("recent_"))
