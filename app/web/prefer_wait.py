"""`Prefer: wait=N` (RFC 7240): the answer is held back until the batch has finished or N seconds have passed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from time import monotonic
from uuid import UUID

from flask import g, request

from app.db.transaction import open_transaction
from app.ledger import queries
from app.web.resources import pool, settings

#: Set when the process has been asked to end: whoever waits is answered with how things stand.
CLOSING = Event()
#: Seconds that a client may ask us to wait; more counts as this much.
LONGEST = 30
FIRST_PAUSE_S = 0.02
GROWTH = 1.5
LONGEST_PAUSE_S = 0.5
#: Threads of each process that never wait, so that those who do not wait are always served.
SPARE_THREADS = 2

WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE)


class _Seats:
    """How many requests of this process are waiting."""

    def __init__(self) -> None:
        self.taken = 0
        self._lock = Lock()

    @contextmanager
    def seat(self, seats: int) -> Iterator[bool]:
        """Tell whether one of *seats* was free; it is kept until the block ends."""
        with self._lock:
            free = self.taken < seats
            self.taken += free
        try:
            yield free
        finally:
            with self._lock:
                self.taken -= free


SEATS = _Seats()


def preferred_wait() -> int | None:
    """Return the seconds that this request would rather wait, LONGEST at most; None when it does not say."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    matches = [match for match in map(WAIT.fullmatch, preferences) if match]
    return min(int(matches[0][1]), LONGEST) if matches else None


def wait_for_batch(batch_id: UUID, *, seconds: float) -> bool:
    """Wait until the batch has finished, *seconds* have passed or the process is to end; return whether we could wait.

    When nearly every thread of the process waits already, nobody else may.
    """
    with SEATS.seat(max(1, settings().web_threads - SPARE_THREADS)) as seated:
        if seated:
            began = monotonic()
            _poll(batch_id, until=began + seconds)
            g.waited_s = monotonic() - began
        return seated


def _poll(batch_id: UUID, *, until: float) -> None:
    """Look at the batch again and again, at growing intervals; no connection is held between two looks."""
    pause = FIRST_PAUSE_S
    while not _finished(batch_id) and (left := until - monotonic()) > 0:
        if CLOSING.wait(min(pause, left)):
            return
        pause = min(pause * GROWTH, LONGEST_PAUSE_S)


def _finished(batch_id: UUID) -> bool:
    """Return whether no job of the batch is unfinished."""
    with open_transaction(pool(), g.workspace_id) as tx:
        return queries.is_finished(tx, batch_id=batch_id)
