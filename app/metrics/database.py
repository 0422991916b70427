"""What every process measures of its way to PostgreSQL: connections lent, and transactions made again."""

from time import perf_counter
from types import TracebackType
from typing import Self

from app.metrics.instruments import Counter, Gauge, Histogram, label_combinations

#: Why a transaction is made again, by the name of the error.
REASONS = {
    "DeadlockDetected": "deadlock",
    "LockNotAvailable": "lock_timeout",
    "SerializationFailure": "serialization",
    "UniqueViolation": "unique",
}

POOL_LIMIT = Gauge("mergelane_pool_connections_limit", "Connections to PostgreSQL that the process may hold.")
POOL_USED = Gauge("mergelane_pool_connections_used", "Connections to PostgreSQL that are lent out.")
POOL_WAITING = Gauge("mergelane_pool_waiting", "Threads that wait for a connection to PostgreSQL.")
POOL_WAIT = Histogram(
    "mergelane_pool_wait_seconds",
    "Seconds that a thread waited for a connection to PostgreSQL.",
    bounds=(0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5),
)
POOL_FAILURES = Counter("mergelane_pool_failures", "Times that no connection to PostgreSQL was to be had in time.")
RETRIED = Counter(
    "mergelane_transaction_retries",
    "Transactions made again because they had to give way, by reason.",
    labels=("reason",),
    series=label_combinations([*REASONS.values(), "other"]),
)

DATABASE = (POOL_LIMIT, POOL_USED, POOL_WAITING, POOL_WAIT, POOL_FAILURES, RETRIED)


class MeasuredLoan:
    """One wish for a connection, as it is measured: a thread waits, then it uses what it was lent."""

    def __init__(self) -> None:
        self._began = 0.0
        self._lent = False

    def __enter__(self) -> Self:
        """Begin to wait."""
        self._began = perf_counter()
        POOL_WAITING.add(1)
        return self

    def lent(self) -> None:
        """Note that the connection is there."""
        self._lent = True
        POOL_WAITING.add(-1)
        POOL_USED.add(1)
        POOL_WAIT.observe(perf_counter() - self._began)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note that it was given back, or that there was none."""
        if self._lent:
            POOL_USED.add(-1)
        else:
            POOL_WAITING.add(-1)
            POOL_FAILURES.add()


def count_retry(error: BaseException | None) -> None:
    """Count that a transaction is made again because of *error*."""
    RETRIED.add(1, REASONS.get(type(error).__name__, "other"))
