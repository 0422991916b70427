"""The loop around a service: run it while it finds work, pause when it does not, wait out what is away."""

import logging
from collections.abc import Callable
from threading import Event
from time import time

from app.db.errors import CONTENTION_ERRORS
from app.errors import DatabaseUnavailable, MergelaneError
from app.metrics import relay as metrics

log = logging.getLogger(__name__)

#: Seconds to wait before the next try while what a service needs is away.
AWAY_S = 0.5


def repeat(
    run_once: Callable[[], int],
    *,
    pause_s: float,
    stop: Event,
    name: str,
    away_when: tuple[type[MergelaneError], ...] = (),
) -> None:
    """Call *run_once* until *stop* is set: again at once after it did something, else after *pause_s* seconds.

    While the database is away or too busy, or something else of which an error of *away_when* tells, it says so once,
    goes on trying, and says when that is over.
    """
    away = False
    expected: tuple[type[Exception], ...] = (DatabaseUnavailable, *away_when, *CONTENTION_ERRORS)
    while not stop.is_set():
        try:
            idle = run_once() == 0
            metrics.ROUNDS.add(1, name)
            metrics.LAST_ROUND.put(time(), name)
        except expected as error:
            metrics.AWAY.add(1, name)
            if not away:
                reason = str(error) if isinstance(error, MergelaneError) else type(error).__name__
                log.warning("waiting", extra={"service": name, "reason": reason})
            away = True
            stop.wait(AWAY_S)
            continue
        if away:
            log.info("back", extra={"service": name})
            away = False
        if idle:
            stop.wait(pause_s)
