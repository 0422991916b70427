"""Shared polls: requests of a workspace that wait for batches take each other's results."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event
from uuid import UUID, uuid4

import pytest

from app.errors import DatabaseUnavailable
from app.web.batch_polls import REUSE_S, BatchPolls
from tests.support.waiting import wait_until

ONE, TWO = uuid4(), uuid4()
#: Seconds after which two waiting requests do not reuse a result.
LATER_S = 3 * REUSE_S
WORKSPACE, OTHER = 1, 2


class Ledger:
    """The unfinished batches, and the queries for them."""

    def __init__(self, *unfinished: UUID) -> None:
        self.unfinished = set(unfinished)
        self.queries: list[set[UUID]] = []

    def find_unfinished(self, batch_ids: Sequence[UUID]) -> Collection[UUID]:
        self.queries.append(set(batch_ids))
        return self.unfinished & set(batch_ids)


class Clock:
    """A clock that the test sets. It never returns the same time twice."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@contextmanager
def joined(polls: BatchPolls, ledger: Ledger, *batches: tuple[int, UUID]) -> Iterator[list[Callable[[], bool]]]:
    """Let a request wait for each of *batches*, by workspace; yield their functions."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(polls.join(workspace_id, batch_id, ledger.find_unfinished))
            for workspace_id, batch_id in batches
        ]


def test_one_query_covers_all_waiting_requests_of_a_workspace() -> None:
    polls, ledger = BatchPolls(), Ledger(TWO)

    with joined(polls, ledger, *[(WORKSPACE, ONE)] * 10, (WORKSPACE, TWO)) as waiting:
        finished = [is_finished() for is_finished in waiting]

    assert finished == [True] * 10 + [False]
    assert ledger.queries == [{ONE, TWO}]


def test_a_request_queries_again_if_no_other_has_done_so_since_its_last_poll() -> None:
    clock = Clock()
    polls, ledger = BatchPolls(clock), Ledger(ONE)

    with joined(polls, ledger, (WORKSPACE, ONE), (WORKSPACE, ONE)) as [first, second]:
        assert not first()
        assert not second()
        ledger.unfinished.clear()
        clock.now += LATER_S
        assert first()
        assert second()

    assert len(ledger.queries) == 2


def test_a_request_that_joined_after_the_last_query_queries_itself() -> None:
    clock = Clock()
    polls, ledger = BatchPolls(clock), Ledger(ONE)

    with joined(polls, ledger, (WORKSPACE, ONE)) as [first]:
        assert not first()
        clock.now += LATER_S
        with joined(polls, ledger, (WORKSPACE, TWO)) as [second]:
            assert second()

    assert ledger.queries == [{ONE}, {ONE, TWO}]


def test_the_more_requests_wait_the_longer_a_result_is_used() -> None:
    clock = Clock()
    polls, ledger = BatchPolls(clock), Ledger(ONE)

    with joined(polls, ledger, *[(WORKSPACE, ONE)] * 10) as waiting:
        assert not waiting[0]()
        ledger.unfinished.clear()
        clock.now += 9 * REUSE_S
        reused = waiting[0]()
        clock.now += 2 * REUSE_S
        renewed = waiting[0]()

    assert (reused, renewed) == (False, True)
    assert len(ledger.queries) == 2


def test_workspaces_do_not_share_queries() -> None:
    polls, ledger = BatchPolls(), Ledger()

    with joined(polls, ledger, (WORKSPACE, ONE), (OTHER, TWO)) as waiting:
        assert all(is_finished() for is_finished in waiting)

    assert ledger.queries == [{ONE}, {TWO}]


def test_requests_that_wait_for_a_query_get_its_error() -> None:
    polls, sent, answer = BatchPolls(), Event(), Event()

    def fail(_: Sequence[UUID]) -> Collection[UUID]:
        sent.set()
        answer.wait(30)
        raise DatabaseUnavailable("PostgreSQL does not answer.")

    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        first, second = [stack.enter_context(polls.join(WORKSPACE, batch_id, fail)) for batch_id in (ONE, TWO)]
        asking = [threads.submit(first)]
        assert sent.wait(30)
        asking.append(threads.submit(second))
        wait_until(asking[1].running, what="the second request to ask")
        answer.set()
        for each in asking:
            with pytest.raises(DatabaseUnavailable):
                each.result(30)


def test_nothing_is_kept_of_requests_that_wait_no_more() -> None:
    polls, ledger = BatchPolls(), Ledger()

    with joined(polls, ledger, (WORKSPACE, ONE)) as [is_finished]:
        assert is_finished()

    assert not vars(polls)["_workspaces"]
