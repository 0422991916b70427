"""Concurrent workers: no deadlock, no failed attempt, and exact sums."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from app.db.connections import Pool
from tests.integration.lane.running import deliver
from tests.support.factories import LONG_AGO, Factory, alias, by_email, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

WORKERS = 4


def at_once(*works: Callable[[], object]) -> None:
    """Run all *works* in threads that start at the same time. Raise an error that one of them raised."""
    start = Barrier(len(works), timeout=30)

    def begin(work: Callable[[], object]) -> None:
        start.wait()
        work()

    with ThreadPoolExecutor(len(works)) as executor:
        running = [executor.submit(begin, work) for work in works]
    for each in running:
        each.result()


def deliver_all(pool: Pool, factory: Factory, lanes: Sequence[Sequence[UUID]], **settings: Any) -> None:
    """Deliver *lanes* one after another."""
    for lane in lanes:
        deliver(pool, factory, lane, **settings)


def share_out(pool: Pool, factory: Factory, lanes: Sequence[Sequence[UUID]], **settings: Any) -> None:
    """Deliver *lanes* from several workers at once."""
    at_once(*(partial(deliver_all, pool, factory, lanes[place::WORKERS], **settings) for place in range(WORKERS)))


def live(factory: Factory) -> list[dict[str, Any]]:
    """Return the existing profiles."""
    return factory.rows("SELECT external_id, session_count, absorbed_count FROM profile WHERE workspace_id = %s")


def failed(factory: Factory) -> list[dict[str, Any]]:
    """Return the jobs that needed more than one attempt or are not finished."""
    query = "SELECT state, attempts, reason FROM job WHERE workspace_id = %s AND (attempts <> 1 OR state <> 'finished')"
    return factory.rows(query)


def deadlocks(factory: Factory) -> int:
    """Return the number of deadlocks in the database of the test."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database() AND %s > 0"
    (row,) = factory.rows(query)
    count: int = row["deadlocks"]
    return count


def test_a_pair_merged_both_ways_concurrently_is_merged_once(pool: Pool, factory: Factory) -> None:
    for number in range(25):
        a, b = f"a{number}", f"b{number}"
        factory.profile(a, session_count=1)
        factory.profile(b, session_count=10)
        jobs = [factory.job(ext(a), ext(b)), factory.job(ext(b), ext(a))]

        at_once(*(partial(deliver, pool, factory, [job_id]) for job_id in jobs))

        one, other = sorted(map(str, factory.outcomes(jobs)))
        assert (one, other) in {("already_merged", "merged"), ("merged", "same_profile")}
    assert failed(factory) == []
    assert Counter(row["session_count"] for row in live(factory)) == {11: 25}
    assert deadlocks(factory) == 0


def test_a_concurrent_cycle_of_three_ends_in_one_profile(pool: Pool, factory: Factory) -> None:
    for number in range(10):
        names = [f"{letter}{number}" for letter in "abc"]
        for place, name in enumerate(names):
            factory.profile(name, session_count=10**place)
        jobs = [factory.job(ext(names[place]), ext(names[(place + 1) % 3])) for place in range(3)]

        at_once(*(partial(deliver, pool, factory, [job_id]) for job_id in jobs))

        assert factory.outcomes(jobs).count("merged") == 2
    assert failed(factory) == []
    assert Counter(row["session_count"] for row in live(factory)) == {111: 10}


@pytest.mark.parametrize("lane_size", [1, 7])
def test_two_hundred_merges_into_one_survivor_have_exact_sums(pool: Pool, factory: Factory, lane_size: int) -> None:
    factory.profile("hub", session_count=1)
    for number in range(200):
        event = {"count": 2, "first": f"2026-01-01T00:{number % 60:02}:00.000Z", "last": "2026-02-01T00:00:00.000Z"}
        factory.profile(
            f"o{number}",
            session_count=number,
            revenue_cents=7,
            custom_events={"login": event},
            custom_attributes={f"a{number}": number},
        )
    jobs = [factory.job(ext(f"o{number}"), ext("hub")) for number in range(200)]
    lanes = [jobs[place : place + lane_size] for place in range(0, 200, lane_size)]

    share_out(pool, factory, lanes)

    assert failed(factory) == []
    assert set(factory.outcomes(jobs)) == {"merged"}
    columns = "session_count, revenue_cents, absorbed_count, custom_events, custom_attributes"
    (hub,) = factory.rows(f"SELECT {columns} FROM profile WHERE workspace_id = %s")
    assert (hub["session_count"], hub["revenue_cents"]) == (1 + sum(range(200)), 1400)
    assert hub["absorbed_count"] == 200
    assert hub["custom_events"]["login"]["count"] == 400
    assert hub["custom_events"]["login"]["first"] == "2026-01-01T00:00:00.000Z"
    assert hub["custom_attributes"] == {f"a{number}": number for number in range(200)}


def test_concurrent_workers_merge_all_unidentified_profiles_with_one_address(pool: Pool, factory: Factory) -> None:
    factory.profile("hub", session_count=1)
    for number in range(40):
        factory.profile(email="same@x.org", session_count=1, updated_at=LONG_AGO + timedelta(minutes=number))
    newest = by_email("same@x.org", "unidentified", "most_recently_updated")
    jobs = [factory.job(newest, ext("hub")) for _ in range(40)]

    # A worker that finds the address changed too often requeues its job, which is delivered again.
    while waiting := [job_id for job_id in jobs if factory.row(job_id)["state"] == "queued"]:
        share_out(pool, factory, [[job_id] for job_id in waiting], retry_delay_s=0.001)

    assert set(factory.outcomes(jobs)) == {"merged"}
    assert len({factory.row(job_id)["orphan_id"] for job_id in jobs}) == 40
    assert [row["session_count"] for row in live(factory)] == [41]


def test_random_concurrent_merges_lose_and_double_nothing(pool: Pool, factory: Factory) -> None:
    dice = random.Random(20260201)
    names = [f"p{number}" for number in range(40)]
    ids = {name: factory.profile(name, session_count=1, user_aliases={"mail": name}).id for name in names}
    updates = [tuple(dice.sample(names, 2)) for _ in range(160)]
    lanes = [
        factory.batch([(ext(one) if dice.random() < 0.5 else alias("mail", one), ext(two)) for one, two in part])
        for part in (updates[place : place + 4] for place in range(0, 160, 4))
    ]

    share_out(pool, factory, lanes)

    assert failed(factory) == []
    kept = live(factory)
    merged = factory.rows("SELECT orphan_id FROM job WHERE workspace_id = %s AND outcome = 'merged'")
    assert sum(row["session_count"] for row in kept) == len(names)
    assert len(kept) == len(names) - len(merged)
    assert len({row["orphan_id"] for row in merged}) == len(merged)
    origins = factory.rows("SELECT origin_id, profile_id FROM origin WHERE workspace_id = %s")
    assert {row["origin_id"] for row in origins} == {row["orphan_id"] for row in merged}
    alive = set(ids.values()) - {row["orphan_id"] for row in merged}
    assert {row["profile_id"] for row in origins} <= alive
    assert deadlocks(factory) == 0


def test_only_one_profile_takes_over_an_external_id(pool: Pool, factory: Factory) -> None:
    for number in range(10):
        ann, guest = f"ann{number}", f"guest{number}"
        factory.profile(ann)
        factory.profile(user_aliases={"mail": guest})
        factory.profile(user_aliases={"shop": guest})
        jobs = [factory.job(ext(ann), alias(label, guest)) for label in ("mail", "shop")]

        at_once(*(partial(deliver, pool, factory, [job_id]) for job_id in jobs))

        outcomes = sorted(map(str, factory.outcomes(jobs)))
        # The second job finds the external_id at the survivor of the first one, and merges this survivor.
        assert outcomes == ["merged", "merged"]
    assert failed(factory) == []
    assert sorted(row["external_id"] for row in live(factory)) == sorted(f"ann{number}" for number in range(10))


def test_two_profiles_with_the_same_new_external_id_become_one(pool: Pool, factory: Factory) -> None:
    for number in range(10):
        names = [f"{letter}{number}" for letter in "ab"]
        for name in names:
            factory.profile(user_aliases={name[0]: name}, session_count=1)
        jobs = [factory.batch([(alias(name[0], name), ext(f"new{number}"))], kind="identify")[0] for name in names]

        at_once(*(partial(deliver, pool, factory, [job_id]) for job_id in jobs))

        assert sorted(map(str, factory.outcomes(jobs))) == ["identified", "merged"]
    assert failed(factory) == []
    assert Counter(row["session_count"] for row in live(factory)) == {2: 10}
