"""Urgent jobs are published and taken first, and the least urgent jobs still start."""

from typing import cast
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.ledger.accept import NewBatch, insert_batch
from app.ledger.dispatch import claim_lanes
from app.ledger.retry import retry_job
from chaos.queues import queues
from schemas.identifiers import from_wire
from schemas.merge import MergeUpdate
from schemas.outcomes import JobKind
from tests.integration.workers.relaying import let_time_pass, messages, relay, take
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded
from workers.relay import publishing

database_url = make_database_url(scope="module")


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def accept(pool: Pool, factory: Factory, priority: int, *, count: int = 1, kind: JobKind = JobKind.MERGE) -> list[UUID]:
    """Accept a batch of independent jobs, and return their ids."""
    updates = [
        MergeUpdate(orphan=from_wire(ext(f"{uuid7()}")), survivor=from_wire(ext(f"{uuid7()}"))) for _ in range(count)
    ]
    batch = NewBatch(api_key_id=None, path="/users/merge", kind=kind, updates=updates, priority=priority)
    run_in_transaction(pool, factory.workspace_id, insert_batch, batch)
    rows = factory.rows("SELECT id FROM job WHERE workspace_id = %s AND batch_id = %s ORDER BY index", batch.id)
    return [row["id"] for row in rows]


def claimed(pool: Pool, factory: Factory, limit: int, **aged: float) -> list[UUID]:
    lanes = run_in_transaction(pool, factory.workspace_id, claim_lanes, limit=limit, **aged).lanes  # type: ignore[arg-type]
    return [job_id for lane in lanes for job_id in lane]


def in_lists(server: RedisServer) -> dict[str, int]:
    """Return the number of messages in each list of Redis, by the end of its name."""
    with server.client() as client:
        return {key.partition("\x06\x16")[2]: cast("int", client.llen(key)) for key in sorted(queues(client))}


def test_the_most_urgent_jobs_are_claimed_first_and_the_oldest_of_equal_ones(pool: Pool, factory: Factory) -> None:
    accepted = [(priority, accept(pool, factory, priority)[0]) for priority in (3, 7, 0, 3, 5, 0, 6, 1, 2, 4, 7)]
    expected = [job_id for _, job_id in sorted(accepted, key=lambda each: each[0])]

    assert claimed(pool, factory, 100) == expected
    assert claimed(pool, factory, 2) == expected[:2]


def test_an_urgent_merge_is_claimed_before_an_identification_and_that_before_an_equal_merge(
    pool: Pool, factory: Factory
) -> None:
    (merge,) = accept(pool, factory, 3)
    (identification,) = accept(pool, factory, 3, kind=JobKind.IDENTIFY)
    (urgent,) = accept(pool, factory, 2)

    assert claimed(pool, factory, 10) == [urgent, identification, merge]


def test_workers_read_urgent_messages_before_ordinary_ones(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    for priority in (6, 3, 0):
        accept(pool, factory, priority, count=2)
    with relay(pool, settings, redis_server) as (publisher, _):
        publisher.run_once()

    assert in_lists(redis_server) == {"": 2, "3": 2, "6": 2}


def test_an_urgent_job_is_published_although_the_broker_is_full(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "URGENT_EVERY_S", 0.0)
    accept(pool, factory, 3, count=50)
    with relay(pool, settings, redis_server, broker_bound=10, lane_size=1) as (publisher, _):
        for _ in range(3):
            publisher.run_once()
        before = len(messages(redis_server))
        (urgent,) = accept(pool, factory, 0)
        publisher.run_once()
        accept(pool, factory, 3)
        publisher.run_once()

    assert before == 10
    assert len(messages(redis_server)) == 11
    assert factory.row(urgent)["published_at"] is not None


def test_a_job_that_waited_too_long_is_claimed_with_more_urgent_ones(pool: Pool, factory: Factory) -> None:
    (least,) = accept(pool, factory, 7)
    accept(pool, factory, 0, count=10)
    factory.set_jobs([least], "due_at = due_at - interval '11 minutes'")

    assert least not in claimed(pool, factory, 5)
    assert least not in claimed(pool, factory, 5, aged_limit=1, aged_after_s=720)
    assert claimed(pool, factory, 5, aged_limit=1, aged_after_s=600)[0] == least


def test_the_relay_publishes_a_job_that_waited_too_long_in_the_urgent_list(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    (least,) = accept(pool, factory, 7)
    accept(pool, factory, 3, count=50)
    factory.set_jobs([least], "due_at = due_at - interval '11 minutes'")
    with relay(pool, settings, redis_server, broker_bound=10, lane_size=1) as (publisher, _):
        publisher.run_once()

    assert factory.row(least)["published_at"] is not None
    assert in_lists(redis_server) == {"": 1, "3": 9}


@pytest.mark.parametrize("priority", [0, 7])
def test_a_job_that_is_rescued_or_retried_keeps_its_urgency(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, priority: int
) -> None:
    lost, stranded, dead = accept(pool, factory, priority, count=3)
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        take(redis_server, 3)
        factory.set_jobs([stranded], "state = 'running', attempts = 1, started_at = now()")
        factory.set_jobs([dead], "state = 'dead', reason = 'So.', finished_at = now()")
        let_time_pass(factory)
        rescuer.run_once()
        run_in_transaction(pool, factory.workspace_id, retry_job, job_id=dead)
    ordinary = accept(pool, factory, 3)
    order = claimed(pool, factory, 10)

    assert set(order) == {lost, stranded, dead, *ordinary}
    assert order.index(ordinary[0]) == (3 if priority == 0 else 0)
