"""Throughput and backlog over time, told from the ledger."""

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
    """Write a job that was accepted so many minutes before NOW."""
    factory.batch([(ext("a"), ext("b"))], created_at=NOW - timedelta(minutes=minutes_ago), **columns)


def ended(minutes_ago: float, outcome: str | None = "same_profile") -> dict[str, Any]:
    """Return the columns of a job that ended so many minutes before NOW; of a dead one without an *outcome*."""
    end = {"finished_at": NOW - timedelta(minutes=minutes_ago), "reason": "So."}
    return {**end, "state": "finished", "outcome": outcome} if outcome else {**end, "state": "dead"}


def told(factory: Factory, period: ChartPeriod = ChartPeriod.HOUR) -> list[TimeBucket]:
    return read_throughput(Transaction(factory.connection, factory.workspace_id), period=period, now=NOW)


def test_a_quiet_hour_is_sixty_minutes_of_nothing(factory: Factory) -> None:
    stretches = told(factory)

    assert [stretch.begins_at.minute for stretch in stretches] == [*range(31, 60), *range(31)]
    assert {(stretch.accepted, stretch.ended, stretch.unfinished) for stretch in stretches} == {(0, 0, 0)}


def test_a_day_has_a_bucket_for_each_quarter_of_an_hour(factory: Factory) -> None:
    stretches = told(factory, ChartPeriod.DAY)

    assert len(stretches) == 96
    assert stretches[-1].begins_at == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert stretches[0].begins_at == datetime(2026, 2, 28, 12, 45, tzinfo=UTC)


def test_jobs_count_in_the_minute_in_which_they_ended_by_outcome(factory: Factory) -> None:
    accepted(factory, 5, **ended(3))
    accepted(factory, 5, **ended(3))
    accepted(factory, 5, **ended(3, "orphan_not_found"))
    accepted(factory, 5, **ended(2, None))
    stretches = told(factory)

    assert stretches[-4].settled == {Outcome.SAME_PROFILE: 2, Outcome.ORPHAN_NOT_FOUND: 1}
    assert stretches[-3].settled == {None: 1}
    assert stretches[-6].accepted == 4


def test_what_was_unfinished_at_each_moment_follows_from_what_is_now(factory: Factory) -> None:
    accepted(factory, 90, **ended(4))
    accepted(factory, 3, **ended(1))
    accepted(factory, 2)
    accepted(factory, 0.1, state="running")
    stretches = told(factory)

    assert [stretch.unfinished for stretch in stretches[-6:]] == [1, 0, 1, 2, 1, 2]
    assert stretches[0].unfinished == 1


def test_another_workspaces_jobs_do_not_count(factory: Factory) -> None:
    accepted(Factory(factory.connection), 3, **ended(1))

    assert sum(stretch.ended + stretch.accepted + stretch.unfinished for stretch in told(factory)) == 0


def test_a_job_that_ended_before_our_clock_says_so_counts_in_the_last_minute(factory: Factory) -> None:
    accepted(factory, 1, **ended(-2))

    assert told(factory)[-1].ended == 1


def test_jobs_that_ended_after_our_clock_are_added_to_the_last_minute(factory: Factory) -> None:
    accepted(factory, 5, **ended(0.1))
    accepted(factory, 5, **ended(0.2))
    accepted(factory, 5, **ended(-1))
    accepted(factory, 5, **ended(-2))
    accepted(factory, 5, **ended(-2, None))
    buckets = told(factory)

    assert buckets[-1].settled == {Outcome.SAME_PROFILE: 4, None: 1}
    assert sum(bucket.ended for bucket in buckets) == 5
    assert buckets[0].unfinished == 0
