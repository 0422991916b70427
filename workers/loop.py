"""The loop of a service: pauses when there is no work, and retries while PostgreSQL or the broker is unavailable."""

import logging
from collections.abc import Callable
from threading import Event
from time import time

from app.db.errors import CONTENTION_ERRORS
from app.errors import DatabaseUnavailable, MergelaneError
from app.metrics.services import ServiceMetrics

log = logging.getLogger(__name__)

#: Seconds before the next attempt while PostgreSQL or the broker is unavailable.
RETRY_S = 0.5


def run_repeatedly(
    run_once: Callable[[], int],
    *,
    pause_s: float,
    stop: Event,
    name: str,
    metrics: ServiceMetrics,
    retry_on: tuple[type[MergelaneError], ...] = (),
) -> None:
    """Call *run_once* until *stop* is set: at once again when it returned more than 0, else after *pause_s* seconds.

    While it raises DatabaseUnavailable, a contention error or one of *retry_on*, the loop retries; it logs the first
    failure and the recovery. Other errors end the loop.
    """
    failing = False
    expected: tuple[type[Exception], ...] = (DatabaseUnavailable, *retry_on, *CONTENTION_ERRORS)
    while not stop.is_set():
        try:
            idle = run_once() == 0
            metrics.rounds.inc(1, name)
            metrics.last_round.set(time(), name)
        except expected as error:
            metrics.failed_rounds.inc(1, name)
            if not failing:
                reason = str(error) if isinstance(error, MergelaneError) else type(error).__name__
                log.warning("service_waiting", extra={"service": name, "reason": reason})
            failing = True
            stop.wait(RETRY_S)
            continue
        if failing:
            log.info("service_resumed", extra={"service": name})
            failing = False
        if idle:
            stop.wait(pause_s)
