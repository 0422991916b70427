"""The time budget of a request: all of its statements together take no longer than one statement may.

A statement has a time limit of its own, so a request of many statements could take many times as long. The budget is
set for the thread of the request. Fast requests pay nothing for it: PostgreSQL gets a shorter limit only with a
statement that begins later than FREE_S after the request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

#: Seconds from the beginning of a request in which its statements keep the time limit of every statement.
FREE_S = 0.5


class TimeBudget:
    """The seconds that are left of a request."""

    def __init__(self, seconds: float) -> None:
        self._began = monotonic()
        self._seconds = seconds

    def left_s(self) -> float | None:
        """Return the seconds that are left, possibly below 0; None while the limit of every statement is enough."""
        passed = monotonic() - self._began
        return None if passed < FREE_S else self._seconds - passed


_budget: ContextVar[TimeBudget | None] = ContextVar("budget", default=None)


def begin_budget(seconds: float | None) -> None:
    """Give the work of this thread *seconds* from now on; None: no limit together."""
    _budget.set(None if seconds is None else TimeBudget(seconds))


def budget_left_s() -> float | None:
    """Return the seconds that are left for this thread's statements; None without a limit that matters now."""
    budget = _budget.get()
    return None if budget is None else budget.left_s()


@contextmanager
def without_budget(seconds: float) -> Iterator[None]:
    """Run a block without a limit, such as a wait that the client requests. Then a budget of *seconds* begins."""
    had = _budget.get() is not None
    begin_budget(None)
    try:
        yield
    finally:
        begin_budget(seconds if had else None)
