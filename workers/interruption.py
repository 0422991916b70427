"""Signals that end a worker at once, in the middle of a lane: SIGQUIT, SIGTERM with REMAP_SIGTERM, Ctrl-C twice.

The lane runs in the main thread, in which Python also runs the handlers of signals. An exception that leaves a handler
is raised by whatever statement of the lane was running, and would look like an error of its job. Celery's handler of a
cold shutdown raises one: it cancels the running tasks, which a pool without processes cannot do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.platforms import Signals
from celery.signals import worker_init

#: Lanes that run now: 0 or 1.
_running: list[object] = []


class LaneInterrupted(KeyboardInterrupt):
    """A signal ended the lane. As for every KeyboardInterrupt, psycopg cancels the statement that runs."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Mark that a lane runs."""
    marker = object()
    _running.append(marker)
    try:
        yield
    finally:
        _running.remove(marker)


def guard_handler(handler: Callable[..., object]) -> Callable[..., object]:
    """Return *handler* so that an error that leaves it while a lane runs becomes LaneInterrupted."""

    def handle(*args: Any) -> object:
        try:
            return handler(*args)
        except Exception as error:
            if not _running:
                raise
            raise LaneInterrupted(type(error).__name__) from error

    return handle


@worker_init.connect
def guard_signals(**_: object) -> None:
    """Guard the handlers that Celery installs from now on; it replaces some of them when a signal arrives."""
    install = Signals.__setitem__

    def install_guarded(self: Signals, name: str, handler: Any) -> None:
        install(self, name, guard_handler(handler) if callable(handler) else handler)

    Signals.__setitem__ = install_guarded
