"""Draining: after SIGTERM a server keeps answering for a while before it closes its listener.

Meanwhile `/health/ready` answers 503, so that balancers choose another server, and every response closes its
connection, so that clients reconnect elsewhere. All other requests are answered as usual.
"""

import signal
from collections.abc import Callable
from multiprocessing.sharedctypes import RawValue
from types import FrameType
from typing import Any

#: In memory shared by all processes of the server; the first one gets the signal.
_DRAINING = RawValue("b", 0)
#: A timer of zero seconds would never fire.
SHORTEST_DELAY_S = 0.001

Handler = Callable[[int, FrameType | None], Any]


def start_draining() -> None:
    """Start draining in all processes of this server."""
    _DRAINING.value = 1


def is_draining() -> bool:
    return bool(_DRAINING.value)


def drain_first(stop: Handler, *, seconds: float) -> None:
    """Make SIGTERM start draining and call *stop*, its former handler, after *seconds*; a second one stops at once."""

    def stop_after_delay(_: int, frame: FrameType | None) -> None:
        stop(signal.SIGTERM, frame)

    def drain(_: int, __: FrameType | None) -> None:
        start_draining()
        signal.signal(signal.SIGTERM, stop)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, SHORTEST_DELAY_S))

    signal.signal(signal.SIGALRM, stop_after_delay)
    signal.signal(signal.SIGTERM, drain)
