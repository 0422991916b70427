"""When a service sleeps: it polls while there is work and for some time after, then sleeps until PostgreSQL wakes it.

So a transaction under load sends no notification, and an idle service runs one round in a second. Where PostgreSQL
cannot notify (see app/db/wakeups.py), an idle service polls with a longer pause.
"""

from collections.abc import Callable
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Self

from app.db.connections import Connection
from app.db.wakeups import WakeUpListener

#: Seconds without work after which a service sleeps, unless it has a time of its own, and after which one that cannot
#: sleep polls with a longer pause.
AWAKE_S = 2.0
#: The most seconds between two rounds of a service that sleeps: the bound where a trigger is disabled.
LONGEST_SLEEP_S = 1.0


class Sleeper:
    """Pauses between the rounds of one service."""

    def __init__(
        self,
        listener: WakeUpListener,
        stop: Event,
        *,
        has_work: Callable[[], bool],
        due_in_s: Callable[[Connection], float | None],
        idle_poll_s: float,
        awake_s: Callable[[], float] | None = None,
    ) -> None:
        """*has_work* returns whether the last round found work, whatever it could do of it.

        *due_in_s* returns the seconds until there is work again, or None. *idle_poll_s* is the least pause of an idle
        service without wake-ups. *awake_s* returns the seconds without work before a sleep, in place of AWAKE_S.
        """
        self._listener = listener
        self._stop = stop
        self._has_work = has_work
        self._due_in_s = due_in_s
        self._idle_poll_s = idle_poll_s
        self._awake_s = awake_s
        self._asleep = False
        self._worked_at = monotonic()

    def __enter__(self) -> Self:
        """Return the sleeper itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connection."""
        self._listener.close()

    def after_round(self, *, idle: bool, pause_s: float) -> None:
        """Pause after a round: not at all, for *pause_s* seconds, or asleep."""
        if not idle or self._has_work():
            self._wake()
            if idle:
                self._stop.wait(pause_s)
        elif self._asleep:
            # The round found nothing after the sleep was announced.
            if self._listener.wait(self._stop, longest_s=LONGEST_SLEEP_S, due_in_s=self._due_in_s):
                self._asleep = False
                self._worked_at = monotonic()
        else:
            # After a wake-up, the first round looks for its work before this costs a round trip.
            self._listener.end_sleep()
            self._rest(pause_s)

    def _rest(self, pause_s: float) -> None:
        """Poll, then begin the sleep. Where that is not possible, poll, after AWAKE_S seconds with longer pauses."""
        idle_s = monotonic() - self._worked_at
        awake_s = AWAKE_S if self._awake_s is None else self._awake_s()
        self._asleep = idle_s >= awake_s and self._listener.begin_sleep()
        if not self._asleep:
            self._stop.wait(pause_s if idle_s < AWAKE_S else max(pause_s, self._idle_poll_s))

    def _wake(self) -> None:
        self._asleep = False
        self._worked_at = monotonic()
        self._listener.end_sleep()
