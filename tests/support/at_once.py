"""Makes calls at the same time, in threads that start together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from tests.support.waiting import wait_until

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make each of *calls* in its own thread, when all threads are ready, and return their results in order."""
    barrier = threading.Barrier(len(calls))

    def made(call: Callable[[], T]) -> T:
        barrier.wait(timeout=30)
        return call()

    with ThreadPoolExecutor(len(calls)) as executor:
        return list(executor.map(made, calls))


def while_waiting(database_url: str, call: Callable[[], T], *, then: Callable[[], object]) -> T:
    """Make *call* in a thread, call *then* when it waits for a database lock, and return the result of *call*."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database_url, autocommit=True) as observer, ThreadPoolExecutor(1) as executor:
        future = executor.submit(call)
        wait_until(lambda: future.done() or observer.execute(query).fetchone(), what="the call to wait for a lock")
        assert not future.done(), f"It did not wait for a lock: {future}"
        then()
        return future.result()
