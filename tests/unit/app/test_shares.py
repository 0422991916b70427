"""Shares of workspaces: bounds for each, smaller beside others, and a wait that counts once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from app.metrics.shares import Resource
from app.shares import ConnectionShares, Shares


def test_beside_other_workspaces_a_share_is_smaller() -> None:
    shares = Shares(Resource.QUERIES, each=3, in_all=6, beside_others=1)

    alone = [shares.take(1) for _ in range(4)]
    for _ in range(3):
        shares.give_back(1)
    beside = [shares.take(2), shares.take(1), shares.take(1), shares.take(2)]
    for each in (1, 2):
        shares.give_back(each)

    assert alone == [True, True, True, False]
    assert beside == [True, True, False, False]


def test_the_wait_for_a_share_is_part_of_the_wait_for_a_connection() -> None:
    shares = ConnectionShares(pool_size=4, percent=25, beside_others_percent=25, wait_s=5.0)

    def wait_for_second() -> float:
        with shares.lend(1) as left_s:
            return left_s

    with ThreadPoolExecutor(1) as thread:
        with shares.lend(1):
            second = thread.submit(wait_for_second)
            Event().wait(0.3)
        left_s = second.result()

    assert 0 < left_s <= 4.75
