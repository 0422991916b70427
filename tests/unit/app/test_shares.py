"""Shares of workspaces: a bound for each, a smaller bound beside other workspaces, and one common wait."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from app.metrics.shares import Resource
from app.shares import ConnectionShares, Shares
from tests.support.waiting import wait_until


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


def test_requests_of_a_workspace_that_wait_get_their_turns_in_order() -> None:
    shares = Shares(Resource.RUNNING, each=1)
    order: list[int] = []
    assert shares.take(1)

    def run(number: int) -> None:
        assert shares.take(1, wait_s=30.0)
        order.append(number)
        shares.give_back(1)

    with ThreadPoolExecutor(5) as threads:
        for number in range(5):
            threads.submit(run, number)
            wait_until(lambda: waiting_threads(shares) == number + 1, what="the request to wait")  # noqa: B023
        assert shares.take(2)
        shares.give_back(2)
        assert waiting_threads(shares) == 5
        shares.give_back(1)

    assert order == [0, 1, 2, 3, 4]
    assert not waiting_threads(shares)


def test_a_request_that_waits_too_long_leaves_its_place_to_the_next() -> None:
    shares = Shares(Resource.RUNNING, each=1)
    assert shares.take(1)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(shares.take, 1, wait_s=0.05)
        wait_until(lambda: waiting_threads(shares) == 1, what="the first request to wait")
        second = threads.submit(shares.take, 1, wait_s=30.0)
        refused = not first.result(30)
        shares.give_back(1)
        assert second.result(30)

    assert refused
    assert not waiting_threads(shares)


def waiting_threads(shares: Shares) -> int:
    return sum(len(threads) for threads in vars(shares)["_waiting"].values())


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
