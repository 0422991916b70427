"""The watchdog of a worker: restarts a worker that consumes no messages, whose lane does not end, or that failed.

A worker that lost its broker reconnects and consumes again. Sometimes Celery's consumer does not recover: the process
lives and is connected, but responds to nothing and consumes nothing (celery issues 8030, 8091 and 10205). The rescue
cannot help when there is no other worker for the messages that it publishes again. So each worker has a thread that
checks whether messages wait while the worker starts none. A worker also restarts when an error ends Celery's consumer,
such as an error of the broker's client library: a worker ends only after a signal.

The process restarts by replacing its own image, so its supervisor sees the same process. The transaction of a running
lane ends with its connection, and its message is delivered again.
"""

import logging
import os
import sys
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread, main_thread
from time import monotonic
from traceback import extract_stack, format_list
from typing import Any

import psycopg
from celery.platforms import EX_FAILURE
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import state

from app.db.installation import Installation, connect_and_read_name
from app.errors import DatabaseUnavailable
from workers import resources
from workers.celery import app
from workers.health import PROGRESS

log = logging.getLogger(__name__)

#: Checks in a row that must find the same problem before the worker restarts.
CHECKS = 5
#: The least seconds between two checks; otherwise CHECKS of them last one visibility timeout.
SHORTEST_PAUSE_S = 2.0
#: Seconds before a worker restarts after an error: the first if it has run for SOUND_S seconds, else the second.
RESTART_PAUSES_S = (1.0, 10.0)
SOUND_S = 60.0

_ending = Event()
_started_at = monotonic()


@dataclass(frozen=True)
class WorkerStatus:
    """The state of the worker at one check."""

    begun: int
    """Lanes started since the worker started."""
    busy: bool
    """Whether a lane runs."""
    waiting: int
    """Messages in the broker; 0 when the worker is busy or consumes none, or when the broker does not answer."""

    def problem(self, before: "WorkerStatus") -> str | None:
        """Return the problem of a worker that was *before* at the last check; None when there is none."""
        if self.begun != before.begun or self.busy != before.busy:
            return None
        if self.busy:
            return "its lane does not end"
        if self.waiting and before.waiting:
            return "it starts no lane although messages wait"
        return None


class Watchdog(Thread):
    """Checks this process's worker until the process ends."""

    def __init__(self, *, pause_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._pause_s = pause_s
        self._installation = Installation(partial(connect_and_read_name, resources.settings()))

    def run(self) -> None:
        """Check repeatedly; restart the process after CHECKS checks with the same problem."""
        last, problem, count = self._check(), None, 0
        while not _ending.wait(self._pause_s):
            now = self._check()
            found = now.problem(last)
            count = count + 1 if found is not None and found == problem else int(found is not None)
            last, problem = now, found
            if found is None:
                PROGRESS.record("worker", pause_s=self._pause_s)
            if found is not None and count >= CHECKS:
                restart_process(found, stack=self._main_thread_stack())
            if self._has_moved():
                restart_process("its installation has another name now")

    def _has_moved(self) -> bool:
        """Return whether the installation got another name, and so another queue, since the worker started."""
        try:
            return self._installation.name() != resources.installation_name
        except (DatabaseUnavailable, psycopg.Error):
            return False

    def _check(self) -> WorkerStatus:
        """Return the status of the worker; the messages are counted only while it is idle."""
        busy = bool(state.active_requests)
        return WorkerStatus(begun=state.all_total_count[0], busy=busy, waiting=0 if busy else self._count_messages())

    def _count_messages(self) -> int:
        """Return how many messages wait for this worker, over a connection of its own.

        None wait for it after an operator's cancel_consumer, which deselects the queue.
        """
        queue = app.conf.task_default_queue
        if queue not in app.amqp.queues.consume_from:
            return 0
        try:
            with app.connection_for_read() as connection:
                return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except Exception as error:  # noqa: BLE001  without a count there is no problem to find
            log.debug("watchdog_count_failed", extra={"error": type(error).__name__})
            return 0

    def _main_thread_stack(self) -> str:
        """Return the code lines of the main thread; they contain no values."""
        frame = sys._current_frames().get(main_thread().ident or 0)  # noqa: SLF001  the one way to see another thread
        return "" if frame is None else "".join(format_list(extract_stack(frame)[-CHECKS:]))


def restart_process(problem: str, *, stack: str = "") -> None:
    """Replace this process by a new one of the same command, after logging why and where its main thread was."""
    log.critical("worker_restarted", extra={"pid": os.getpid(), "problem": problem, "stack": stack})
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  our own command


@worker_ready.connect
def start_watchdog(**_: object) -> None:
    """Start the watchdog of a worker that is ready."""
    Watchdog(pause_s=max(SHORTEST_PAUSE_S, resources.settings().visibility_timeout_s / CHECKS)).start()


@worker_shutting_down.connect
def stop_watching(**_: object) -> None:
    """Stop checking: a worker that ends completes its lane, however long it takes, and starts no other."""
    _ending.set()
    PROGRESS.end("worker")


@worker_shutdown.connect
def restart_after_an_error(sender: Any, **_: object) -> None:
    """Restart a worker that Celery ends because of an error; Celery has logged the error. *sender* is the worker."""
    error = sys.exc_info()[1]
    stopping = _ending.is_set() or state.should_stop is not None or state.should_terminate is not None
    if sender.exitcode != EX_FAILURE or stopping or not isinstance(error, Exception):
        return
    if not _ending.wait(RESTART_PAUSES_S[monotonic() - _started_at < SOUND_S]):
        restart_process(f"{type(error).__name__} ended its consumer")
