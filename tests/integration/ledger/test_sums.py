"""A chart from the sums of jobs by minute equals a chart that is counted from the jobs."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from app.db.connections import Connection, Pool, lend_connection
from app.db.ids import earliest_id_at
from app.db.transaction import open_transaction, run_in_transaction
from app.ledger.sums import MINUTE, list_workspaces_to_sum, prune_sums, sum_workspace
from app.ledger.throughput import ChartPeriod, TimeBucket, read_throughput
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from workers.relay.sums import MinuteSummer

database_url = make_database_url(scope="module")

OUTCOMES = ("merged", "orphan_not_found", None)
ENDED = "UPDATE job SET state = %s, outcome = %s, finished_at = %s, reason = 'So.' {} WHERE id = %s"
SIDES = ", orphan_id = 1, survivor_id = 2"


@pytest.fixture
def now(connection: Connection) -> datetime:
    """The current time of PostgreSQL."""
    (row,) = connection.execute("SELECT now() AS now").fetchall()
    moment: datetime = row["now"]
    return moment


def accepted(factory: Factory, at: datetime, *, seed: int) -> UUID:
    """Write a job that was accepted *at* a time, with an id of this time. Return the id."""
    (job_id,) = factory.batch([(ext("a"), ext("b"))], created_at=at)
    own = UUID(int=earliest_id_at(at).int | 7 << 76 | 2 << 62 | seed)
    factory.connection.execute("UPDATE job SET id = %s WHERE id = %s", [own, job_id])
    return own


def end(factory: Factory, job_id: UUID, at: datetime, outcome: str | None) -> None:
    state = "dead" if outcome is None else "finished"
    query = ENDED.format(SIDES if outcome == "merged" else "")
    factory.connection.execute(query.encode(), [state, outcome, at, job_id])


def charts(pool: Pool, factory: Factory, now: datetime) -> Iterator[list[TimeBucket]]:
    """Yield the buckets of each period."""
    for period in ChartPeriod:
        with open_transaction(pool, factory.workspace_id, snapshot=True) as tx:
            yield read_throughput(tx, period=period, now=now)


def summed(factory: Factory) -> int:
    """Return the number of summed minutes of the workspace."""
    query = "SELECT count(*) AS minutes FROM job_minute WHERE workspace_id = %s"
    (row,) = factory.rows(query)
    minutes: int = row["minutes"]
    return minutes


def test_a_chart_is_the_same_with_sums_and_without(pool: Pool, factory: Factory, now: datetime) -> None:
    chance = random.Random(7)
    for seed in range(150):
        at = now - timedelta(seconds=chance.uniform(0, 3 * 86_400) if seed % 2 else chance.uniform(0, 1_500))
        job_id = accepted(factory, at, seed=seed)
        ended_at = at + timedelta(seconds=chance.expovariate(1 / 600))
        if ended_at < now:
            end(factory, job_id, ended_at, OUTCOMES[seed % 3])
    counted = list(charts(pool, factory, now))
    MinuteSummer(pool).run_once()
    minutes = summed(factory)
    drawn = list(charts(pool, factory, now))
    again = MinuteSummer(pool).run_once()

    assert drawn == counted
    assert minutes > 100
    assert (again, summed(factory)) == (0, minutes)


def test_the_last_hour_with_jobs_is_in_the_chart_of_the_week(pool: Pool, factory: Factory, now: datetime) -> None:
    hour = (now - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    for seed, (at, minutes) in enumerate(((hour + 10 * MINUTE, 6), (now - 130 * MINUTE, 70), (now - 10 * MINUTE, 6))):
        end(factory, accepted(factory, at, seed=seed), at + 3 * MINUTE, "orphan_not_found")
        until = at.replace(second=0, microsecond=0) + minutes * MINUTE
        sum_workspace(pool, factory.workspace_id, until=until)
    week = list(charts(pool, factory, now))[-1]

    assert sum(bucket.ended for bucket in week) == sum(bucket.accepted for bucket in week) == 3


def test_a_retried_dead_job_stays_in_the_minute_of_its_death(pool: Pool, factory: Factory, now: datetime) -> None:
    job_id = accepted(factory, now - 20 * MINUTE, seed=1)
    end(factory, job_id, now - 10 * MINUTE, None)
    MinuteSummer(pool).run_once()
    retried = "UPDATE job SET state = 'queued', finished_at = NULL, reason = NULL WHERE id = %s"
    factory.connection.execute(retried, [job_id])
    hour = next(charts(pool, factory, now))

    assert [bucket.settled for bucket in hour if bucket.settled] == [{None: 1}]
    assert (hour[-1].unfinished, hour[-15].unfinished, hour[-30].unfinished) == (1, 1, 0)


def test_minutes_of_a_quiet_workspace_are_not_summed_and_old_ones_are_deleted(
    pool: Pool, factory: Factory, now: datetime
) -> None:
    job_id = accepted(factory, now - 30 * MINUTE, seed=1)
    end(factory, job_id, now - 29 * MINUTE, "orphan_not_found")
    with lend_connection(pool) as connection:
        ((workspace_id, until),) = [
            each for each in list_workspaces_to_sum(connection) if each[0] == factory.workspace_id
        ]
        added = sum_workspace(pool, workspace_id, until=until)
        quiet = [each for each in list_workspaces_to_sum(connection) if each[0] == workspace_id]
    factory.connection.execute("UPDATE job_minute SET begins_at = begins_at - interval '9 days'")
    run_in_transaction(pool, workspace_id, lambda tx: prune_sums(tx).result())

    assert (added, quiet, summed(factory)) == (2, [], 0)
