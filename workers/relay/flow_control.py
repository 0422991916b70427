"""The pace: how many messages may wait in the broker, so that workers never run dry and nobody waits behind many.

What lies in the broker cannot be overtaken: a workspace that has just come waits until all of it is done. So no more
than about half a second's work is put there, however much waits in the ledger. How much that is shows in how fast it
goes away.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic

#: Seconds of work that may wait in the broker.
AHEAD_S = 0.5
#: Jobs that may wait there at any rate, before anything is known of the workers.
LEAST_JOBS = 64
#: Seconds over which the rate is averaged.
MEMORY_S = 1.0
#: The part of the queue that must be free before it is filled up: rounds of one message would cost as much as others.
WORTH_WHILE = 4
#: Seconds for which a full queue is left alone at most, however long it should take until there is room: workers may
#: become more, or faster.
LOOK_AWAY_S = 0.1


class Pace:
    """Tells how many messages to publish, from how many were there at each look and how many were published since."""

    def __init__(self, bound: int, *, clock: Callable[[], float] = monotonic) -> None:
        """Never let more than *bound* messages wait."""
        self._bound = bound
        self._clock = clock
        self._looked_at = clock()
        self._expected = 0
        #: Messages that workers take in a second, and jobs that one carries.
        self._rate = 0.0
        self._jobs_a_message = 1.0
        #: Messages that were let wait at the last look.
        self.goal = 0
        self._full_until = self._looked_at

    @property
    def is_full(self) -> bool:
        """Whether the last look found too little room, and it is too early for there to be more: look again later."""
        return self._clock() < self._full_until

    def room(self, waiting: int) -> int:
        """Return how many messages may be published now that so many are *waiting*; 0 when few would fit."""
        now = self._clock()
        passed = max(now - self._looked_at, 1e-3)
        taken = max(0, self._expected - waiting)
        self._rate += (taken / passed - self._rate) * passed / (passed + MEMORY_S)
        self._looked_at, self._expected = now, waiting
        self.goal = goal = min(self._bound, max(ceil(LEAST_JOBS / self._jobs_a_message), ceil(self._rate * AHEAD_S)))
        room = goal - waiting
        if room * WORTH_WHILE >= goal:
            return room
        if self._rate:
            self._full_until = now + min(LOOK_AWAY_S, (goal / WORTH_WHILE - room) / self._rate)
        return 0

    def published(self, *, messages: int, jobs: int) -> None:
        """Note that so many *messages* were published, with so many *jobs* in them."""
        self._expected += messages
        if messages:
            self._jobs_a_message += (jobs / messages - self._jobs_a_message) / 2

    def rest(self) -> None:
        """Note that nothing waits in the ledger: what comes next is no backlog yet."""
        self._jobs_a_message = 1.0
