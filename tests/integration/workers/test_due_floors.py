"""During an old transaction the relay searches from its floors, and still finds every job."""

import random
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import due_floors
from app.ledger.dispatch import claim_lanes, mark_jobs_published, workspaces_with_pending_lanes
from app.ledger.due_floors import NO_FLOORS, Floors
from app.ledger.execution import QUERIES
from tests.integration.workers.relaying import messages, relay, single_jobs
from tests.integration.workers.test_urgency import accept
from tests.support.factories import Factory
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded

database_url = make_database_url(scope="module")


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def floors_after_claim(pool: Pool, factory: Factory) -> Floors:
    floors = run_in_transaction(pool, factory.workspace_id, claim_lanes, limit=10).floors
    assert floors is not None
    return floors


def publish_everything(factory: Factory) -> None:
    factory.rows("UPDATE job SET published_at = now(), task_id = id WHERE workspace_id = %s RETURNING 1")


def buffers_read(tx: Transaction, query: str, parameters: dict[str, Any]) -> int:
    (row,) = tx.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", parameters).fetchall()
    plan = row["QUERY PLAN"][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_search_from_the_floors_does_not_read_published_jobs(pool: Pool, factory: Factory, database_url: str) -> None:
    with psycopg.connect(database_url) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT FROM workspace")
        single_jobs(factory, 1)
        for _ in range(3):
            accept(pool, factory, 3, count=1_000)
        publish_everything(factory)
        accept(pool, factory, 3)
        floors = floors_after_claim(pool, factory)
        claim, look = QUERIES["claim_lanes"], QUERIES["publishable_workspaces"]
        limits = {"workspace_id": factory.workspace_id, "limit": 10, "aged_limit": 2, "aged_after_s": 600}
        read = {}
        with open_transaction(pool, factory.workspace_id) as tx:
            for known in (NO_FLOORS, floors):
                # The margin would keep these entries, which are as new.
                held = [None if each is None else each + due_floors.MARGIN_S for each in known]
                parameter = {} if known is NO_FLOORS else {str(factory.workspace_id): held}
                read[known is NO_FLOORS] = (
                    buffers_read(tx, claim, {**limits, "floors": held}),
                    buffers_read(tx, look, {"floors": Jsonb(parameter)}),
                )

    assert min(read[True]) > 3 * max(read[False]), read


def test_a_search_from_the_floors_finds_jobs_of_every_urgency(pool: Pool, factory: Factory) -> None:
    accept(pool, factory, 3)
    floors = floors_after_claim(pool, factory)
    publish_everything(factory)
    accepted = {accept(pool, factory, urgency)[0] for urgency in range(8)}
    (retried,) = single_jobs(factory, 1, due_at="now")
    # By transactions that began before the claim.
    factory.rows("UPDATE job SET due_at = due_at - interval '500 ms' WHERE workspace_id = %s RETURNING 1")
    with lend_connection(pool) as connection:
        (workspace,) = workspaces_with_pending_lanes(connection, {factory.workspace_id: floors})

    claimed = run_in_transaction(pool, factory.workspace_id, claim_lanes, limit=20, floors=floors)

    assert workspace.has_urgent
    assert {job_id for lane in claimed.lanes for job_id in lane} == {*accepted, retried}


def test_claims_from_the_floors_of_the_earlier_claim_find_every_job_in_order(
    pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It hides mistakes of a second.
    monkeypatch.setattr(due_floors, "MARGIN_S", 0.0)
    chance = random.Random(5)
    accepted: list[tuple[int, int, UUID]] = []
    number = count()
    published: list[UUID] = []
    floors: Floors = NO_FLOORS

    def publish(tx: Transaction, limit: int, floors: Floors) -> tuple[list[UUID], Floors | None]:
        claimed = claim_lanes(tx, limit=limit, floors=floors)
        # As when the messages are fewer than the lanes.
        job_ids = [job_id for lane in claimed.lanes for job_id in lane][: max(1, limit - 1)]
        mark_jobs_published(tx, tasks={uuid4(): job_ids})
        return job_ids, claimed.floors

    while len(published) < 40:
        for _ in range(chance.randrange(4) if len(accepted) < 40 else 0):
            urgency = chance.randrange(8)
            accepted.append((urgency, next(number), accept(pool, factory, urgency)[0]))
        limit = chance.randrange(1, 4)
        found, after = run_in_transaction(pool, factory.workspace_id, publish, limit, floors)
        waiting = sorted(each for each in accepted if each[2] not in published)
        assert found == [job_id for _, _, job_id in waiting[: max(1, limit - 1)]]
        published += found
        floors = floors if after is None else after

    assert any(each is not None for each in floors)


@pytest.mark.parametrize("busy", [False, True])
def test_a_job_below_the_floor_is_found_by_the_next_full_search(
    pool: Pool,
    settings: Settings,
    redis_server: RedisServer,
    factory: Factory,
    monkeypatch: pytest.MonkeyPatch,
    busy: bool,
) -> None:
    # As behind many dead entries: each look from the beginning is slow.
    monkeypatch.setattr(due_floors, "SLOW_S", 0.0)
    time = 1_000.0
    with relay(pool, settings, redis_server) as (publisher, _):
        publisher._floors.clock = lambda: time
        accept(pool, factory, 3)
        assert publisher.run_once() == 1
        (late,) = accept(pool, factory, 3)
        factory.rows(
            "UPDATE job SET due_at = due_at - interval '1 hour' WHERE workspace_id = %s AND id = %s RETURNING 1", late
        )
        if busy:
            accept(pool, factory, 3)
        assert publisher.run_once() == busy
        time += 60.0
        if busy:
            accept(pool, factory, 3)
        assert publisher.run_once() == 1 + busy

    assert late in [job_id for message in messages(redis_server) for job_id in message.job_ids]
