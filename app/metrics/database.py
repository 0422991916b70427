"""Metrics of every process: PostgreSQL connections in use, and repeated transactions."""

from time import perf_counter
from types import TracebackType
from typing import Self

from app.metrics.instruments import Counter, Gauge, Histogram, label_combinations

#: The label `reason` of a repeated transaction, by the class of its error.
REASONS = {
    "DeadlockDetected": "deadlock",
    "LockNotAvailable": "lock_timeout",
    "SerializationFailure": "serialization",
    "UniqueViolation": "unique",
}

POOL_LIMIT = Gauge("mergelane_pool_connections_limit", "Connections to PostgreSQL that the process may open.")
POOL_USED = Gauge("mergelane_pool_connections_used", "Connections to PostgreSQL in use.")
POOL_WAITING = Gauge("mergelane_pool_waiting", "Threads waiting for a connection to PostgreSQL.")
POOL_WAIT = Histogram(
    "mergelane_pool_wait_seconds",
    "Seconds that a thread waited for a connection to PostgreSQL.",
    bounds=(0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5),
)
POOL_FAILURES = Counter("mergelane_pool_failures", "Requests for a connection to PostgreSQL that timed out.")
RETRIED = Counter(
    "mergelane_transaction_retries",
    "Transactions repeated after a conflict with another, by reason.",
    labels=("reason",),
    series=label_combinations([*REASONS.values(), "other"]),
)

DATABASE = (POOL_LIMIT, POOL_USED, POOL_WAITING, POOL_WAIT, POOL_FAILURES, RETRIED)


class MeasuredLoan:
    """Measures how long a thread waits for a connection and how many are in use."""

    def __init__(self) -> None:
        self._began = 0.0
        self._lent = False

    def __enter__(self) -> Self:
        self._began = perf_counter()
        POOL_WAITING.inc(1)
        return self

    def lent(self) -> None:
        """End the wait: the pool has lent a connection."""
        self._lent = True
        POOL_WAITING.inc(-1)
        POOL_USED.inc(1)
        POOL_WAIT.observe(perf_counter() - self._began)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lent:
            POOL_USED.inc(-1)
        else:
            POOL_WAITING.inc(-1)
            POOL_FAILURES.inc()


def count_retry(error: BaseException | None) -> None:
    """Count a transaction that is repeated because of *error*."""
    RETRIED.inc(1, REASONS.get(type(error).__name__, "other"))
