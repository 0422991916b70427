"""The loop around a service: run it while it finds work, pause when it does not, wait out what is away."""

import logging
from collections.abc import Callable
from threading import Event
from time import time

from app.db import CONTENDED
from app.errors import DatabaseUnavailable, MergelaneError
from app.metrics import relay as metrics
from workers.broker import BrokerUnavailable

log = logging.getLogger(__name__)

#: Seconds to wait before the next try while PostgreSQL or the broker is away.
AWAY_S = 0.5


def repeat(run_once: Callable[[], int], *, pause_s: float, stop: Event, name: str) -> None:
    """Call *run_once* until *stop* is set: again at once after it did something, else after *pause_s* seconds.

    While the database or the broker is away, or the database too busy, it says so once, goes on trying, and says when
    that is over.
    """
    away = False
    while not stop.is_set():
        try:
            idle = run_once() == 0
            metrics.ROUNDS.add(1, name)
            metrics.LAST_ROUND.put(time(), name)
        except (DatabaseUnavailable, BrokerUnavailable, *CONTENDED) as error:
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
