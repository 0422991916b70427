"""Jobs that name an identifier of an unfinished identify wait for it, and identifications are published first."""

from typing import Any
from uuid import UUID

import pytest

from app.db.connections import Pool
from app.db.transaction import run_in_transaction
from app.ledger.dispatch import claim_lanes, mark_jobs_published
from tests.support.factories import Factory
from tests.support.flask_caller import Caller
from tests.support.worker import Worker

Json = dict[str, Any]


def alias(name: str, label: str = "cart") -> Json:
    return {"user_alias": {"alias_label": label, "alias_name": name}}


def identify(caller: Caller, *pairs: tuple[Json, str]) -> list[UUID]:
    """Accept an identify request; each pair is the unidentified profile and its new external_id."""
    arrays: Json = {}
    for named, external_id in pairs:
        array = next(
            name
            for kind, name in (
                ("user_alias", "aliases_to_identify"),
                ("email", "emails_to_identify"),
                ("phone", "phone_numbers_to_identify"),
            )
            if kind in named
        )
        arrays.setdefault(array, []).append({**named, "external_id": external_id})
    return job_ids(caller, caller.post("/users/identify", arrays))


def merge(caller: Caller, *pairs: tuple[Json, Json]) -> list[UUID]:
    """Accept a merge request."""
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    return job_ids(caller, caller.post("/users/merge", {"merge_updates": updates}))


def job_ids(caller: Caller, response: Any) -> list[UUID]:
    assert response.status_code in (201, 202), response.json
    batch: Any = caller.get(response.json["status_url"]).json
    return [UUID(job["job_id"]) for job in batch["jobs"]]


def ext(external_id: str) -> Json:
    return {"external_id": external_id}


@pytest.fixture
def pool(worker: Worker) -> Pool:
    return worker.pool


def claim(pool: Pool, caller: Caller, *, limit: int = 100) -> list[tuple[UUID, ...]]:
    """Claim lanes and mark them as published, as the relay does."""

    def claim_and_mark(tx: Any) -> list[tuple[UUID, ...]]:
        lanes = claim_lanes(tx, limit=limit).lanes
        mark_jobs_published(tx, tasks=dict(zip([lane[0] for lane in lanes], lanes, strict=True)))
        return lanes

    return run_in_transaction(pool, caller.workspace_id, claim_and_mark)


def test_identifications_are_published_before_older_jobs(caller: Caller, pool: Pool) -> None:
    older = merge(caller, (ext("a"), ext("b")), (ext("c"), ext("d")))
    (urgent,) = identify(caller, (alias("guest"), "joe"))

    assert claim(pool, caller) == [(urgent,), *((each,) for each in older)]


def test_a_small_claim_takes_the_identification_first(caller: Caller, pool: Pool) -> None:
    merge(caller, *[(ext(f"a{each}"), ext(f"b{each}")) for each in range(5)])
    (urgent,) = identify(caller, (alias("guest"), "joe"))

    assert claim(pool, caller, limit=1)[0] == (urgent,)


@pytest.mark.parametrize(
    ("identified", "orphan", "survivor"),
    [
        (alias("guest"), ext("joe"), ext("account")),
        (alias("guest"), ext("other"), ext("joe")),
        (alias("guest"), alias("guest"), ext("account")),
        (alias("guest"), ext("other"), alias("guest")),
        (
            {"email": "Joe@Example.com", "prioritization": ["unidentified"]},
            {"email": " joe@example.COM", "prioritization": ["identified"]},
            ext("account"),
        ),
        (
            {"phone": "+44 20 7946 0958", "prioritization": ["unidentified"]},
            ext("account"),
            {"phone": "+442079460958", "prioritization": ["unidentified"]},
        ),
    ],
)
def test_a_merge_that_names_an_identifier_of_an_identify_waits_for_it(
    caller: Caller, pool: Pool, worker: Worker, identified: Json, orphan: Json, survivor: Json
) -> None:
    (first,) = identify(caller, (identified, "joe"))
    (second,) = merge(caller, (orphan, survivor))
    (unrelated,) = merge(caller, (ext("x"), ext("y")))

    assert claim(pool, caller) == [(first,), (unrelated,)]
    assert claim(pool, caller) == []
    worker.run(caller.workspace_id, [first])
    assert claim(pool, caller) == [(second,)]


def test_an_identify_that_names_an_identifier_of_an_earlier_one_waits_for_it(
    caller: Caller, pool: Pool, worker: Worker
) -> None:
    (first,) = identify(caller, (alias("guest"), "joe"))
    (second,) = identify(caller, (alias("tablet"), "joe"))
    (third,) = identify(caller, (alias("tablet"), "ann"))

    assert claim(pool, caller) == [(first,)]
    worker.run(caller.workspace_id, [first])
    assert claim(pool, caller) == [(second,)]
    worker.run(caller.workspace_id, [second])
    assert claim(pool, caller) == [(third,)]


def test_a_lane_waits_when_a_later_job_of_it_names_the_identifier(caller: Caller, pool: Pool, worker: Worker) -> None:
    (first,) = identify(caller, (alias("guest"), "joe"))
    lane = merge(caller, (ext("a"), ext("b")), (ext("b"), ext("joe")))
    apart = merge(caller, (ext("c"), ext("d")), (alias("guest"), ext("e")))

    assert claim(pool, caller) == [(first,), (apart[0],)]
    worker.run(caller.workspace_id, [first])
    assert claim(pool, caller) == [tuple(lane), (apart[1],)]


def test_an_earlier_merge_does_not_wait(caller: Caller, pool: Pool) -> None:
    (earlier,) = merge(caller, (ext("joe"), ext("account")))
    (urgent,) = identify(caller, (alias("guest"), "joe"))

    assert claim(pool, caller) == [(urgent,), (earlier,)]


def test_jobs_of_one_request_do_not_wait_for_each_other(caller: Caller, pool: Pool) -> None:
    crossed = identify(caller, (alias("one"), "two"), (alias("two"), "three"), (alias("three"), "one"))

    assert [each for lane in claim(pool, caller) for each in lane] == crossed


@pytest.mark.parametrize("limit", [1, 100])
def test_requests_that_name_each_others_identifiers_in_a_circle_all_finish(
    caller: Caller, pool: Pool, worker: Worker, limit: int
) -> None:
    waiting = [
        *identify(caller, (alias("one"), "two")),
        *identify(caller, (alias("two"), "three")),
        *identify(caller, (alias("three"), "one")),
        *merge(caller, (ext("one"), ext("three")), (ext("two"), alias("two"))),
    ]
    for _ in range(10):
        for lane in claim(pool, caller, limit=limit):
            worker.run(caller.workspace_id, lane)
            waiting = [each for each in waiting if each not in lane]

    assert not waiting


@pytest.mark.parametrize("state", ["published", "running", "queued again"])
def test_jobs_wait_until_the_identify_has_finished(
    caller: Caller, pool: Pool, factory: Factory, worker: Worker, state: str
) -> None:
    (first,) = identify(caller, (alias("guest"), "joe"))
    merge(caller, (ext("joe"), ext("account")))
    claim(pool, caller)
    factory.workspace_id = caller.workspace_id
    changes = {
        "running": "state = 'running', attempts = 1, started_at = now()",
        "queued again": "attempts = 1, published_at = NULL, due_at = now() + interval '1 hour'",
    }
    if state in changes:
        factory.set_jobs([first], changes[state])

    assert claim(pool, caller) == []


def test_jobs_do_not_wait_for_a_dead_identify(caller: Caller, pool: Pool, factory: Factory) -> None:
    (first,) = identify(caller, (alias("guest"), "joe"))
    (second,) = merge(caller, (ext("joe"), ext("account")))
    claim(pool, caller)
    factory.workspace_id = caller.workspace_id
    factory.set_jobs([first], "state = 'dead', reason = 'It failed.', finished_at = now()")

    assert claim(pool, caller) == [(second,)]


def test_another_workspace_does_not_wait(caller: Caller, make_caller: Any, pool: Pool) -> None:
    neighbour = make_caller()
    identify(caller, (alias("guest"), "joe"))
    (other,) = merge(neighbour, (ext("joe"), ext("account")))

    assert claim(pool, neighbour) == [(other,)]


def test_merges_by_one_alias_name_wait_under_any_label(caller: Caller, pool: Pool) -> None:
    (first,) = identify(caller, (alias("guest"), "joe"))
    merge(caller, (alias("guest", label="phone"), ext("account")))

    assert claim(pool, caller) == [(first,)]
