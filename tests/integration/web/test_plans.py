"""Plans: merges that are previewed, stored, and applied with exactly the previewed changes."""

import os
import random
from typing import Any
from uuid import uuid4

import pytest

from app.db.connections import Connection, Pool
from app.plans import applying
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged
from tests.support.plans import apply, finish_plan, jobs_of_plan, plan_pairs, read_plan, updates_of
from tests.support.profiles import track

Json = dict[str, Any]
#: Number of random merges of the plan. MERGELANE_TEST_PLAN_MERGES=1000 selects the long test.
MERGES = int(os.environ.get("MERGELANE_TEST_PLAN_MERGES", "120"))


def random_people(caller: Caller, chance: random.Random, size: int) -> None:
    """Store profiles with random attributes, aliases, events and purchases. Some share an address."""
    for start in range(0, size, 50):
        numbers = range(start, min(start + 50, size))
        attributes = [
            {
                **ext(f"p{number}"),
                "email": f"mail{chance.randrange(size // 2)}@example.com" if chance.random() < 0.8 else None,
                "phone": f"+1415555{chance.randrange(size):04}" if chance.random() < 0.5 else None,
                "first_name": chance.choice(["Ada", "Bob", None]),
                "colour": chance.choice(["red", "blue", None]),
                "score": chance.choice([1, 1.5, 1e22, 12345678901234567, 1e-7, None]),
            }
            for number in numbers
        ]
        months = [chance.randint(1, 5) for _ in numbers]
        events = [
            {**ext(f"p{number}"), "name": chance.choice("ab"), "time": f"2026-0{month}-01T00:00:00Z"}
            for number, month in zip(numbers, months, strict=True)
        ]
        purchases = [
            {
                **ext(f"p{number}"),
                "product_id": "book",
                "currency": "USD",
                "price": 9.99,
                "time": "2026-02-01T00:00:00Z",
            }
            for number in numbers
            if chance.random() < 0.3
        ]
        track(caller, attributes=attributes, events=events, purchases=purchases)
    names = [{**ext(f"p{number}"), "alias_name": f"a{number}", "alias_label": "crm"} for number in range(0, size, 3)]
    for start in range(0, len(names), 50):
        caller.post("/users/alias/new", {"user_aliases": names[start : start + 50]})


def random_identifier(chance: random.Random, size: int) -> Json:
    number = chance.randrange(size)
    match chance.randrange(8):
        case 0:
            return {
                "email": f"mail{number // 2}@example.com",
                "prioritization": ["identified", "most_recently_updated"],
            }
        case 1:
            return {"phone": f"+1415555{number:04}", "prioritization": ["most_recently_updated"]}
        case 2:
            return {"user_alias": {"alias_name": f"a{number // 3 * 3}", "alias_label": "crm"}}
        case _:
            return ext(f"p{number}")


@pytest.fixture(params=[(60, 6), (1_000, 50)], ids=["small windows", "one window"])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and lanes of different sizes."""
    window, in_lane = request.param
    monkeypatch.setattr(applying, "WINDOW", window)
    monkeypatch.setattr(applying, "MOST_IN_LANE", in_lane)


@pytest.mark.usefixtures("window")
def test_an_applied_plan_makes_exactly_the_previewed_changes(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    chance = random.Random(MERGES)
    size = MERGES * 2
    random_people(caller, chance, size)
    pairs = [(random_identifier(chance, size), random_identifier(chance, size)) for _ in range(MERGES)]

    plan = plan_pairs(caller, *pairs, page=20)
    run = finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))
    jobs = jobs_of_plan(connection, plan["plan_id"])

    assert plan["counts"]["merged"] > MERGES / 3
    assert run["state"] == "finished"
    assert {index: (job["outcome"], job["changes"]) for index, job in jobs.items()} == {
        update["index"]: (update["outcome"], update["changes"]) for update in plan["updates"]
    }
    assert run["counts"] == plan["counts"]


def make_pairs(caller: Caller, number: int) -> list[tuple[Json, Json]]:
    """Store *number* pairs of profiles and return their identifiers."""
    for start in range(0, number, 25):
        numbers = range(start, min(start + 25, number))
        track(caller, attributes=[{**ext(f"{side}{n}"), "first_name": side} for n in numbers for side in ("o", "s")])
    return [(ext(f"o{n}"), ext(f"s{n}")) for n in range(number)]


WRITES: dict[str, Any] = {
    "an attribute": lambda caller, who: track(caller, attributes=[{**who, "colour": "green"}]),
    "the same attribute again": lambda caller, who: track(caller, attributes=[{**who, "first_name": "s"}]),
    "an event": lambda caller, who: track(caller, events=[{**who, "name": "seen", "time": "2026-01-01T00:00:00Z"}]),
    "a purchase": lambda caller, who: track(
        caller,
        purchases=[{**who, "product_id": "x", "currency": "USD", "price": 1, "time": "2026-01-01T00:00:00Z"}],
    ),
    "an alias": lambda caller, who: caller.post(
        "/users/alias/new", {"user_aliases": [{**who, "alias_name": "n", "alias_label": "l"}]}
    ),
    "another external_id": lambda caller, who: caller.post(
        "/users/external_ids/rename",
        {
            "external_id_renames": [
                {"current_external_id": who["external_id"], "new_external_id": f"new-{who['external_id']}"}
            ]
        },
    ),
    "a deletion": lambda caller, who: caller.post("/users/delete", {"external_ids": [who["external_id"]]}),
}


@pytest.mark.parametrize("side", [0, 1], ids=["orphan", "survivor"])
@pytest.mark.parametrize("write", WRITES)
def test_any_write_to_a_profile_prevents_the_merge_of_its_pair(
    caller: Caller, pool: Pool, connection: Connection, write: str, side: int
) -> None:
    pairs = make_pairs(caller, 3)
    plan = plan_pairs(caller, *pairs)
    WRITES[write](caller, pairs[1][side])

    finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))
    jobs = connection.execute(
        "SELECT outcome, reason FROM job WHERE workspace_id = %s ORDER BY id", [caller.workspace_id]
    ).fetchall()

    expected = ["merged", "changed_since_plan", "merged"]
    if write == "a deletion":  # the deletion also deletes the update of the profile
        expected = ["merged", "merged"]
    assert [job["outcome"] for job in jobs] == expected, jobs


def test_changed_profiles_prevent_only_the_merges_of_their_own_pairs(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    pairs = make_pairs(caller, 60)
    plan = plan_pairs(caller, *pairs)
    changed = set(random.Random(3).sample(range(60), 20))
    track(caller, attributes=[{**pairs[number][number % 2], "colour": "green"} for number in changed])

    run = finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))
    jobs = jobs_of_plan(connection, plan["plan_id"])

    assert run["counts"] == {"changed_since_plan": 20, "merged": 40}
    assert {index for index, job in jobs.items() if job["outcome"] == "changed_since_plan"} == changed
    assert all("custom_attributes" in jobs[index]["reason"] for index in changed)


def test_a_new_candidate_prevents_a_merge(caller: Caller, pool: Pool, connection: Connection) -> None:
    track(caller, attributes=[{**ext("a"), "email": "ada@example.com"}, ext("b")])
    plan = plan_pairs(caller, ({"email": "ada@example.com", "prioritization": ["identified"]}, ext("b")))
    track(caller, attributes=[{**ext("c"), "email": "ada@example.com"}])

    finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))
    (job,) = jobs_of_plan(connection, plan["plan_id"]).values()

    assert (job["outcome"], "orphan_ambiguous" in job["reason"]) == ("changed_since_plan", True)


def test_a_pair_that_could_not_merge_when_planned_is_not_merged(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[ext("a")])
    plan = plan_pairs(caller, (ext("a"), ext("late")))
    track(caller, attributes=[ext("late")])

    finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))
    (job,) = jobs_of_plan(connection, plan["plan_id"]).values()

    assert plan["counts"] == {"survivor_not_found": 1}
    assert job["outcome"] == "changed_since_plan"


def test_a_merge_waits_for_the_earlier_merges_of_its_plan(
    caller: Caller, pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "WINDOW", 1)
    track(caller, attributes=[{**ext(name), "letter": name} for name in "abcd"])
    plan = plan_pairs(caller, (ext("a"), ext("b")), (ext("b"), ext("c")), (ext("c"), ext("d")), page=1)

    run = finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))

    assert run["counts"] == {"merged": 3}


def test_a_merge_without_the_earlier_merge_of_its_plan_is_not_applied(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[ext(name) for name in "abc"])
    plan = plan_pairs(caller, (ext("a"), ext("b")), (ext("b"), ext("c")))

    finish_plan(caller, pool, connection, apply(caller, plan["plan_id"], {"only": [1]}))
    jobs = jobs_of_plan(connection, plan["plan_id"])

    assert {index: job["outcome"] for index, job in jobs.items()} == {1: "changed_since_plan"}
    assert "earlier merge of the plan" in jobs[1]["reason"]


def test_a_part_of_a_plan_is_applied(caller: Caller, pool: Pool, connection: Connection) -> None:
    plan = plan_pairs(caller, *make_pairs(caller, 5))

    run = finish_plan(caller, pool, connection, apply(caller, plan["plan_id"], {"only": [3, 1, 3]}))

    assert (run["jobs"], run["counts"]) == (2, {"merged": 2})
    assert set(jobs_of_plan(connection, plan["plan_id"])) == {1, 3}


def test_a_plan_is_applied_once(caller: Caller) -> None:
    plan_id = plan_pairs(caller, *make_pairs(caller, 1))["plan_id"]
    run_id = apply(caller, plan_id)

    again = caller.post(f"/merge/plans/{plan_id}/apply", {})
    appended = caller.post(f"/merge/plans/{plan_id}/updates", updates_of([(ext("a"), ext("b"))]))
    discarded = caller.delete(f"/merge/plans/{plan_id}")

    assert [each.status_code for each in (again, appended, discarded)] == [409, 409, 409]
    assert run_id in again.json["message"]


def test_a_discarded_plan_gets_404(caller: Caller) -> None:
    plan_id = plan_pairs(caller, *make_pairs(caller, 1))["plan_id"]

    assert caller.delete(f"/merge/plans/{plan_id}").status_code == 200
    assert caller.get(f"/merge/plans/{plan_id}").status_code == 404
    assert caller.post(f"/merge/plans/{plan_id}/apply", {}).status_code == 404
    assert caller.get("/merge/plans").json["plans"] == []


def test_an_index_that_the_plan_does_not_have_is_refused(caller: Caller) -> None:
    plan_id = plan_pairs(caller, *make_pairs(caller, 2))["plan_id"]

    for only in ([2], [-1], [], ["0"], [True]):
        assert caller.post(f"/merge/plans/{plan_id}/apply", {"only": only}).status_code == 400, only
    assert caller.post(f"/merge/plans/{uuid4()}/apply", {}).status_code == 404


def test_the_summary_counts_outcomes_and_fields(caller: Caller) -> None:
    track(
        caller,
        attributes=[
            {**ext("a"), "first_name": "Ada", "last_name": "L", "x": 1, "y": 2},
            ext("b"),
            {**ext("c"), "x": 1},
            ext("d"),
        ],
    )
    plan = plan_pairs(caller, (ext("a"), ext("b")), (ext("c"), ext("d")), (ext("e"), ext("f")), page=1)

    assert plan["counts"] == {"merged": 2, "orphan_not_found": 1}
    assert plan["fields_changed"] == {"custom_attributes": 2, "first_name": 1, "last_name": 1}
    assert [(each["index"], each["changes"]) for each in plan["largest"]] == [(0, 4), (1, 1)]
    assert plan["updates_count"] == 3


def test_planning_changes_no_profile(caller: Caller, pool: Pool) -> None:
    pairs = make_pairs(caller, 2)
    plan_id = plan_pairs(caller, *pairs, page=1)["plan_id"]

    assert read_plan(caller, plan_id)["state"] == "open"
    assert [job["outcome"] for job in merged(caller, pool, *pairs)] == ["merged", "merged"]
