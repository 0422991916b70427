"""Runs programs for the tests, each in its own session and with a log. Tests can stop, kill, freeze and thaw them."""

import os
import random
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.environment import child_environ
from cli.up.commands import DIRECTORY
from cli.up.processes import ChildProcess, Program, kill_session, spawn
from tests.support.waiting import wait_until

#: Ports outside the ephemeral range, so the system never assigns them by itself.
PORTS = range(20_000, 32_000)
_taken: list[socket.socket] = []


def free_port() -> int:
    """Return a free TCP port that no other test run on this machine uses until this one ends.

    The port is free until its server listens, and again when the server is killed. To reserve it meanwhile, this
    process keeps the UDP port with the same number open until the tests end.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.choice(PORTS)
        sign = socket.socket(type=socket.SOCK_DGRAM)
        if _free(sign, port):
            _taken.append(sign)
            return port
        sign.close()


def _free(sign: socket.socket, port: int) -> bool:
    """Return whether *port* is free and not reserved; if so, bind *sign* to reserve it."""
    with socket.socket() as probe:
        try:
            sign.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Process:
    """A program that a test runs. The kernel ends it when the test process ends, even if that is killed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: ChildProcess | None = None

    @classmethod
    def of(cls, name: str, command: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> "Process":
        """Return a process of *command* with its log in *folder*; it runs in the repository's root."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = {**child_environ(), **environ}
        return cls(Program(name=name, command=command, environ=whole, log=folder / f"{name}.log", directory=DIRECTORY))

    @property
    def name(self) -> str:
        """The name of the process; its log is NAME.log."""
        return self.program.name

    @property
    def pid(self) -> int:
        """The process id; fails if the process was never started."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, or None while the process runs."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The log of all starts so far."""
        return self.program.log.read_text(errors="replace") if self.program.log.exists() else ""

    def start(self) -> "Process":
        """Start the process and return it; it appends to the log of earlier starts."""
        assert not self.running, f"{self.name} runs already"
        self._process = spawn(self.program)
        return self

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        os.killpg(self.pid, number)

    def freeze(self) -> None:
        """Suspend the process and its children with SIGSTOP."""
        self.send_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the process and its children."""
        self.send_all(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL, as a power failure would."""
        if self._process is not None:
            kill_session(self._process.pid)
            self._process.wait()

    def ask(self) -> None:
        """Send the stop signal if the process runs, and do not wait."""
        if self.running:
            self.thaw()
            self.send(self.program.stop_signal)

    def stop(self, *, seconds: float | None = None) -> bool:
        """Send the stop signal and wait; return False if the process did not end in time and was killed."""
        if self._process is None:
            return True
        self.ask()
        try:
            self._process.wait(self.program.stop_seconds if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()
        return True

    def ended(self, *, seconds: float = 30) -> int:
        """Wait until the process has ended and return its exit status."""
        wait_until(lambda: not self.running, seconds=seconds, what=f"{self.name} to end")
        status = self.returncode
        assert status is not None
        return status

    def says(self, text: str, *, seconds: float = 30, after: int = 0) -> None:
        """Wait until the log contains *text* after its first *after* characters."""
        wait_until(lambda: self._said(text, after), seconds=seconds, what=f"{self.name} to say {text!r}")

    def _said(self, text: str, after: int) -> bool:
        """Return whether the log contains *text*; raise RuntimeError with the end of the log if the process ended."""
        if text in self.log[after:]:
            return True
        if not self.running:
            message = f"{self.name} ended with {self.returncode} and never said {text!r}:\n{self.log[-3000:]}"
            raise RuntimeError(message)
        return False
