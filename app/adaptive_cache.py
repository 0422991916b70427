"""A cache for values that are expensive to read: the longer a read took, the longer its value is kept."""

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

#: A value is kept for this many times the seconds that reading it took: reads use at most 2 % of a connection's time.
PAUSE_TO_READ = 50


class AdaptiveCache(Generic[Key, Value]):
    """Values by key, each due for another read between *shortest_s* and *longest_s* seconds after its last one."""

    def __init__(
        self,
        *,
        shortest_s: float,
        longest_s: float,
        drop_when_due: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """With *drop_when_due*, each read drops the values that are due, which bounds the memory."""
        self._shortest_s, self._longest_s = shortest_s, longest_s
        self._drop_when_due = drop_when_due
        self._clock = clock
        self._lock = Lock()
        self._values: dict[Key, Value] = {}
        self._due_at: dict[Key, float] = {}

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """Return the cached value, or that of *read* when it is due."""
        with self._lock:
            if key in self._values and self._clock() < self._due_at[key]:
                return self._values[key]
        return self.refresh(key, read)

    def peek(self, key: Key) -> Value | None:
        """Return the last value, due or not; None before the first read."""
        return self._values.get(key)

    def refresh(self, key: Key, read: Callable[[], Value]) -> Value:
        """Call *read* and cache its value. None, the value of a failed read, is kept for the shortest time."""
        started = self._clock()
        value = read()
        ended = self._clock()
        pause_s = min(max(self._shortest_s, PAUSE_TO_READ * (ended - started)), self._longest_s)
        with self._lock:
            if self._drop_when_due:
                for each in [each for each, due_at in self._due_at.items() if due_at <= ended]:
                    del self._due_at[each]
                    self._values.pop(each, None)
            self._values[key] = value
            self._due_at[key] = ended + (self._shortest_s if value is None else pause_s)
        return value

    def claim_refresh(self, key: Key) -> bool:
        """Return whether a read is due, to one caller only; it is due again when that caller never refreshes."""
        now = self._clock()
        with self._lock:
            if key in self._due_at and now < self._due_at[key]:
                return False
            self._due_at[key] = now + self._longest_s
            return True

    def seconds_until_due(self, key: Key) -> float:
        """Return the seconds until the next read is due; negative when it is overdue, 0 before the first one."""
        return self._due_at[key] - self._clock() if key in self._due_at else 0.0
