"""Jobs of one lane and consecutive lanes: each job sees the effects of all earlier jobs, in any order."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from app.db.connections import Pool
from tests.integration.lane.running import merge_all, merge_one, outcomes_of
from tests.support.factories import LONG_AGO, Factory, Wire, alias, by_email, by_phone, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

NEWEST_GUEST = ("unidentified", "most_recently_updated")


def people(factory: Factory, names: str, **fields: Any) -> None:
    """Make a profile for each letter of *names*. Its sum 1, 10, 100, … identifies it in the sum of a survivor."""
    for place, name in enumerate(names):
        factory.profile(name, session_count=10**place, **fields)


def left(factory: Factory) -> dict[str | None, int]:
    """Return the sums of the existing profiles by external_id."""
    rows = factory.rows("SELECT external_id, session_count FROM profile WHERE workspace_id = %s")
    return {row["external_id"]: row["session_count"] for row in rows}


CHAIN: list[tuple[Wire, Wire]] = [(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("c"), ext("d"))]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("lanes", ["one lane", "a lane each"])
def test_a_chain_ends_in_one_profile_in_any_order(
    pool: Pool, factory: Factory, order: tuple[int, ...], lanes: str
) -> None:
    people(factory, "abcd")
    updates = [CHAIN[place] for place in order]

    if lanes == "one lane":
        outcomes = outcomes_of(merge_all(pool, factory, *updates))
    else:
        outcomes = [merge_one(pool, factory, *update)["outcome"] for update in updates]

    assert outcomes == ["merged"] * 3
    assert left(factory) == {"d": 1111}


@pytest.mark.parametrize("lanes", ["one lane", "a lane each"])
def test_a_cycle_ends_in_one_profile(pool: Pool, factory: Factory, lanes: str) -> None:
    people(factory, "abc")
    updates = [(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("c"), ext("a"))]

    if lanes == "one lane":
        outcomes = outcomes_of(merge_all(pool, factory, *updates))
    else:
        outcomes = [merge_one(pool, factory, *update)["outcome"] for update in updates]

    assert outcomes == ["merged", "merged", "same_profile"]
    assert left(factory) == {"c": 111}


def test_a_pair_merged_both_ways_is_merged_once(pool: Pool, factory: Factory) -> None:
    people(factory, "ab")

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (ext("b"), ext("a")))

    assert outcomes_of(rows) == ["merged", "same_profile"]
    assert left(factory) == {"b": 11}


def test_a_duplicate_is_merged_once(pool: Pool, factory: Factory) -> None:
    people(factory, "ab")

    rows = merge_all(pool, factory, *[(ext("a"), ext("b"))] * 5)

    assert outcomes_of(rows) == ["merged"] + ["already_merged"] * 4
    assert left(factory) == {"b": 11}


def test_a_profile_is_not_merged_into_itself(pool: Pool, factory: Factory) -> None:
    factory.profile("a", user_aliases={"mail": "a"}, email="a@x.org", session_count=1)

    rows = merge_all(
        pool,
        factory,
        (ext("a"), ext("a")),
        (alias("mail", "a"), ext("a")),
        (ext("a"), by_email("A@x.org", "most_recently_updated")),
    )

    assert outcomes_of(rows) == ["same_profile"] * 3
    assert left(factory) == {"a": 1}


def test_an_orphan_that_was_merged_is_not_merged_again(pool: Pool, factory: Factory) -> None:
    people(factory, "abc")

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (ext("a"), ext("c")))

    assert outcomes_of(rows) == ["merged", "already_merged"]
    assert left(factory) == {"b": 11, "c": 100}


def test_a_star_ends_in_its_central_profile(pool: Pool, factory: Factory) -> None:
    people(factory, "abcdef")

    rows = merge_all(pool, factory, *((ext(name), ext("a")) for name in "bcdef"))

    assert outcomes_of(rows) == ["merged"] * 5
    assert left(factory) == {"a": 111111}


def test_an_alias_that_moved_in_the_lane_merges_no_other_profile(pool: Pool, factory: Factory) -> None:
    factory.profile("a", user_aliases={"mail": "a"}, session_count=1)
    factory.profile("b", user_aliases={"guest": "b"}, session_count=10)
    people(factory, "c")

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (alias("mail", "a"), ext("c")))

    assert outcomes_of(rows) == ["merged", "already_merged"]
    assert left(factory) == {"b": 11, "c": 1}


def test_an_alias_that_moved_in_the_lane_finds_the_survivor(pool: Pool, factory: Factory) -> None:
    factory.profile("a", user_aliases={"mail": "a"}, session_count=1)
    factory.profile("b", session_count=10)
    factory.profile("c", session_count=100)

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (ext("c"), alias("mail", "a")))

    assert outcomes_of(rows) == ["merged", "merged"]
    assert left(factory) == {"b": 111}


def test_an_alias_that_clashed_in_the_lane_finds_no_profile(pool: Pool, factory: Factory) -> None:
    factory.profile("a", user_aliases={"mail": "a"})
    factory.profile("b", user_aliases={"mail": "b"})
    factory.profile("c")

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (alias("mail", "a"), ext("c")))

    assert outcomes_of(rows) == ["merged", "orphan_not_found"]


def test_aliases_move_along_a_chain(pool: Pool, factory: Factory) -> None:
    factory.profile("a", user_aliases={"mail": "a", "app": "a", "shop": "a"})
    factory.profile("b", user_aliases={"mail": "b"})
    c = factory.profile("c", user_aliases={"app": "c"})

    merge_all(pool, factory, (ext("a"), ext("b")), (ext("b"), ext("c")))

    assert (factory.load(c) or c).user_aliases == {"mail": "b", "app": "c", "shop": "a"}


def test_an_external_id_taken_over_in_the_lane_is_followed(pool: Pool, factory: Factory) -> None:
    people(factory, "a")
    factory.profile(user_aliases={"guest": "g"}, session_count=10)
    people(factory, "c")

    rows = merge_all(pool, factory, (ext("a"), alias("guest", "g")), (ext("a"), ext("c")), (ext("a"), ext("c")))

    assert outcomes_of(rows) == ["merged", "merged", "already_merged"]
    assert left(factory) == {"c": 12}


def test_an_address_is_looked_up_again_after_its_profiles_changed(pool: Pool, factory: Factory) -> None:
    for place in range(3):
        factory.profile(email="same@x.org", updated_at=LONG_AGO + timedelta(days=place), session_count=10**place)
    people(factory, "k")

    rows = merge_all(pool, factory, *[(by_email("same@x.org", *NEWEST_GUEST), ext("k"))] * 4)

    # The survivor gets the address but is identified, so the fourth job finds no unidentified profile with it.
    assert outcomes_of(rows) == ["merged", "merged", "merged", "orphan_not_found"]
    assert left(factory) == {"k": 112}
    assert len({row["orphan_id"] for row in rows[:3]}) == 3


def test_an_address_that_moved_to_the_survivor_merges_no_other_profile(pool: Pool, factory: Factory) -> None:
    factory.profile("a", phone="+14155550123")
    people(factory, "bc")

    rows = merge_all(
        pool,
        factory,
        (ext("a"), ext("b")),
        (by_phone("+1 415 555 0123", "identified"), ext("c")),
    )

    assert outcomes_of(rows) == ["merged", "already_merged"]
    assert left(factory) == {"b": 1, "c": 10}


def test_the_survivor_of_a_merge_is_the_most_recently_updated(pool: Pool, factory: Factory) -> None:
    factory.profile("new", email="same@x.org", updated_at=LONG_AGO + timedelta(days=9))
    old = factory.profile("old", email="same@x.org", updated_at=LONG_AGO)
    people(factory, "ab")

    rows = merge_all(pool, factory, (ext("a"), ext("old")), (ext("b"), by_email("same@x.org", "most_recently_updated")))

    assert outcomes_of(rows) == ["merged", "merged"]
    assert rows[1]["survivor_id"] == old.id


def test_two_survivors_of_one_lane_never_tie(pool: Pool, factory: Factory) -> None:
    last = [factory.profile(f"s{number}", email="same@x.org") for number in range(10)][-1]
    people(factory, "abcdefghij")

    rows = merge_all(
        pool,
        factory,
        *((ext(name), ext(f"s{number}")) for number, name in enumerate("abcdefghij")),
        (by_email("same@x.org", "most_recently_updated"), ext("s0")),
    )

    assert outcomes_of(rows) == ["merged"] * 11
    assert rows[-1]["orphan_id"] == last.id


def test_a_lane_that_finds_no_profile_finishes(pool: Pool, factory: Factory) -> None:
    rows = merge_all(
        pool, factory, *[(by_email("no@x.org", *NEWEST_GUEST), by_phone("+14155550199", *NEWEST_GUEST))] * 3
    )

    assert outcomes_of(rows) == ["orphan_not_found"] * 3
