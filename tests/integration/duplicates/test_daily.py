"""The daily run starts once a day at a local time, with any number of relays and after any pause."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

import pytest

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.duplicates.advance import start_due_daily_run, workspaces_with_due_runs
from app.duplicates.policy import DuplicatePolicy, next_daily, read_policy, write_policy
from app.duplicates.runs import DuplicateRun, list_runs
from schemas.keeping import KeepRule, Prefer, RunState, RunTrigger
from tests.support.duplicates import a_group, begin, pairs, run_of
from tests.support.factories import Factory
from tests.support.postgres import make_database_url
from workers.relay.duplicates import DuplicateRunner

database_url = make_database_url(scope="module")

MIDNIGHT = time(0, 0)


def moment(text: str) -> datetime:
    """Parse an ISO 8601 time."""
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("daily_at", "zone", "after", "due"),
    [
        ("00:00", "UTC", "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"),
        ("12:00", "UTC", "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"),
        ("12:00", "UTC", "2026-03-01T11:59:59Z", "2026-03-01T12:00:00Z"),
        ("00:10", "America/New_York", "2026-01-01T05:00:00Z", "2026-01-01T05:10:00Z"),
        ("00:10", "America/New_York", "2026-07-01T05:00:00Z", "2026-07-02T04:10:00Z"),
        ("00:00", "Pacific/Kiritimati", "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z"),
        # The nights in which the clocks go forward from 02:00 to 03:00, and back.
        ("02:30", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
        ("02:30", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("02:30", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
    ],
)
def test_the_next_daily_run_is_due_at_the_local_time(daily_at: str, zone: str, after: str, due: str) -> None:
    assert next_daily(time.fromisoformat(daily_at), time_zone=zone, after=moment(after)) == moment(due)


def configure_daily(pool: Pool, factory: Factory, *, due: datetime, rule: KeepRule | None = None) -> None:
    """Configure a daily run at midnight. The next one is *due*."""
    policy = DuplicatePolicy(rule=rule or KeepRule(), daily_at=MIDNIGHT, next_daily_at=due)
    run_in_transaction(pool, factory.workspace_id, write_policy, policy)


def runs_of(pool: Pool, factory: Factory) -> Sequence[DuplicateRun]:
    """Return the runs of the workspace."""
    with open_transaction(pool, factory.workspace_id) as tx:
        return list_runs(tx, limit=10)


def test_several_relays_start_a_due_daily_run_once(pool: Pool, factory: Factory) -> None:
    orphan, keeper = a_group(factory, "a@x.org", 2, 1)
    configure_daily(pool, factory, due=datetime.now(UTC) - timedelta(days=9), rule=KeepRule(prefer=Prefer.OLDEST))
    runners = [DuplicateRunner(pool, Settings()) for _ in range(4)]
    with ThreadPoolExecutor(len(runners)) as threads:
        steps = sum(threads.map(lambda runner: runner.run_once() + runner.run_once(), runners))

    (run,) = runs_of(pool, factory)
    assert steps == 1
    assert (run.trigger, run.state, run.counts.to_merge) == (RunTrigger.DAILY, RunState.FINISHED, 1)
    assert pairs(factory) == [(orphan.braze_id, keeper.braze_id)]


def test_after_days_without_relays_one_run_starts_and_the_next_is_due_tomorrow(pool: Pool, factory: Factory) -> None:
    now = moment("2026-05-10T08:00:00Z")
    configure_daily(pool, factory, due=now - timedelta(days=5, hours=8))

    def look(tx: Transaction) -> DuplicatePolicy:
        start_due_daily_run(tx, now=now)
        start_due_daily_run(tx, now=now)
        return read_policy(tx)

    policy = run_in_transaction(pool, factory.workspace_id, look)

    assert policy.next_daily_at == moment("2026-05-11T00:00:00Z")
    assert len(runs_of(pool, factory)) == 1


def test_a_running_run_replaces_the_daily_run(pool: Pool, factory: Factory) -> None:
    run_id = begin(pool, factory)
    configure_daily(pool, factory, due=datetime.now(UTC) - timedelta(hours=1))
    DuplicateRunner(pool, Settings()).run_once()

    assert [run.id for run in runs_of(pool, factory)] == [run_id]
    assert run_of(pool, factory, run_id).state == RunState.FINISHED


def test_no_daily_run_starts_before_its_time_or_without_a_policy(pool: Pool, factory: Factory) -> None:
    configure_daily(pool, factory, due=datetime.now(UTC) + timedelta(minutes=5))
    other = Factory(factory.connection)
    with lend_connection(pool) as connection:
        served = workspaces_with_due_runs(connection)

    assert {factory.workspace_id, other.workspace_id}.isdisjoint(served)
    with open_transaction(pool, other.workspace_id) as tx:
        assert read_policy(tx) == DuplicatePolicy()


def test_a_run_that_cannot_continue_fails_and_other_runs_finish(
    pool: Pool, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    other = Factory(factory.connection)
    broken, sound = begin(pool, factory), begin(pool, other)
    factory.rows("UPDATE duplicate_run SET cursor = '{}' WHERE workspace_id = %s RETURNING 1")
    runner = DuplicateRunner(pool, Settings())

    assert runner.run_once() == 1
    assert run_of(pool, factory, broken).state == RunState.FAILED
    assert run_of(pool, other, sound).state == RunState.FINISHED
    assert runner.run_once() == 0
    assert "duplicate_run_failed" in caplog.text
