"""Counting a large run takes bounded steps, and reading it costs the same for any number of jobs."""

import os
from time import monotonic
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.db.connections import Pool
from app.db.transaction import open_transaction, run_in_transaction
from app.ledger import run_counting
from app.ledger.run_counting import CountingCursor, CountingStep, count_runs
from app.ledger.runs import MergeRun, create_run, read_merge_run
from schemas.outcomes import RunKind
from tests.support.factories import Factory

#: Batches of 50 jobs; MERGELANE_TEST_RUN_BATCHES=20000 makes a million jobs.
BATCHES = int(os.environ.get("MERGELANE_TEST_RUN_BATCHES", "200"))
FILL = """
WITH batches AS (
    INSERT INTO batch (workspace_id, id, path, run_id)
    SELECT %(workspace_id)s, ('0190' || lpad(to_hex(number), 8, '0') || '00000000000000000000')::uuid, '/', %(run_id)s
    FROM generate_series(%(first)s::integer, %(last)s::integer) AS number
    RETURNING id
)
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
)
SELECT
    %(workspace_id)s, gen_random_uuid(), batches.id, number, 'merge', number, '{"external_id": "a"}',
    '{"external_id": "b"}', '{a,b}'
FROM batches CROSS JOIN generate_series(0, 49) AS number
"""
END = """
UPDATE job SET state = 'finished', outcome = 'same_profile', reason = 'So.', finished_at = clock_timestamp()
WHERE workspace_id = %s AND batch_id = %s AND index < %s
"""


@pytest.fixture
def run_id(pool: Pool, factory: Factory) -> UUID:
    """A run with BATCHES batches of waiting jobs, not counted."""

    def make() -> UUID:
        return run_in_transaction(
            pool,
            factory.workspace_id,
            lambda tx: create_run(tx, kind=RunKind.CLIENT, api_key_id=None, request_id=None),
        )

    run_id = make()
    for first in range(1, BATCHES + 1, 200):
        last = min(first + 199, BATCHES)
        parameters = {"workspace_id": factory.workspace_id, "run_id": run_id, "first": first, "last": last}
        factory.connection.execute(FILL, parameters)
    return run_id


def step(pool: Pool, factory: Factory, cursor: CountingCursor) -> CountingStep:
    """Take one step of counting."""
    return run_in_transaction(pool, factory.workspace_id, count_runs, cursor)


def read(pool: Pool, factory: Factory, run_id: UUID) -> MergeRun:
    """Return a run."""
    with open_transaction(pool, factory.workspace_id) as tx:
        return read_merge_run(tx, run_id=run_id)


def batch_id(number: int) -> UUID:
    """Return the id of a batch of FILL."""
    return UUID(f"0190{number:08x}00000000000000000000")


def count_until_it_pauses(pool: Pool, factory: Factory) -> tuple[CountingCursor, float]:
    """Count until no next step is due; return the cursor and the seconds of the longest step."""
    cursor, longest = CountingCursor(), 0.0
    while True:
        began = monotonic()
        done = step(pool, factory, cursor)
        longest = max(longest, monotonic() - began)
        cursor = done.cursor
        if not done.is_full:
            return cursor, longest


def test_a_later_step_finds_jobs_that_began_anywhere(
    pool: Pool, factory: Factory, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_counting, "BATCHES", min(300, BATCHES // 4))
    cursor, first = count_until_it_pauses(pool, factory)
    assert read(pool, factory, run_id).counts == {"queued": BATCHES * 50}
    for number, jobs in ((BATCHES, 50), (BATCHES // 2, 20), (BATCHES - 1, 1)):
        factory.connection.execute(END, [factory.workspace_id, batch_id(number), jobs])
    # An empty batch.
    late = uuid7()
    factory.rows(
        "INSERT INTO batch (workspace_id, id, path, run_id) VALUES (%s, %s, '/', %s) RETURNING 1", late, run_id
    )
    began = monotonic()
    done = step(pool, factory, cursor)
    counted = monotonic() - began
    began = monotonic()
    run = read(pool, factory, run_id)
    reading = monotonic() - began
    print(f"{BATCHES * 50:,} jobs: first steps at most {first:.3f} s, a step {counted:.3f} s, reading {reading:.4f} s")  # noqa: T201

    assert run.counts == {"queued": BATCHES * 50 - 71, "same_profile": 71}
    assert (run.batches, run.jobs) == (BATCHES + 1, BATCHES * 50)
    assert not done.finished


def test_two_relays_count_every_job_once(pool: Pool, factory: Factory, run_id: UUID) -> None:
    first, _ = count_until_it_pauses(pool, factory)
    second, _ = count_until_it_pauses(pool, factory)
    factory.connection.execute(END, [factory.workspace_id, batch_id(1), 50])
    for _ in range(2):
        first = step(pool, factory, first).cursor
        second = step(pool, factory, second).cursor

    assert read(pool, factory, run_id).counts == {"queued": BATCHES * 50 - 50, "same_profile": 50}
