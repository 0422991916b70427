"""Flow control: how many messages may wait in the broker.

Messages in the broker cannot be overtaken: a workspace with new jobs waits until all of them are done. So the relay
keeps about half a second of work there, however large the backlog is. It measures that from the rate at which
messages are consumed.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic

#: Seconds of work that may wait in the broker.
AHEAD_S = 0.5
#: Jobs that may always wait there, also before the rate of the workers is known.
MIN_JOBS = 64
#: Seconds over which the rate is averaged.
AVERAGED_S = 1.0
#: The queue is filled when one MIN_FREE_PARTth of it is free: a small round costs as much as a large one.
MIN_FREE_PART = 4
#: The most seconds between two counts of a full queue: workers may become more, or faster.
MAX_PAUSE_S = 0.1


class FlowControl:
    """Computes how many messages to publish, from each count of waiting messages and the number published since."""

    def __init__(self, bound: int, *, clock: Callable[[], float] = monotonic) -> None:
        """Allow at most *bound* waiting messages."""
        self._bound = bound
        self._clock = clock
        self._counted_at = clock()
        self._expected = 0
        #: Messages that workers consume in a second, and jobs in a message.
        self._rate = 0.0
        self._jobs_a_message = 1.0
        #: Messages allowed to wait at the last count.
        self.goal = 0
        self._full_until = self._counted_at

    @property
    def is_full(self) -> bool:
        """Whether the last count found no room, and it is too early for another count."""
        return self._clock() < self._full_until

    def room(self, waiting: int) -> int:
        """Return how many messages to publish while a number are *waiting*; 0 when few would fit."""
        now = self._clock()
        passed = max(now - self._counted_at, 1e-3)
        consumed = max(0, self._expected - waiting)
        self._rate += (consumed / passed - self._rate) * passed / (passed + AVERAGED_S)
        self._counted_at, self._expected = now, waiting
        self.goal = goal = min(self._bound, max(ceil(MIN_JOBS / self._jobs_a_message), ceil(self._rate * AHEAD_S)))
        room = goal - waiting
        if room * MIN_FREE_PART >= goal:
            return room
        if self._rate:
            self._full_until = now + min(MAX_PAUSE_S, (goal / MIN_FREE_PART - room) / self._rate)
        return 0

    def record_published(self, *, messages: int, jobs: int) -> None:
        """Record that a number of *messages* with a number of *jobs* were published."""
        self._expected += messages
        if messages:
            self._jobs_a_message += (jobs / messages - self._jobs_a_message) / 2

    def record_idle(self) -> None:
        """Record that no job is pending: the next ones are no backlog, one job to a message."""
        self._jobs_a_message = 1.0
