"""The health file of a relay, sender or worker: it is written while the process makes progress.

A health check compares the modification time of the file at MERGELANE_HEALTH_FILE with the clock. That costs a few
milliseconds of processor time, where a ping over the broker imports the application for a second. It works while
PostgreSQL or the broker is away: a process that waits for a server makes progress, since each of its rounds ends.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic

log = logging.getLogger(__name__)

#: Seconds between two writes of the file. A health check calls a file stale that is a minute old.
WRITE_EVERY_S = 2.0
#: Seconds after which a round counts as stuck. The timeouts of PostgreSQL and of the broker end a round sooner.
LONGEST_ROUND_S = 300.0


class Progress:
    """When each loop of a process must have begun its next round."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[str, float] = {}

    def record(self, loop: str, *, pause_s: float) -> None:
        """Note that *loop* begins a round, and another one *pause_s* seconds after the end of this one."""
        with self._lock:
            self._due[loop] = monotonic() + pause_s + LONGEST_ROUND_S

    def end(self, loop: str) -> None:
        """Note that *loop* has ended."""
        with self._lock:
            self._due.pop(loop, None)

    def stuck_loops(self) -> list[str]:
        """Return the names of the loops that should have begun a round by now."""
        with self._lock:
            return [loop for loop, due in self._due.items() if monotonic() > due]


#: The progress of the loops of this process.
PROGRESS = Progress()


class HealthFile(Thread):
    """Writes the file while no loop of *progress* is stuck, until it is closed."""

    def __init__(self, path: str, progress: Progress = PROGRESS) -> None:
        super().__init__(name="health", daemon=True)
        self._path = Path(path)
        self._progress = progress
        self._closed = Event()
        self._failed = False

    def run(self) -> None:
        """Write the file every WRITE_EVERY_S seconds."""
        reported: list[str] = []
        while not self._closed.is_set():
            stuck = self._progress.stuck_loops()
            if stuck and stuck != reported:
                log.error("process_stuck", extra={"services": stuck})
            reported = stuck
            if not stuck:
                self._write()
            self._closed.wait(WRITE_EVERY_S)

    def close(self) -> None:
        """Stop writing."""
        self._closed.set()
        self.join()

    def _write(self) -> None:
        """Set the modification time of the file to now; log the first failure."""
        try:
            self._path.touch()
        except OSError as error:
            if not self._failed:
                log.error("health_not_written", extra={"path": str(self._path), "reason": str(error)})  # noqa: TRY400
            self._failed = True


@contextmanager
def write_health(path: str) -> Iterator[None]:
    """Write the health file at *path* until the block ends; no file when *path* is empty."""
    if not path:
        yield
        return
    file = HealthFile(path)
    file.start()
    try:
        yield
    finally:
        file.close()
