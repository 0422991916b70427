"""A breaker: after a failure nobody waits for the server that failed, but for one who tries it every few seconds."""

from collections.abc import Callable
from threading import Lock
from time import monotonic


class CircuitBreaker:
    """Says who may try a server. After a failure that is one caller every *pause_s* seconds, until one succeeds."""

    def __init__(self, pause_s: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._lock = Lock()
        #: When the server may be tried again; None while it works.
        self._again_at: float | None = None

    def may_try(self) -> bool:
        """Return whether the caller may try; whoever is let through after a pause tries for all others too."""
        with self._lock:
            if self._again_at is None:
                return True
            now = self._clock()
            if now < self._again_at:
                return False
            self._again_at = now + self._pause_s
            return True

    def failed(self) -> bool:
        """Note a failure and return whether it is the first since the server worked."""
        with self._lock:
            first = self._again_at is None
            self._again_at = self._clock() + self._pause_s
            return first

    def worked(self) -> bool:
        """Note a success and return whether it is the first since the server failed."""
        with self._lock:
            first = self._again_at is not None
            self._again_at = None
            return first
