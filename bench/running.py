"""Programs that the benchmark starts, waits for, measures and stops."""

import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic

import psutil

from bench.errors import BenchError
from cli.up.commands import DIRECTORY
from cli.up.processes import ChildProcess, Program, kill_session, spawn

START_S = 90.0
CHECK_S = 0.02
#: Characters of a program's log in an error message.
TAIL = 2_000
_NEVER = Event()


def wait_until(ready: Callable[[], bool], *, seconds: float, what: str, every: float = CHECK_S) -> None:
    """Wait until *ready*; after *seconds*, raise BenchError that names *what*."""
    deadline = monotonic() + seconds
    while not ready():
        if monotonic() > deadline:
            raise BenchError(f"Waited {seconds:g} s in vain for {what}.")
        _NEVER.wait(every)


def pause(seconds: float) -> None:
    """Wait for *seconds*."""
    _NEVER.wait(seconds)


class Running:
    """One program and its processes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: ChildProcess | None = None

    @classmethod
    def of(cls, name: str, command: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> "Running":
        """Return a program of *command*, not started. Its log is in *folder*; it runs in the root of the checkout."""
        log = folder / f"{name}.log"
        return cls(Program(name=name, command=command, environ=environ, log=log, directory=DIRECTORY))

    @property
    def name(self) -> str:
        """Its name in the results."""
        return self.program.name

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> "Running":
        """Start it with an empty log, and return it."""
        self.program.log.unlink(missing_ok=True)
        self._process = spawn(self.program)
        return self

    def wait_for(self, words: str) -> None:
        """Wait until its log matches *words*; raise BenchError with the end of the log when it exits before."""
        self.wait_until(lambda: re.search(words, self.log) is not None, what=f"log {words!r}")

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float = START_S) -> None:
        """Wait until *ready*; raise BenchError with *what* and the end of the log when it exits or after *seconds*."""
        try:
            wait_until(lambda: ready() or not self.alive, seconds=seconds, what=f"{self.name} to {what}")
        except BenchError as error:
            raise BenchError(f"{error}\n{self.last_words()}") from None
        if not ready():
            raise BenchError(f"{self.name} exited before it could {what}.\n{self.last_words()}")

    def processes(self) -> list[psutil.Process]:
        """Return it and its running descendants."""
        if self._process is None or not self.alive:
            return []
        with suppress(psutil.NoSuchProcess):
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        return []

    def terminate(self) -> None:
        """Send its stop signal without waiting."""
        if self._process is not None and self.alive:
            with suppress(ProcessLookupError):
                self._process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Stop it, wait, and kill remaining processes."""
        if self._process is None:
            return
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self.program.stop_seconds)
        kill_session(self._process.pid)
        self._process.wait()

    def last_words(self) -> str:
        """Return the end of its log."""
        return f"--- {self.program.log.name}\n{self.log[-TAIL:]}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it, not to its children."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def log(self) -> str:
        """The whole log."""
        return self.program.log.read_text(errors="replace") if self.program.log.exists() else ""


def stop_all(programs: Sequence[Running]) -> None:
    """Stop *programs*: send all stop signals first, then wait."""
    for program in programs:
        program.terminate()
    for program in programs:
        program.stop()
