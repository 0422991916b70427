"""A message that is repeated, late or out of order has no second effect."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.db.connections import Pool
from app.db.transaction import open_transaction
from tests.integration.lane.running import deliver
from tests.support.factories import Factory, Wire, ext
from tests.support.postgres import make_database_url
from tests.support.waiting import wait_until

database_url = make_database_url(scope="module")


def image(factory: Factory) -> list[list[dict[str, object]]]:
    """Return all rows that a delivery could change."""
    tables = ("profile", "user_alias", "origin", "redirect", "merge_record", "job")
    return [
        factory.rows(f"SELECT {table}::text AS row FROM {table} WHERE workspace_id = %s ORDER BY 1") for table in tables
    ]


def test_a_lane_delivered_again_has_no_second_effect(pool: Pool, factory: Factory) -> None:
    for name in "abc":
        factory.profile(name, session_count=1, user_aliases={"mail": name})
    job_ids = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("x"), ext("c"))])
    deliver(pool, factory, job_ids)
    before = image(factory)

    for _ in range(3):
        deliver(pool, factory, job_ids)

    assert image(factory) == before


def test_a_lane_delivered_in_parts_is_executed_once(pool: Pool, factory: Factory) -> None:
    for name in "abc":
        factory.profile(name, session_count=1)
    first, second = factory.batch([(ext("a"), ext("c")), (ext("b"), ext("c"))])

    deliver(pool, factory, [first])
    deliver(pool, factory, [second, first])

    assert factory.outcomes([first, second]) == ["merged", "merged"]
    assert [factory.row(job_id)["attempts"] for job_id in (first, second)] == [1, 1]


LANE = [(ext("a"), ext("b")), (ext("a"), ext("c")), (ext("b"), ext("c"))]
PUBLISHED = "published_at = now()"


def a_lane(factory: Factory, updates: Sequence[tuple[Wire, Wire]] = LANE) -> list[UUID]:
    """Write three profiles and a lane of *updates* between them. Return the ids of its jobs."""
    for name in "abc":
        factory.profile(name)
    return factory.batch(updates)


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("named", [[1], [2], [1, 2], [2, 1, 1]])
def test_a_message_without_the_first_job_of_a_lane_starts_no_job(
    pool: Pool, factory: Factory, named: list[int], published: bool
) -> None:
    job_ids = a_lane(factory)
    if published:
        factory.set_jobs(job_ids, PUBLISHED)
    before = image(factory)

    deliver(pool, factory, [job_ids[each] for each in named])
    untouched = image(factory)
    deliver(pool, factory, job_ids)

    assert untouched == before
    assert factory.outcomes(job_ids) == ["merged", "already_merged", "merged"]
    assert [factory.row(job_id)["attempts"] for job_id in job_ids] == [1, 1, 1]


@pytest.mark.parametrize("published", [True, False])
def test_a_gap_in_a_message_ends_its_lane(pool: Pool, factory: Factory, published: bool) -> None:
    job_ids = a_lane(factory)
    if published:
        factory.set_jobs(job_ids, PUBLISHED)

    deliver(pool, factory, [job_ids[0], job_ids[2]])
    states = factory.states(job_ids)
    deliver(pool, factory, job_ids)

    assert states == ["finished", "queued", "queued"]
    assert factory.outcomes(job_ids) == ["merged", "already_merged", "merged"]


def test_a_lane_continues_after_a_job_that_has_ended(pool: Pool, factory: Factory) -> None:
    job_ids = a_lane(factory)
    factory.set_jobs(job_ids[:1], "state = 'dead', reason = 'planted', finished_at = now()")

    deliver(pool, factory, job_ids[1:])

    assert [factory.row(job_id)["outcome"] for job_id in job_ids] == [None, "merged", "merged"]


def test_the_rest_of_a_lane_runs_while_its_first_job_waits_for_a_retry(pool: Pool, factory: Factory) -> None:
    job_ids = a_lane(factory)
    factory.set_jobs(job_ids, PUBLISHED)
    factory.set_jobs(job_ids[:1], "attempts = 1, published_at = NULL, due_at = now() + interval '1 hour'")

    deliver(pool, factory, job_ids)

    assert factory.states(job_ids) == ["queued", "finished", "finished"]


def test_no_message_starts_a_job_before_its_next_attempt_is_due(pool: Pool, factory: Factory) -> None:
    job_id = factory.job(ext("a"), ext("b"), attempts=1)
    factory.set_jobs([job_id], "due_at = now() + interval '1 hour'")
    before = image(factory)

    deliver(pool, factory, [job_id])

    assert image(factory) == before


@pytest.mark.parametrize("named", [[0], [1], [0, 1]])
def test_no_message_starts_a_lane_that_waits_for_an_identification(
    pool: Pool, factory: Factory, named: list[int]
) -> None:
    keys = {"search_keys": ["external_id=a"]}
    identification = factory.job(ext("a"), ext("z"), kind="identify", **keys)
    job_ids = factory.batch([(ext("a"), ext("b")), (ext("a"), ext("c"))], **keys)
    before = image(factory)

    deliver(pool, factory, [job_ids[each] for each in named])
    untouched = image(factory)
    deliver(pool, factory, [identification])
    deliver(pool, factory, job_ids)

    assert untouched == before
    assert factory.states([identification, *job_ids]) == ["finished"] * 3


def test_jobs_run_in_the_order_of_the_request_not_of_the_message(pool: Pool, factory: Factory) -> None:
    for name in "abc":
        factory.profile(name)
    job_ids = factory.batch([(ext("a"), ext("b")), (ext("a"), ext("c"))])

    deliver(pool, factory, list(reversed(job_ids)))

    assert factory.outcomes(job_ids) == ["merged", "already_merged"]


def test_a_job_named_twice_runs_once(pool: Pool, factory: Factory) -> None:
    for name in "ab":
        factory.profile(name)
    job_id = factory.job(ext("a"), ext("b"))

    deliver(pool, factory, [job_id, job_id])

    assert (factory.row(job_id)["outcome"], factory.row(job_id)["attempts"]) == ("merged", 1)


def test_a_job_that_does_not_exist_is_skipped(pool: Pool, factory: Factory) -> None:
    factory.profile("a")
    job_id = factory.job(ext("a"), ext("a"))

    deliver(pool, factory, [uuid7(), job_id])
    deliver(pool, factory, [])

    assert factory.row(job_id)["outcome"] == "same_profile"


def test_the_job_names_the_task_of_its_last_delivery(pool: Pool, factory: Factory) -> None:
    factory.profile("a")
    job_id = factory.job(ext("a"), ext("a"), task_id=uuid7())

    task_id = deliver(pool, factory, [job_id])
    deliver(pool, factory, [job_id])

    assert factory.row(job_id)["task_id"] == task_id


def test_an_attempt_whose_worker_died_is_repeated(pool: Pool, factory: Factory) -> None:
    for name in "ab":
        factory.profile(name)
    job_id = factory.job(ext("a"), ext("b"), state="running", attempts=2)

    deliver(pool, factory, [job_id])

    assert (factory.row(job_id)["outcome"], factory.row(job_id)["attempts"]) == ("merged", 3)


@pytest.mark.parametrize("workers", [2, 4])
def test_a_lane_delivered_to_several_workers_at_once_runs_once(pool: Pool, factory: Factory, workers: int) -> None:
    for number in range(12):
        factory.profile(f"o{number}", session_count=1)
        factory.profile(f"s{number % 3}{number}")
    factory.profile("hub", session_count=100)
    job_ids = factory.batch([(ext(f"o{number}"), ext("hub")) for number in range(12)])

    with ThreadPoolExecutor(workers) as executor:
        deliveries = [executor.submit(deliver, pool, factory, job_ids) for _ in range(workers)]
    for delivery in deliveries:
        delivery.result()

    assert factory.outcomes(job_ids) == ["merged"] * 12
    (hub,) = factory.rows("SELECT session_count FROM profile WHERE workspace_id = %s AND external_id = 'hub'")
    assert hub["session_count"] == 112
    (records,) = factory.rows("SELECT count(*) AS count FROM merge_record WHERE workspace_id = %s")
    assert records["count"] == 12


def test_a_repeated_delivery_waits_for_the_first_and_finds_nothing_to_do(pool: Pool, factory: Factory) -> None:
    a = factory.profile("a")
    factory.profile("b")
    job_id = factory.job(ext("a"), ext("b"))
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    with ThreadPoolExecutor(2) as executor:
        with open_transaction(pool, factory.workspace_id) as tx:
            tx.execute("SELECT 1 FROM profile WHERE id = %(id)s FOR UPDATE", {"id": a.id})
            deliveries = [executor.submit(deliver, pool, factory, [job_id]) for _ in range(2)]
            wait_until(lambda: len(factory.connection.execute(waiting).fetchall()) == 2, what="both to wait")
        for delivery in deliveries:
            delivery.result(30)

    (records,) = factory.rows("SELECT count(*) AS count FROM merge_record WHERE workspace_id = %s")
    assert (factory.row(job_id)["outcome"], records["count"]) == ("merged", 1)
