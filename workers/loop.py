"""The loop of a service: pauses when there is no work, and continues after every error."""

import logging
from collections.abc import Callable
from threading import Event
from time import time

import psycopg

from app.db.errors import Response, response_to, to_unavailable
from app.metrics.servers import Wait
from app.metrics.services import ServiceMetrics
from workers.health import PROGRESS
from workers.sleeper import Sleeper

log = logging.getLogger(__name__)

#: Seconds before the next attempt while PostgreSQL or the broker is unavailable, and after the first error of our own.
RETRY_S = 0.5
#: The most seconds before the next attempt: the pause doubles with each error of our own in a row.
LONGEST_RETRY_S = 32.0


def run_repeatedly(
    run_once: Callable[[], int],
    *,
    pause_s: float,
    stop: Event,
    name: str,
    metrics: ServiceMetrics,
    sleeper: Sleeper | None = None,
) -> None:
    """Call *run_once* until *stop* is set: at once again when it returned more than 0, else after *pause_s* seconds.

    A *sleeper* makes the pauses instead, and sleeps when there has been no work for some time.

    No error ends the loop. While PostgreSQL or the broker is away or refuses, it waits and logs the first failure and
    the recovery. Any other error is a bug, or data that no round can process: it is logged in full, once while it is
    repeated, and the pauses grow.
    """
    failures = _Failures(name, metrics)
    while not stop.is_set():
        PROGRESS.record(name, pause_s=pause_s)
        try:
            idle = run_once() == 0
        except Exception as error:  # noqa: BLE001  see above
            stop.wait(failures.record(error))
            continue
        metrics.rounds.inc(1, name)
        metrics.last_round.set(time(), name)
        failures.end()
        if sleeper is not None:
            sleeper.after_round(idle=idle, pause_s=pause_s)
        elif idle:
            stop.wait(pause_s)
    PROGRESS.end(name)


class _Failures:
    """The failed rounds in a row of one service."""

    def __init__(self, name: str, metrics: ServiceMetrics) -> None:
        self._name = name
        self._metrics = metrics
        self._wait = Wait()
        self._logged: set[type[Exception]] = set()
        self._bugs = 0

    def record(self, error: Exception) -> float:
        """Count *error*, log it unless it is a repetition, and return the seconds until the next round."""
        extra = {"service": self._name}
        if response_to(error) is Response.WAIT:
            self._metrics.failed_rounds.inc(1, self._name)
            unavailable = to_unavailable(error) if isinstance(error, psycopg.Error) else error
            if self._wait.begin(unavailable):
                log.warning("service_waiting", extra={**extra, "reason": str(unavailable)})
            return RETRY_S
        self._metrics.crashed_rounds.inc(1, self._name)
        if type(error) not in self._logged:
            log.error("service_failed", exc_info=error, extra=extra)
        self._logged.add(type(error))
        self._bugs += 1
        return float(min(RETRY_S * 2 ** (self._bugs - 1), LONGEST_RETRY_S))

    def end(self) -> None:
        """Log that the service has resumed, if it had failed."""
        if self._wait.end() or self._logged:
            log.info("service_resumed", extra={"service": self._name})
        self._logged.clear()
        self._bugs = 0
