"""Draining: a server that was asked to end says so for a while before its door closes, so that nobody finds it closed.

Meanwhile `/health/ready` answers 503, by which balancers send new requests elsewhere, every answer closes its
connection, by which clients that keep theirs come back elsewhere, and all requests are answered as ever.
"""

import signal
from collections.abc import Callable
from multiprocessing.sharedctypes import RawValue
from types import FrameType
from typing import Any

#: Whether this server drains: in memory that all its processes inherit from the first, which gets the signal.
_DRAINING = RawValue("b", 0)
#: A timer of no length at all would never ring.
AT_ONCE_S = 0.001

Handler = Callable[[int, FrameType | None], Any]


def begin() -> None:
    """Let all processes of this server know that it drains."""
    _DRAINING.value = 1


def is_draining() -> bool:
    """Return whether this server drains."""
    return bool(_DRAINING.value)


def drain_first(stop: Handler, *, seconds: float) -> None:
    """Have SIGTERM begin to drain, and *stop*, which was its handler, called so many *seconds* later.

    A second SIGTERM stops at once.
    """

    def ring(_: int, frame: FrameType | None) -> None:
        stop(signal.SIGTERM, frame)

    def drain(_: int, __: FrameType | None) -> None:
        begin()
        signal.signal(signal.SIGTERM, stop)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, AT_ONCE_S))

    signal.signal(signal.SIGALRM, ring)
    signal.signal(signal.SIGTERM, drain)
