"""The keeper restarts processes that exit, as a supervisor does, unless a fault holds them down."""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic

import psutil

from chaos.errors import ChaosError
from cli.up.processes import ChildProcess, Program, kill_session, spawn

LOOK_S = 0.05
#: Seconds before a process that exited is started again.
PAUSE_S = 0.3


class KeptProcess:
    """A program that is kept running; *before* is called before each start."""

    def __init__(self, program: Program, before: Callable[[], None] | None = None) -> None:
        self.program = program
        self.starts = 0
        self._before = before
        self._process: ChildProcess | None = None
        self._held = False
        self._ready_at = 0.0
        self._lock = Lock()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs and before its first start."""
        return None if self._process is None else self._process.poll()

    def tend(self, now: float) -> None:
        """Start it when it does not run and is not held down; called only by the keeper."""
        with self._lock:
            if self.running or self._held:
                self._ready_at = now + PAUSE_S
            elif now >= self._ready_at:
                self._start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, not to its children."""
        with self._lock, suppress(ProcessLookupError):
            if self._process is not None and self.running:
                self._process.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to it and to all its descendants, in any process group."""
        _signal(self.family(), number)

    def freeze(self) -> list[psutil.Process]:
        """Freeze it and its descendants, and return them, since they may outlive it."""
        family = self.family()
        _signal(family, signal.SIGSTOP)
        return family

    def family(self) -> list[psutil.Process]:
        """Return it and its descendants."""
        with self._lock:
            if self._process is None or not self.running:
                return []
            with suppress(psutil.NoSuchProcess):
                leader = psutil.Process(self._process.pid)
                return [leader, *leader.children(recursive=True)]
        return []

    def hold_down(self, number: signal.Signals) -> None:
        """End it by a signal and do not restart it until let_up()."""
        with self._lock:
            self._held = True
        self.send(number)
        self.send(signal.SIGCONT)  # a frozen process does not handle signals
        self._await_end()

    def let_up(self) -> None:
        """Allow restarts again."""
        with self._lock:
            self._held = False

    def end(self) -> None:
        """Stop it, wait, and kill remaining processes."""
        with self._lock:
            self._held = True
        self.send_all(signal.SIGCONT)
        self.send(self.program.stop_signal)
        self._await_end()
        if self._process is not None:
            kill_session(self._process.pid)
            self._process.wait()

    def _await_end(self) -> None:
        """Wait until it has exited; kill it after a timeout."""
        if self._process is None:
            return
        with suppress(Exception):
            self._process.wait(self.program.stop_seconds)
        if self.running:
            kill_session(self._process.pid)
            self._process.wait()

    def _start(self) -> None:
        """Start it after killing remaining processes of its former start."""
        if self._process is not None:
            kill_session(self._process.pid)
        if self._before is not None:
            self._before()
        self._process = spawn(self.program)
        self.starts += 1


def thaw(processes: Sequence[psutil.Process]) -> None:
    """Resume frozen *processes*, also when their parent has exited."""
    _signal(processes, signal.SIGCONT)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each of *processes* that still runs."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


class ProcessKeeper:
    """Keeps programs running, in its own thread."""

    def __init__(self) -> None:
        self._kept: list[KeptProcess] = []
        self._stop = Event()
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._keep, name="keeper")

    @property
    def kept(self) -> Sequence[KeptProcess]:
        """All programs."""
        return self._kept

    @property
    def ended(self) -> bool:
        """Whether it has stopped all programs."""
        return self._stop.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def keep(self, kept: KeptProcess) -> KeptProcess:
        """Keep one more program running, and return it."""
        self._kept = [*self._kept, kept]
        return kept

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until *ready*; raise ChaosError with *what* after *seconds*."""
        for _ in range(int(seconds / LOOK_S)):
            if ready():
                return
            if self._failure is not None:
                raise ChaosError("The keeper could not start a program.") from self._failure
            self._stop.wait(LOOK_S)
        raise ChaosError(f"Timeout after {seconds:g} s, waiting for {what}.")

    def pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def end(self) -> None:
        """Stop all programs, the last one first."""
        for kept in reversed(self._kept):
            kept.end()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._stop.wait(LOOK_S):
            for kept in self._kept:
                try:
                    kept.tend(monotonic())
                except Exception as error:  # noqa: BLE001  raised in the thread that waits
                    self._failure = error
