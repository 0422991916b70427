"""The ledger as workers use it: attempts begin, lock their jobs, and end with an outcome or as failed."""

from datetime import timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.db.connections import Pool
from app.db.transaction import Transaction, open_transaction
from app.ledger.execution import (
    LONGEST_DELAY_S,
    ClaimedJob,
    JobResult,
    RetryLimits,
    begin_attempts,
    fail_attempt,
    lock_running_jobs,
    record_results,
)
from app.ledger.profile_ref import ProfileRef
from schemas.identifiers import Email, ExternalId
from schemas.outcomes import JobKind, JobState, Outcome
from schemas.priorities import Priority
from tests.support.factories import Factory, by_email, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

SEARCHED = ["a@x.org", "b"]


@pytest.fixture
def job_ids(factory: Factory) -> list[UUID]:
    """Three waiting jobs of one batch."""
    update = (by_email("a@x.org", "identified"), ext("b"))
    return factory.batch([update] * 3, search_keys=SEARCHED)


def begun(factory: Factory, *job_ids: UUID) -> list[ClaimedJob]:
    """Make jobs due and begin an attempt of each."""
    factory.make_due(job_ids)
    return begin_attempts(
        Transaction(factory.connection, factory.workspace_id), job_ids=job_ids, task_id=uuid7()
    ).result()


def ended(factory: Factory, *ends: JobResult) -> None:
    record_results(Transaction(factory.connection, factory.workspace_id), results=ends)


def failed(
    factory: Factory, job: ClaimedJob, *, stalled: bool = False, max_attempts: int = 5, delay_s: float = 10
) -> JobState | None:
    """Count an attempt as failed, or as *stalled*. Three stalled attempts are allowed."""
    return fail_attempt(
        Transaction(factory.connection, factory.workspace_id),
        job=job,
        reason="It failed.",
        stalled=stalled,
        limits=RetryLimits(max_attempts=max_attempts, max_stalled_attempts=3, delay_s=delay_s),
    )


def test_an_attempt_is_counted_when_it_begins(factory: Factory, job_ids: list[UUID]) -> None:
    task_id = uuid7()

    work = begin_attempts(
        Transaction(factory.connection, factory.workspace_id), job_ids=job_ids[:1], task_id=task_id
    ).result()

    (job,) = work
    assert (job.id, job.index, job.kind, job.attempts) == (job_ids[0], 0, JobKind.MERGE, 1)
    assert job.orphan == Email("a@x.org", (Priority.IDENTIFIED,))
    assert job.survivor == ExternalId("b")
    row = factory.row(job.id)
    assert (row["state"], row["attempts"], row["task_id"]) == ("running", 1, task_id)
    assert row["started_at"] is not None
    assert factory.states(job_ids[1:]) == ["queued", "queued"]


def test_jobs_begin_in_the_order_in_which_they_were_sent(factory: Factory, job_ids: list[UUID]) -> None:
    assert [job.id for job in begun(factory, *reversed(job_ids))] == job_ids


def test_an_attempt_that_was_begun_before_is_begun_again(factory: Factory, job_ids: list[UUID]) -> None:
    begun(factory, job_ids[0])

    (again,) = begun(factory, job_ids[0])

    assert again.attempts == 2


def test_a_settled_job_does_not_begin(factory: Factory, job_ids: list[UUID]) -> None:
    _, second, _ = begun(factory, *job_ids)
    ended(factory, JobResult(job_id=job_ids[0], outcome=Outcome.SAME_PROFILE, reason="So."))
    failed(factory, second, max_attempts=1)

    assert [job.id for job in begun(factory, *job_ids)] == [job_ids[2]]


def test_a_job_of_another_workspace_does_not_begin(factory: Factory, job_ids: list[UUID]) -> None:
    elsewhere = Factory(factory.connection)

    assert begun(elsewhere, *job_ids) == []
    assert factory.states(job_ids) == ["queued"] * 3


def test_jobs_that_were_finished_meanwhile_are_not_locked(pool: Pool, factory: Factory, job_ids: list[UUID]) -> None:
    work = begun(factory, *job_ids)
    ended(factory, JobResult(job_id=job_ids[1], outcome=Outcome.SAME_PROFILE, reason="So."))

    with open_transaction(pool, factory.workspace_id) as tx:
        held = lock_running_jobs(tx, jobs=work).result()
        free = factory.rows("SELECT id FROM job WHERE workspace_id = %s FOR UPDATE SKIP LOCKED")

    assert held == {job_ids[0], job_ids[2]}
    assert [row["id"] for row in free] == [job_ids[1]]


def test_an_outcome_is_recorded_with_the_ids_of_its_profiles(factory: Factory, job_ids: list[UUID]) -> None:
    begun(factory, job_ids[0])
    orphan = ProfileRef(id=7, braze_id="a" * 24, external_id=None)
    survivor = ProfileRef(id=8, braze_id="b" * 24, external_id="b")

    ended(
        factory,
        JobResult(job_id=job_ids[0], outcome=Outcome.MERGED, reason="Merged.", orphan=orphan, survivor=survivor),
    )

    row = factory.row(job_ids[0])
    assert (row["state"], row["outcome"], row["reason"]) == ("finished", "merged", "Merged.")
    assert (row["orphan_id"], row["orphan_braze_id"], row["orphan_external_id"]) == (7, "a" * 24, None)
    assert (row["survivor_id"], row["survivor_braze_id"], row["survivor_external_id"]) == (8, "b" * 24, "b")
    assert sorted(row["search_keys"]) == sorted({*SEARCHED, "a" * 24, "b" * 24})
    assert row["finished_at"] >= row["started_at"]


def test_many_outcomes_are_recorded_each_for_its_job(factory: Factory, job_ids: list[UUID]) -> None:
    begun(factory, *job_ids)
    outcomes = [Outcome.ORPHAN_NOT_FOUND, Outcome.PROTECTED, Outcome.SURVIVOR_LIMIT]

    ended(
        factory,
        *(JobResult(job_id=each, outcome=out, reason=out.prose) for each, out in zip(job_ids, outcomes, strict=True)),
    )

    assert factory.outcomes(job_ids) == outcomes
    assert [factory.row(job_id)["reason"] for job_id in job_ids] == [outcome.prose for outcome in outcomes]
    assert {factory.row(job_id)["orphan_id"] for job_id in job_ids} == {None}


def test_a_failed_job_waits_alone_in_its_lane_for_its_next_attempt(factory: Factory, job_ids: list[UUID]) -> None:
    factory.set_jobs(job_ids, "published_at = now()")
    *_, third = begun(factory, *job_ids)

    assert failed(factory, third, delay_s=10) is JobState.QUEUED

    row = factory.row(third.id)
    assert (row["state"], row["published_at"], row["lane"]) == ("queued", None, 2)
    assert row["reason"] == "It failed."
    assert timedelta(seconds=9) < row["due_at"] - row["started_at"] < timedelta(seconds=12)
    assert [factory.row(job_id)["lane"] for job_id in job_ids[:2]] == [0, 0]


def test_a_job_is_dead_after_its_last_failed_attempt(factory: Factory, job_ids: list[UUID]) -> None:
    states = [failed(factory, job, max_attempts=2) for _ in range(2) for job in begun(factory, job_ids[0])]

    row = factory.row(job_ids[0])
    assert states == [JobState.QUEUED, JobState.DEAD]
    assert (row["outcome"], row["reason"], row["attempts"]) == (None, "It failed.", 2)
    assert row["finished_at"] is not None


def test_a_stalled_attempt_does_not_count_as_failed(factory: Factory, job_ids: list[UUID]) -> None:
    states = [
        failed(factory, job, stalled=stalled, max_attempts=2)
        for stalled in (True, True, False, False)
        for job in begun(factory, job_ids[0])
    ]

    assert states == [JobState.QUEUED] * 3 + [JobState.DEAD]


def test_a_job_is_dead_after_its_last_stalled_attempt(factory: Factory, job_ids: list[UUID]) -> None:
    states = [failed(factory, job, stalled=True) for _ in range(3) for job in begun(factory, job_ids[0])]

    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.DEAD]


@pytest.mark.parametrize("attempts", [30, 32_000])
def test_no_job_waits_longer_than_the_longest_delay(factory: Factory, job_ids: list[UUID], attempts: int) -> None:
    factory.set_jobs(job_ids, f"attempts = {attempts}, stalled_attempts = {attempts}")
    job, *_ = begun(factory, *job_ids)

    failed(factory, job)

    row = factory.row(job.id)
    assert row["due_at"] - row["started_at"] < timedelta(seconds=LONGEST_DELAY_S + 5)


def test_a_failure_of_an_earlier_attempt_changes_nothing(factory: Factory, job_ids: list[UUID]) -> None:
    (first,) = begun(factory, job_ids[0])
    begun(factory, job_ids[0])

    assert failed(factory, first) is None
    assert factory.row(job_ids[0])["state"] == "running"


def test_a_failure_after_the_end_of_a_job_changes_nothing(factory: Factory, job_ids: list[UUID]) -> None:
    (job,) = begun(factory, job_ids[0])
    ended(factory, JobResult(job_id=job.id, outcome=Outcome.SAME_PROFILE, reason="So."))
    before = factory.row(job.id)

    assert failed(factory, job) is None
    assert factory.row(job.id) == before
