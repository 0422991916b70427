"""Responses that wait for a batch or for a change, for a bounded time: `Prefer: wait=N` (RFC 7240) and identify."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock
from time import monotonic
from uuid import UUID

from flask import g, request

from app.db.budget import without_budget
from app.db.transaction import open_transaction
from app.ledger import queries
from app.web.batch_polls import BatchPolls
from app.web.resources import pool, settings
from app.web.workspace_shares import budget_s, run_again, stop_running, threads_of_a_workspace

#: Set when the process stops: waiting requests are answered at once.
CLOSING = Event()
#: Upper bound of N in seconds.
LONGEST = 30
#: Seconds before the second query: about as long as a single merge takes on an idle machine.
FIRST_PAUSE_S = 0.008
#: The part of the seconds waited so far that the next pause lasts: the response is later than the outcome by less.
PAUSE_PART = 0.5
LONGEST_PAUSE_S = 0.5
#: Threads of each process that never wait, so that other requests are always served.
SPARE_THREADS = 2

ASYNC = re.compile(r"\s*respond-async\s*(?:;.*)?", re.IGNORECASE)
WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE)


class _WaitingSlots:
    """The number of requests of this process that wait."""

    def __init__(self) -> None:
        self.taken = 0
        self._of_workspaces: Counter[int] = Counter()
        self._lock = Lock()

    @contextmanager
    def take(self, slots: int, *, workspace_id: int = 0, own: int | None = None) -> Iterator[bool]:
        """Yield whether one of *slots* and one of the workspace's *own* was free; it is taken until the block ends."""
        with self._lock:
            free = self.taken < slots and (own is None or self._of_workspaces[workspace_id] < own)
            self._count(workspace_id, +free)
        try:
            yield free
        finally:
            with self._lock:
                self._count(workspace_id, -free)

    def _count(self, workspace_id: int, change: int) -> None:
        self.taken += change
        self._of_workspaces[workspace_id] += change
        if not self._of_workspaces[workspace_id]:
            del self._of_workspaces[workspace_id]


WAITING_SLOTS = _WaitingSlots()
BATCH_POLLS = BatchPolls()


def preferred_wait() -> int | None:
    """Return N of this request, at most LONGEST; None without the preference."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    matches = [match for match in map(WAIT.fullmatch, preferences) if match]
    return min(int(matches[0][1]), LONGEST) if matches else None


def prefers_async() -> bool:
    """Return whether this request has the preference `respond-async`."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    return any(map(ASYNC.fullmatch, preferences))


def wait_for_batch(batch_id: UUID, *, seconds: float, is_new: bool = False) -> bool:
    """Wait until the batch has finished, as wait_until does; one that *is_new* has only begun."""
    with BATCH_POLLS.join(g.workspace_id, batch_id, _find_unfinished) as is_finished:
        return wait_until(is_finished, seconds=seconds, at_once=not is_new)


def wait_until(done: Callable[[], bool], *, seconds: float, at_once: bool = True) -> bool:
    """Wait until *done*, a query, *seconds* have passed or the process stops; return whether it waited.

    The first query is sent *at_once*, or after a pause. It does not wait if all but SPARE_THREADS threads of the
    process, or of the workspace's share, wait already.
    """
    slots = max(1, settings().web_threads - SPARE_THREADS)
    own = max(1, threads_of_a_workspace() - SPARE_THREADS)
    with WAITING_SLOTS.take(slots, workspace_id=g.workspace_id, own=own) as waits:
        if waits:
            began = monotonic()
            stop_running()
            with without_budget(budget_s()):
                _poll(done, began=began, seconds=seconds, at_once=at_once)
            g.waited_s = monotonic() - began
    if waits:
        run_again()
    return waits


def _poll(done: Callable[[], bool], *, began: float, seconds: float, at_once: bool) -> None:
    """Query at growing intervals, without holding a connection in between."""
    if at_once and done():
        return
    while (waited := monotonic() - began) < seconds:
        pause = min(max(FIRST_PAUSE_S, waited * PAUSE_PART), LONGEST_PAUSE_S)
        if CLOSING.wait(min(pause, seconds - waited)) or done():
            return


def _find_unfinished(batch_ids: Sequence[UUID]) -> Collection[UUID]:
    with open_transaction(pool(), g.workspace_id) as tx:
        return queries.find_unfinished_batches(tx, batch_ids=batch_ids)
