"""Children of `mergelane up`: programs that are started again when they end of themselves."""

import time
from collections.abc import Callable

from cli.up.leftovers import Records
from cli.up.processes import ChildProcess, Program, kill_session, set_aside, spawn

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds before a child that ended is started again; doubled each time until it has run for a while."""
SOUND_SECONDS = 60.0
"""A child that ran for so long before it ended is started again without a longer pause."""


class Child:
    """A program to be kept running; *before* is done ahead of every start, *tell* says what happened."""

    def __init__(
        self,
        program: Program,
        *,
        records: Records,
        tell: Callable[[str], None],
        before: Callable[[], None] | None = None,
    ) -> None:
        self.program = program
        self._records = records
        self._tell = tell
        self._before = before
        self._process: ChildProcess | None = None
        self._log_start = 0
        self._started = 0.0
        self._due: float | None = None
        self._pause = SHORTEST_PAUSE

    def start(self) -> None:
        """Start the program and write down its number."""
        if self._before is not None:
            self._before()
        set_aside(self.program.log)
        self._log_start = self.program.log.stat().st_size if self.program.log.exists() else 0
        self._process = spawn(self.program)
        self._records.note(self.program, self._process.pid)
        self._started = time.monotonic()
        self._due = None

    @property
    def running(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """Return what it has written to its log since it was started last."""
        with self.program.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def tend(self) -> None:
        """Start it again when it has ended and the pause is over. Called again and again."""
        if self.running or self._process is None:
            return
        now = time.monotonic()
        if self._due is None:
            self._plan(now)
        elif now >= self._due:
            self.start()

    def ask(self) -> None:
        """Ask it to finish."""
        if self._process is not None and self.running:
            self._process.send_signal(self.program.stop_signal)

    def end(self) -> None:
        """Kill what is left of it, and strike it off the records."""
        if self._process is not None:
            kill_session(self._process.pid)
            self._process.wait()
            self._process = None
        self._records.forget(self.program)

    def _plan(self, now: float) -> None:
        """Decide when to start it again, and tell why."""
        if self._process is None:
            return
        kill_session(self._process.pid)
        if now - self._started > SOUND_SECONDS:
            self._pause = SHORTEST_PAUSE
        self._due = now + self._pause
        ending = describe(self._process.returncode)
        self._tell(
            f"{self.program.name} {ending}; starting it again in {self._pause:g} s. Its log is {self.program.log}."
        )
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def describe(status: int) -> str:
    """Return how a process with the exit *status* ended, in words."""
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
