"""A circuit breaker: after a failure, one caller every few seconds tries the server, and no other waits for it."""

from collections.abc import Callable
from threading import Lock
from time import monotonic


class CircuitBreaker:
    """Decides which callers may try a server: after a failure one every *pause_s* seconds, until one succeeds."""

    def __init__(self, pause_s: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._lock = Lock()
        #: When the next try is allowed; None while the server works.
        self._again_at: float | None = None

    def may_try(self) -> bool:
        """Return whether the caller may try; after a failure, one caller for each pause."""
        with self._lock:
            if self._again_at is None:
                return True
            now = self._clock()
            if now < self._again_at:
                return False
            self._again_at = now + self._pause_s
            return True

    def failed(self) -> bool:
        """Record a failure and return whether it is the first since the server worked."""
        with self._lock:
            first = self._again_at is None
            self._again_at = self._clock() + self._pause_s
            return first

    def worked(self) -> bool:
        """Record a success and return whether it is the first since the server failed."""
        with self._lock:
            first = self._again_at is not None
            self._again_at = None
            return first
