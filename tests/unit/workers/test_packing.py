"""Packing: no packing at ordinary load, more with a backlog, and no lane is split."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from workers.packing import MESSAGES_A_ROUND, pack_lanes, would_pack

LANES = st.lists(st.integers(1, 6), max_size=300).map(
    lambda sizes: [tuple(f"{lane}.{job}" for job in range(size)) for lane, size in enumerate(sizes)]
)


def singles(count: int) -> list[tuple[int, ...]]:
    """Return *count* lanes of one job each."""
    return [(number,) for number in range(count)]


def test_no_lanes_make_no_message() -> None:
    assert pack_lanes([], lane_size=10) == []


@pytest.mark.parametrize("count", [1, 50, MESSAGES_A_ROUND, 2 * MESSAGES_A_ROUND - 1])
def test_at_ordinary_load_every_job_is_a_message(count: int) -> None:
    assert pack_lanes(singles(count), lane_size=10) == singles(count)


@pytest.mark.parametrize(
    ("count", "size"), [(2 * MESSAGES_A_ROUND, 2), (5 * MESSAGES_A_ROUND, 5), (500 * MESSAGES_A_ROUND, 10)]
)
def test_messages_grow_with_the_backlog_up_to_the_setting(count: int, size: int) -> None:
    assert {len(message) for message in pack_lanes(singles(count), lane_size=10)[:-1]} == {size}


def test_a_lane_size_of_one_switches_packing_off() -> None:
    lanes = [*singles(1000), ("a", "b", "c")]

    assert pack_lanes(lanes, lane_size=1) == lanes


def test_a_lane_longer_than_a_message_has_its_own_message() -> None:
    long = tuple(range(1000, 1050))
    messages = pack_lanes([*singles(640), long, *singles(5)], lane_size=10)

    assert long in messages


@given(LANES, st.integers(1, 12))
@with_settings(max_examples=150, deadline=None)
def test_every_job_is_packed_once_in_order_and_no_lane_is_split(lanes: list[tuple[str, ...]], lane_size: int) -> None:
    messages = pack_lanes(lanes, lane_size=lane_size)

    assert list(chain(*messages)) == list(chain(*lanes))
    message_of = {job: place for place, message in enumerate(messages) for job in message}
    assert all(len({message_of[job] for job in lane}) == 1 for lane in lanes)
    longest = max(map(len, lanes), default=0)
    assert all(0 < len(message) <= max(lane_size, longest) for message in messages)


def test_a_lane_with_a_job_to_keep_apart_has_its_own_message() -> None:
    suspect = ("x", "y")
    messages = pack_lanes([*singles(640), suspect, *singles(640)], lane_size=10, apart={"y"})

    assert suspect in messages
    assert list(chain(*messages)) == [*range(640), *suspect, *range(640)]


@pytest.mark.parametrize("count", [0, 1, 2 * MESSAGES_A_ROUND - 1, 2 * MESSAGES_A_ROUND])
def test_would_pack_is_true_only_if_packing_changes_the_lanes(count: int) -> None:
    lanes = singles(count)

    assert would_pack(lanes, lane_size=10) is (pack_lanes(lanes, lane_size=10) != lanes)
    assert not would_pack(lanes, lane_size=1)
