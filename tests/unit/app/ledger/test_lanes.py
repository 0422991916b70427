"""Lanes: the updates of a request that must run in the order of the request."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from app.ledger.lanes import lane_heads

UPDATES = st.lists(st.frozensets(st.integers(0, 12), min_size=1, max_size=2), max_size=50)


def test_no_updates_have_no_lanes() -> None:
    assert lane_heads([]) == []


def test_updates_without_a_common_key_have_a_lane_each() -> None:
    assert lane_heads([("a", "b"), ("c", "d"), ("e", "f")]) == [0, 1, 2]


def test_a_common_key_on_any_side_makes_one_lane() -> None:
    assert lane_heads([("a", "b"), ("c", "d"), ("b", "e"), ("d", "c")]) == [0, 1, 0, 1]


def test_a_late_update_joins_two_lanes_into_one() -> None:
    assert lane_heads([("a", "b"), ("c", "d"), ("e", "f"), ("d", "b")]) == [0, 0, 2, 0]


def test_a_chain_in_any_order_is_one_lane() -> None:
    chain = [(number, number + 1) for number in range(49)]
    chain = chain[::3] + chain[1::3] + chain[2::3][::-1]

    assert lane_heads(chain) == [0] * 49


def test_an_update_that_names_one_profile_twice_has_its_own_lane() -> None:
    assert lane_heads([("a", "a"), ("b", "b")]) == [0, 1]


@given(UPDATES)
def test_a_lane_has_all_updates_that_common_keys_connect(updates: list[frozenset[int]]) -> None:
    reachable = list(range(len(updates)))
    for _ in updates:
        for one, other in combinations(range(len(updates)), 2):
            if updates[one] & updates[other]:
                reachable[one] = reachable[other] = min(reachable[one], reachable[other])

    assert lane_heads(updates) == reachable
