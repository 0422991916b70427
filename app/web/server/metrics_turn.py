"""The metrics of web at MERGELANE_METRICS_ADDRESS: one of its processes serves them for all.

Their numbers are in shared memory, so that any process can serve them. A lock says which one it is. The kernel frees
the lock when that process ends, however it ends, and another process takes over.
"""

import fcntl
import logging
from itertools import count
from tempfile import TemporaryFile
from threading import Event, Thread

from app.metrics.exposition import MetricSource, make_registry
from app.metrics.listener import MetricsListener

log = logging.getLogger(__name__)

#: Seconds between two attempts to listen.
RETRY_S = 0.5
#: The attempt whose failure is logged. The socket of a process that ended can be in use a moment longer than its lock.
LOGGED_ATTEMPT = 5


class MetricsTurn:
    """The turn of one web process to serve the metrics; without an address, none does."""

    def __init__(self, address: str) -> None:
        """Create it before the processes fork, since they share its lock."""
        self._address = address
        # Record locks belong to processes, also where these inherited one open file.
        self._lock = TemporaryFile() if address else None  # noqa: SIM115  it stays open
        self._closing = Event()
        self._listener: MetricsListener | None = None

    def start(self, *sources: MetricSource) -> None:
        """Wait in a thread for the turn of this process, then serve *sources* as long as it lives."""
        if self._lock is not None:
            Thread(target=self._serve, args=(self._lock.fileno(), sources), name="metrics-turn", daemon=True).start()

    def close(self) -> None:
        """Stop serving, because this process ends."""
        self._closing.set()
        if self._listener is not None:
            self._listener.close()

    def _serve(self, lock: int, sources: tuple[MetricSource, ...]) -> None:
        """Serve as soon as the address is free: a process of another program may use it."""
        fcntl.lockf(lock, fcntl.LOCK_EX)
        for attempt in count(1):
            try:
                self._listener = MetricsListener(self._address, make_registry(*sources))
            except (OSError, OverflowError) as error:
                if attempt == LOGGED_ATTEMPT:
                    fields = {"address": self._address, "reason": str(error)}
                    log.error("metrics_not_served", extra=fields)  # noqa: TRY400  the reason says it all
                if self._closing.wait(RETRY_S):
                    return
            else:
                log.info("metrics_served", extra={"address": self._address})
                return
