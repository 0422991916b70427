"""The watchdog of a worker: restarts a worker that consumes no messages, or whose lane does not end.

A worker that lost its broker reconnects and consumes again. Sometimes Celery's consumer does not recover: the process
lives and is connected, but responds to nothing and consumes nothing (celery issues 8030, 8091 and 10205). The rescue
cannot help when there is no other worker for the messages that it publishes again. So each worker has a thread that
checks whether messages wait while the worker starts none.

The process restarts by replacing its own image, so its supervisor sees the same process. The transaction of a running
lane ends with its connection, and its message is delivered again.
"""

import logging
import os
import sys
from dataclasses import dataclass
from threading import Event, Thread, main_thread
from traceback import extract_stack, format_list
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from celery.worker import state

from workers import resources
from workers.celery import QUEUE, app

log = logging.getLogger(__name__)

#: Checks in a row that must find the same problem before the worker restarts.
CHECKS = 5
#: The least seconds between two checks; otherwise CHECKS of them last one visibility timeout.
SHORTEST_PAUSE_S = 2.0

_ending = Event()


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
    """Checks the worker of a Celery *consumer* until the process ends."""

    def __init__(self, consumer: Any, *, pause_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._consumer = consumer
        self._pause_s = pause_s

    def run(self) -> None:
        """Check repeatedly; restart the process after CHECKS checks with the same problem."""
        last, problem, count = self._check(), None, 0
        while not _ending.wait(self._pause_s):
            now = self._check()
            found = now.problem(last)
            count = count + 1 if found is not None and found == problem else int(found is not None)
            last, problem = now, found
            if found is not None and count >= CHECKS:
                self._restart(found)

    def _check(self) -> WorkerStatus:
        """Return the status of the worker; the messages are counted only while it is idle."""
        busy = bool(state.active_requests)
        return WorkerStatus(begun=state.all_total_count[0], busy=busy, waiting=0 if busy else self._count_messages())

    def _count_messages(self) -> int:
        """Return how many messages wait for this worker, over a connection of its own."""
        tasks = self._consumer.task_consumer
        if tasks is not None and not tasks.consuming_from(QUEUE):
            return 0
        try:
            with app.connection_for_read() as connection:
                return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)
        except Exception as error:  # noqa: BLE001  without a count there is no problem to find
            log.debug("watchdog_count_failed", extra={"error": type(error).__name__})
            return 0

    def _restart(self, problem: str) -> None:
        """Replace this process by a new one of the same command, after logging where its main thread was."""
        log.critical(
            "worker_restarted", extra={"pid": os.getpid(), "problem": problem, "stack": self._main_thread_stack()}
        )
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  our own command

    def _main_thread_stack(self) -> str:
        """Return the code lines of the main thread; they contain no values."""
        frame = sys._current_frames().get(main_thread().ident or 0)  # noqa: SLF001  the one way to see another thread
        return "" if frame is None else "".join(format_list(extract_stack(frame)[-CHECKS:]))


@worker_ready.connect
def start_watchdog(sender: Any, **_: object) -> None:
    """Start the watchdog of a worker that is ready; *sender* is its consumer."""
    Watchdog(sender, pause_s=max(SHORTEST_PAUSE_S, resources.settings().visibility_timeout_s / CHECKS)).start()


@worker_shutting_down.connect
def stop_watching(**_: object) -> None:
    """Stop checking: a worker that ends completes its lane, however long it takes, and starts no other."""
    _ending.set()
