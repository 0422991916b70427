"""Stalled attempts do not count as failures of a job until their limit. A late job is not a lost one."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.db.connections import Connection
from app.db.transaction import Transaction
from app.ledger.dispatch import (
    ISOLATE_AFTER,
    RescueCounts,
    claim_lanes,
    consumed_until,
    jobs_to_isolate,
    rescue_lost_jobs,
    rescue_stranded_jobs,
)
from app.ledger.execution import begin_attempts
from tests.support.factories import LONG_AGO, Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

BOUND = 6


@pytest.fixture
def lane(factory: Factory) -> list[UUID]:
    """Three running jobs of one lane."""
    job_ids = factory.batch([(ext("a"), ext("b"))] * 3, published_at=LONG_AGO)
    start(factory, job_ids)
    return job_ids


def start(factory: Factory, job_ids: Sequence[UUID]) -> None:
    """Begin an attempt of each job."""
    begin_attempts(Transaction(factory.connection, factory.workspace_id), job_ids=job_ids, task_id=uuid7())


def sweep(factory: Factory, *, after_s: float = 0, max_stalled_attempts: int = BOUND) -> RescueCounts:
    """Rescue stalled jobs."""
    limits = {"after_s": after_s, "max_stalled_attempts": max_stalled_attempts, "limit": 100}
    return rescue_stranded_jobs(Transaction(factory.connection, factory.workspace_id), **limits)


def counts(factory: Factory, job_ids: Sequence[UUID]) -> list[tuple[str, int, int]]:
    """Return the state, attempts and stalled_attempts of each job."""
    rows = map(factory.row, job_ids)
    return [(row["state"], row["attempts"], row["stalled_attempts"]) for row in rows]


def test_a_killed_worker_costs_its_jobs_an_attempt_and_no_failure(factory: Factory, lane: list[UUID]) -> None:
    assert sweep(factory) == RescueCounts(queued=3)
    assert counts(factory, lane) == [("queued", 1, 1)] * 3
    assert claim_lanes(Transaction(factory.connection, factory.workspace_id), limit=10).lanes == [tuple(lane)]


def test_an_attempt_that_has_just_begun_is_not_rescued(factory: Factory, lane: list[UUID]) -> None:
    assert sweep(factory, after_s=60) == RescueCounts()
    assert counts(factory, lane) == [("running", 1, 0)] * 3


def test_a_delivery_of_a_running_job_counts_the_former_attempt_as_stalled(factory: Factory, lane: list[UUID]) -> None:
    start(factory, lane)

    assert counts(factory, lane) == [("running", 2, 1)] * 3


def test_a_job_that_kills_every_worker_ends_dead(factory: Factory, lane: list[UUID]) -> None:
    swept = []
    for _ in range(BOUND):
        swept.append(sweep(factory))
        start(factory, lane[:1])

    row = factory.row(lane[0])
    assert [each.dead for each in swept] == [0] * (BOUND - 1) + [1]
    assert [each.queued for each in swept] == [3] + [1] * (BOUND - 2) + [0]
    assert (row["state"], row["outcome"]) == ("dead", None)
    assert "worker" in row["reason"]


def test_a_job_that_is_always_redelivered_before_a_sweep_ends_dead_too(factory: Factory, lane: list[UUID]) -> None:
    for _ in range(BOUND):
        start(factory, lane)

    assert sweep(factory, after_s=60) == RescueCounts(dead=3)


def test_jobs_with_several_stalled_attempts_are_claimed_separately(factory: Factory, lane: list[UUID]) -> None:
    for _ in range(BOUND // 2):
        sweep(factory)
        start(factory, lane)
    sweep(factory)

    claimed = claim_lanes(Transaction(factory.connection, factory.workspace_id), limit=10).lanes
    assert claimed == [(job_id,) for job_id in lane]


def test_a_job_with_several_stalled_attempts_gets_its_own_message(factory: Factory) -> None:
    suspect, other = (factory.job(ext(name), ext("z")) for name in "ab")
    factory.set_jobs([suspect], f"stalled_attempts = {ISOLATE_AFTER}")

    apart = jobs_to_isolate(Transaction(factory.connection, factory.workspace_id), job_ids=[suspect, other])

    assert apart == {suspect}


def test_a_lost_message_counts_no_attempt(factory: Factory, connection: Connection) -> None:
    job_ids = factory.batch([(ext("a"), ext("b"))] * 2, published_at=LONG_AGO, task_id=uuid7())
    horizon = {"queue_consumed_to": uuid7(), "after_s": 1, "limit": 10}

    found = rescue_lost_jobs(Transaction(connection, factory.workspace_id), **horizon)

    assert found == RescueCounts(queued=2)
    assert counts(factory, job_ids) == [("queued", 0, 0)] * 2
    assert claim_lanes(Transaction(connection, factory.workspace_id), limit=10).lanes == [tuple(job_ids)]


def test_a_message_behind_unread_ones_is_not_lost_at_any_age(factory: Factory, connection: Connection) -> None:
    earlier, running, later = uuid7(), uuid7(), uuid7()
    lost, waiting = (
        factory.job(ext(name), ext("z"), published_at=LONG_AGO, task_id=task_id)
        for name, task_id in (("a", earlier), ("b", later))
    )
    begun = factory.job(ext("c"), ext("z"), published_at=LONG_AGO, task_id=running)
    begin_attempts(Transaction(connection, factory.workspace_id), job_ids=[begun], task_id=running)

    frontier = consumed_until(Transaction(connection, factory.workspace_id))
    assert frontier == running
    rescue_lost_jobs(Transaction(connection, factory.workspace_id), queue_consumed_to=frontier, after_s=1, limit=10)

    assert factory.row(lost)["published_at"] is None
    assert factory.row(waiting)["published_at"] is not None


def test_an_old_message_of_a_republished_job_does_not_advance_the_frontier(
    factory: Factory, connection: Connection
) -> None:
    old_message, again = uuid7(), uuid7()
    job_id = factory.job(ext("a"), ext("z"), published_at=LONG_AGO, task_id=again)

    begin_attempts(Transaction(connection, factory.workspace_id), job_ids=[job_id], task_id=old_message)

    assert consumed_until(Transaction(connection, factory.workspace_id)) == old_message


def test_a_message_with_only_the_head_of_a_lane_gives_the_rest_a_new_head(
    factory: Factory, connection: Connection
) -> None:
    head, *rest = factory.batch([(ext("a"), ext("b"))] * 3)

    start(factory, [head])

    assert claim_lanes(Transaction(connection, factory.workspace_id), limit=10).lanes == [tuple(rest)]
