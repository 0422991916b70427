"""Throughput and backlog over time, calculated from the ledger."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.db.transaction import Transaction
from app.ledger.throughput import ChartPeriod, TimeBucket, read_throughput
from schemas.outcomes import Outcome
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

NOW = datetime(2026, 3, 1, 12, 30, 30, tzinfo=UTC)


def accepted(factory: Factory, minutes_ago: float, **columns: Any) -> None:
    """Write a job that was accepted *minutes_ago* minutes before NOW."""
    factory.batch([(ext("a"), ext("b"))], created_at=NOW - timedelta(minutes=minutes_ago), **columns)


def ended(minutes_ago: float, outcome: str | None = "same_profile") -> dict[str, Any]:
    """Return the columns of a job that ended *minutes_ago* minutes before NOW. Without *outcome* it is dead."""
    end = {"finished_at": NOW - timedelta(minutes=minutes_ago), "reason": "So."}
    return {**end, "state": "finished", "outcome": outcome} if outcome else {**end, "state": "dead"}


def read(factory: Factory, period: ChartPeriod = ChartPeriod.HOUR) -> list[TimeBucket]:
    return read_throughput(Transaction(factory.connection, factory.workspace_id), period=period, now=NOW)


def test_an_hour_without_jobs_has_sixty_empty_buckets(factory: Factory) -> None:
    buckets = read(factory)

    assert [bucket.begins_at.minute for bucket in buckets] == [*range(31, 60), *range(31)]
    assert {(bucket.accepted, bucket.ended, bucket.unfinished) for bucket in buckets} == {(0, 0, 0)}


def test_a_day_has_a_bucket_for_each_quarter_of_an_hour(factory: Factory) -> None:
    buckets = read(factory, ChartPeriod.DAY)

    assert len(buckets) == 96
    assert buckets[-1].begins_at == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert buckets[0].begins_at == datetime(2026, 2, 28, 12, 45, tzinfo=UTC)


def test_jobs_are_counted_by_outcome_in_the_minute_of_their_end(factory: Factory) -> None:
    accepted(factory, 5, **ended(3))
    accepted(factory, 5, **ended(3))
    accepted(factory, 5, **ended(3, "orphan_not_found"))
    accepted(factory, 5, **ended(2, None))
    buckets = read(factory)

    assert buckets[-4].settled == {Outcome.SAME_PROFILE: 2, Outcome.ORPHAN_NOT_FOUND: 1}
    assert buckets[-3].settled == {None: 1}
    assert buckets[-6].accepted == 4


def test_each_bucket_has_the_number_of_jobs_unfinished_at_its_end(factory: Factory) -> None:
    accepted(factory, 90, **ended(4))
    accepted(factory, 3, **ended(1))
    accepted(factory, 2)
    accepted(factory, 0.1, state="running")
    buckets = read(factory)

    assert [bucket.unfinished for bucket in buckets[-6:]] == [1, 0, 1, 2, 1, 2]
    assert buckets[0].unfinished == 1


def test_another_workspaces_jobs_do_not_count(factory: Factory) -> None:
    accepted(Factory(factory.connection), 3, **ended(1))

    assert sum(bucket.ended + bucket.accepted + bucket.unfinished for bucket in read(factory)) == 0


def test_a_job_that_ended_after_the_local_time_counts_in_the_last_minute(factory: Factory) -> None:
    accepted(factory, 1, **ended(-2))

    assert read(factory)[-1].ended == 1


def test_jobs_that_ended_after_the_local_time_are_added_to_the_last_minute(factory: Factory) -> None:
    accepted(factory, 5, **ended(0.1))
    accepted(factory, 5, **ended(0.2))
    accepted(factory, 5, **ended(-1))
    accepted(factory, 5, **ended(-2))
    accepted(factory, 5, **ended(-2, None))
    buckets = read(factory)

    assert buckets[-1].settled == {Outcome.SAME_PROFILE: 4, None: 1}
    assert sum(bucket.ended for bucket in buckets) == 5
    assert buckets[0].unfinished == 0
