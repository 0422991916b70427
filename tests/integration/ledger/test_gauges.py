"""The gauges of unfinished and dead jobs by workspace."""

import pytest

from app.db.connections import Connection, Pool, lend_connection
from app.ledger.gauges import LedgerGauges, count_jobs_by_workspace
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from tests.support.unguarded import unguarded

database_url = make_database_url(scope="module")


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the gauges count the jobs of all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


@pytest.fixture
def crowd(connection: Connection) -> list[int]:
    """Five workspaces with one waiting job each, the longest waiting one first."""
    return [a_workspace(connection, minutes) for minutes in (50, 40, 30, 20, 10)]


def a_workspace(connection: Connection, minutes: int) -> int:
    """Return a new workspace whose only job has waited for *minutes*."""
    factory = Factory(connection)
    job_id = factory.job(ext("a"), ext("b"))
    factory.set_jobs([job_id], f"created_at = now() - interval '{minutes} minutes'")
    return factory.workspace_id


def test_jobs_are_counted_by_state(pool: Pool, factory: Factory) -> None:
    _, running, dead, finished, _ = factory.batch([(ext("a"), ext("b"))] * 5)
    factory.set_jobs([running], "state = 'running', attempts = 1, published_at = now(), started_at = now()")
    factory.set_jobs([dead], "state = 'dead', reason = 'So.', finished_at = now()")
    factory.set_jobs([finished], "state = 'finished', outcome = 'same_profile', reason = 'So.', finished_at = now()")
    with lend_connection(pool) as connection:
        (row,) = count_jobs_by_workspace(connection, bound=10)

    assert (row["workspace_id"], row["workspaces"]) == (factory.workspace_id, 1)
    assert (row["queued"], row["running"], row["dead"]) == (2, 1, 1)


def test_the_longest_waiting_workspaces_come_first_and_the_others_are_counted(pool: Pool, crowd: list[int]) -> None:
    with lend_connection(pool) as connection:
        rows = count_jobs_by_workspace(connection, bound=10, limit=3)

    assert [row["workspace_id"] for row in rows] == crowd[:3]
    assert [round(row["oldest_s"] / 60) for row in rows] == [50, 40, 30]
    assert {row["workspaces"] for row in rows} == {5}


def test_jobs_are_counted_up_to_a_bound(pool: Pool, factory: Factory) -> None:
    factory.batch([(ext("a"), ext("b"))] * 5)
    with lend_connection(pool) as connection:
        (row,) = count_jobs_by_workspace(connection, bound=3)

    assert row["queued"] == 3


def test_a_workspace_whose_jobs_are_done_is_counted_with_zeros(pool: Pool, factory: Factory) -> None:
    job_id = factory.job(ext("a"), ext("b"))
    factory.set_jobs([job_id], "state = 'finished', outcome = 'same_profile', reason = 'So.', finished_at = now()")
    with lend_connection(pool) as connection:
        (row,) = count_jobs_by_workspace(connection, bound=10)

    assert row["workspace_id"] == factory.workspace_id
    assert (row["queued"], row["running"], row["dead"], row["oldest_s"]) == (0, 0, 0, 0.0)
    assert row["workspaces"] == 0


def test_workspaces_without_jobs_come_after_those_with_dead_jobs(
    pool: Pool, connection: Connection, crowd: list[int]
) -> None:
    idle = Factory(connection).workspace_id
    dead = Factory(connection)
    dead.set_jobs([dead.job(ext("a"), ext("b"))], "state = 'dead', reason = 'So.', finished_at = now()")
    with lend_connection(pool) as borrowed:
        rows = count_jobs_by_workspace(borrowed, bound=10)
        first = count_jobs_by_workspace(borrowed, bound=10, limit=6)

    assert [row["workspace_id"] for row in rows] == [*crowd, dead.workspace_id, idle]
    assert [row["workspace_id"] for row in first] == [*crowd, dead.workspace_id]
    assert {row["workspaces"] for row in rows} == {6}


def test_the_gauges_are_zero_while_nothing_waits(pool: Pool, factory: Factory) -> None:
    workspace = str(factory.workspace_id)
    families = {family.name: family.samples for family in LedgerGauges(lambda: pool, bound=10).collect()}

    jobs = {sample.labels["state"]: sample.value for sample in families["mergelane_jobs"]}
    (oldest,) = families["mergelane_oldest_waiting_job_age_seconds"]

    assert jobs == {"queued": 0, "running": 0, "dead": 0}
    assert (oldest.labels, oldest.value) == ({"workspace_id": workspace}, 0)


def test_the_gauges_are_refreshed_after_an_interval(pool: Pool, factory: Factory) -> None:
    now = 100.0
    gauges = LedgerGauges(lambda: pool, bound=10, clock=lambda: now)

    def count_workspaces() -> float:
        families = {family.name: family for family in gauges.collect()}
        return families["mergelane_workspaces_with_jobs"].samples[0].value

    before = count_workspaces()
    factory.job(ext("a"), ext("b"))
    meanwhile = count_workspaces()
    now += 5.0

    assert (before, meanwhile, count_workspaces()) == (0, 0, 1)
