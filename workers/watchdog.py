"""The watchdog of a worker: it starts one anew that has gone deaf, or whose lane does not end.

A worker that lost its broker connects again and takes messages on. Now and then Celery's consumer does not come back
from that whole: the process lives, is connected, answers nothing and takes nothing (celery issues 8030, 8091 and 10205
tell of it). The rescue cannot help when no other worker is there to take what it publishes again. So every worker has
a thread that looks from outside whether messages wait while the worker begins none.

A process that is to begin anew replaces its own image: whoever watches over it sees the same process, and nobody need
watch. What it had begun is in a transaction that ends with its connection, and its message is delivered again.
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

LOG = logging.getLogger(__name__)

#: So many looks in a row must find the same before a worker is started anew.
LOOKS = 5
#: Seconds between two looks at least; otherwise LOOKS of them fill a visibility timeout.
SHORTEST_PAUSE_S = 2.0

_ending = Event()


@dataclass(frozen=True)
class WorkerStatus:
    """What one look at a worker found."""

    begun: int
    """Lanes that the worker has begun since it was started."""
    busy: bool
    """Whether it runs one."""
    waiting: int
    """Messages that wait in the broker; 0 when it was not asked, does not answer, or the worker is not to take any."""

    def complaint(self, before: "WorkerStatus") -> str | None:
        """Return what is wrong with a worker that looked like *before* the last time, None when nothing is."""
        if self.begun != before.begun or self.busy != before.busy:
            return None
        if self.busy:
            return "its lane does not end"
        if self.waiting and before.waiting:
            return "it begins nothing although messages wait"
        return None


class Watchdog(Thread):
    """Looks at the worker that *consumer* feeds, until the process ends."""

    def __init__(self, consumer: Any, *, pause_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._consumer = consumer
        self._pause_s = pause_s

    def run(self) -> None:
        """Look again and again; start the process anew when LOOKS looks in a row had the same complaint."""
        last, complaint, count = self._look(), None, 0
        while not _ending.wait(self._pause_s):
            now = self._look()
            found = now.complaint(last)
            count = count + 1 if found is not None and found == complaint else int(found is not None)
            last, complaint = now, found
            if found is not None and count >= LOOKS:
                self._begin_anew(found)

    def _look(self) -> WorkerStatus:
        """Return how the worker is. The broker is asked only about an idle one."""
        busy = bool(state.active_requests)
        return WorkerStatus(begun=state.all_total_count[0], busy=busy, waiting=0 if busy else self._waiting())

    def _waiting(self) -> int:
        """Return how many messages wait for this worker, asked over a connection of our own."""
        tasks = self._consumer.task_consumer
        if tasks is not None and not tasks.consuming_from(QUEUE):
            return 0
        try:
            with app.connection_for_read() as connection:
                return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)
        except Exception as error:  # noqa: BLE001  whatever it is, a broker that cannot be asked accuses nobody
            LOG.debug("The watchdog could not ask the broker: %s", type(error).__name__)
            return 0

    def _begin_anew(self, complaint: str) -> None:
        """Replace this process by a fresh one of the same command, after a line that tells where it stood."""
        LOG.critical(
            "This worker is started anew: %s.", complaint, extra={"pid": os.getpid(), "stood": self._where_it_stands()}
        )
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  our own command, once more

    def _where_it_stands(self) -> str:
        """Return the lines of code that the main thread is in; they quote no value."""
        frame = sys._current_frames().get(main_thread().ident or 0)  # noqa: SLF001  the one way to see another thread
        return "" if frame is None else "".join(format_list(extract_stack(frame)[-LOOKS:]))


@worker_ready.connect
def start_watchdog(sender: Any, **_: object) -> None:
    """Begin to look at a worker that is ready; *sender* is its consumer."""
    Watchdog(sender, pause_s=max(SHORTEST_PAUSE_S, resources.settings().visibility_timeout_s / LOOKS)).start()


@worker_shutting_down.connect
def stop_watching(**_: object) -> None:
    """Look no more: a worker that was asked to end finishes its lane, however long that takes, and takes no other."""
    _ending.set()
