"""All children of one `mergelane up`: waited for, kept running, and ended in the reverse order of their start."""

import threading
import time
from collections.abc import Callable, Sequence

from app.errors import SetupError
from cli.up.children import Child
from cli.up.home import Home
from cli.up.leftovers import Records
from cli.up.processes import Program

LOOK_SECONDS = 0.1
START_SECONDS = 90.0


class Stopped(Exception):
    """The operator asked for the end before everything had started."""


class Household:
    """The children, in the groups in which they are started; *stop* is set when the operator asks for the end."""

    def __init__(self, home: Home, stop: threading.Event, tell: Callable[[str], None]) -> None:
        self._stop = stop
        self._tell = tell
        self._records = Records(home.run)
        self._groups: list[list[Child]] = []
        self.hurry = threading.Event()

    @property
    def populated(self) -> bool:
        """Tell whether anything was started."""
        return bool(self._groups)

    def end_leftovers(self) -> None:
        """End what a killed `mergelane up` left running on this home."""
        if ended := self._records.end_leftovers():
            self._tell(f"Ended what the last run had left behind: {', '.join(ended)}.")

    def start(self, *programs: Program, before: Callable[[], None] | None = None) -> list[Child]:
        """Start *programs* as one group and return its children."""
        group: list[Child] = []
        self._groups.append(group)
        for program in programs:
            child = Child(program, records=self._records, tell=self._tell, before=before)
            group.append(child)
            child.start()
        return group

    def wait_until(self, ready: Callable[[], bool], child: Child) -> None:
        """Wait until *ready*; raises SetupError when *child* ends or takes too long, Stopped when told to stop."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if not child.running:
                raise SetupError(f"{child.program.name} did not start. {_last_words(child)}")
            if time.monotonic() > deadline:
                late = f"{child.program.name} is not ready after {START_SECONDS:g} s."
                raise SetupError(f"{late} {_last_words(child)}")
            if self._stop.wait(LOOK_SECONDS):
                raise Stopped

    def keep(self) -> None:
        """Start again whatever ends, until told to stop."""
        while not self._stop.wait(LOOK_SECONDS):
            for group in self._groups:
                for child in group:
                    child.tend()

    def end(self) -> None:
        """Ask group after group to finish, the last one first; kill what does not in time, or at once in a hurry."""
        while self._groups:
            group = self._groups.pop()
            for child in group:
                child.ask()
            self._await_end(group)
            for child in group:
                child.end()

    def _await_end(self, group: Sequence[Child]) -> None:
        """Wait until all of *group* have ended, for as long as the slowest of them may take."""
        deadline = time.monotonic() + max((child.program.stop_seconds for child in group), default=0.0)
        while any(child.running for child in group):
            if time.monotonic() > deadline:
                late = ", ".join(child.program.name for child in group if child.running)
                self._tell(f"Killing what did not stop in time: {late}.")
                return
            if self.hurry.wait(LOOK_SECONDS / 2):
                return


def _last_words(child: Child) -> str:
    """Return the end of what *child* wrote, and where the rest is."""
    lines = child.said().strip().splitlines()[-15:]
    return "\n".join([f"Its log is {child.program.log}; the end of it:", *lines])
