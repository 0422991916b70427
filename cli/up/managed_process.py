"""A process of `mergelane up` that is restarted when it exits."""

import time
from collections.abc import Callable

from cli.up.orphan_processes import ProcessRecords
from cli.up.processes import ChildProcess, Program, kill_session, rotate_log, spawn

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds before a restart; doubled each time until the process has run for a while."""
STABLE_SECONDS = 60.0
"""After a process has run for this long, the pause before its restart is the shortest again."""


class ManagedProcess:
    """Keeps *program* running. *before* runs ahead of every start; *report* receives what happens, in sentences."""

    def __init__(
        self,
        program: Program,
        *,
        records: ProcessRecords,
        report: Callable[[str], None],
        before: Callable[[], None] | None = None,
    ) -> None:
        self.program = program
        self._records = records
        self._report = report
        self._before = before
        self._process: ChildProcess | None = None
        self._log_start = 0
        self._started = 0.0
        self._restart_at: float | None = None
        self._pause = SHORTEST_PAUSE

    def start(self) -> None:
        """Start the program and record its process id."""
        if self._before is not None:
            self._before()
        rotate_log(self.program.log)
        self._log_start = self.program.log.stat().st_size if self.program.log.exists() else 0
        self._process = spawn(self.program)
        self._records.record(self.program, self._process.pid)
        self._started = time.monotonic()
        self._restart_at = None

    @property
    def running(self) -> bool:
        """Whether the process runs now."""
        return self._process is not None and self._process.poll() is None

    def log_since_start(self) -> str:
        """Return what the program has logged since its last start."""
        with self.program.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def restart_if_due(self) -> None:
        """Restart the process if it has exited and the pause is over. Call this repeatedly."""
        if self.running or self._process is None:
            return
        now = time.monotonic()
        if self._restart_at is None:
            self._schedule_restart(now)
        elif now >= self._restart_at:
            self.start()

    def request_stop(self) -> None:
        """Send the program its stop signal."""
        if self._process is not None and self.running:
            self._process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """Kill the process and its children, and delete its record."""
        if self._process is not None:
            kill_session(self._process.pid)
            self._process.wait()
            self._process = None
        self._records.delete(self.program)

    def _schedule_restart(self, now: float) -> None:
        """Choose the time of the restart, and report why the process exited."""
        if self._process is None:
            return
        kill_session(self._process.pid)
        if now - self._started > STABLE_SECONDS:
            self._pause = SHORTEST_PAUSE
        self._restart_at = now + self._pause
        reason = describe_exit(self._process.returncode)
        self._report(f"{self.program.name} {reason}; restarting in {self._pause:g} s. Its log: {self.program.log}")
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def describe_exit(status: int) -> str:
    """Return an exit *status* in words."""
    return f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
