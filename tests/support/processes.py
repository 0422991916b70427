"""Real processes for the tests: each in a session of its own, with a log, to be asked, killed, frozen and thawed."""

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

#: Ports that no system hands out by itself, to a client or to a server that asks for any port.
PORTS = range(20_000, 32_000)
_taken: list[socket.socket] = []


def free_port() -> int:
    """Return a TCP port on which nobody listens, and which no other tests on this machine will choose meanwhile.

    A port is free between the choosing and the listening, and whenever its server is killed. So that nobody else
    takes it then, the UDP port of the same number is held until the tests end, and says that it is taken.
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
    """Tell whether *port* is nobody's; the socket *sign* then holds it."""
    with socket.socket() as probe:
        try:
            sign.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Process:
    """A program that a test runs; the kernel ends it with the tests, even when those are killed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: ChildProcess | None = None

    @classmethod
    def of(cls, name: str, command: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> "Process":
        """Return a process of *command* whose log lies in *folder*, run from the repository's root."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = {**child_environ(), **environ}
        return cls(Program(name=name, command=command, environ=whole, log=folder / f"{name}.log", directory=DIRECTORY))

    @property
    def name(self) -> str:
        """What the test calls it; its log is NAME.log."""
        return self.program.name

    @property
    def pid(self) -> int:
        """The number of the process; raises when it was never started."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal, or None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """All that it wrote so far."""
        return self.program.log.read_text(errors="replace") if self.program.log.exists() else ""

    def start(self) -> "Process":
        """Start it and return it; what it writes is added to the log of its former life."""
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
        """Stop it and its children in their tracks, without ending them."""
        self.send_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self.send_all(signal.SIGCONT)

    def kill(self) -> None:
        """End it and its children with SIGKILL, as a failing machine would."""
        if self._process is not None:
            kill_session(self._process.pid)
            self._process.wait()

    def ask(self) -> None:
        """Ask it to end, if it runs, and do not wait."""
        if self.running:
            self.thaw()
            self.send(self.program.stop_signal)

    def stop(self, *, seconds: float | None = None) -> bool:
        """Ask it to end and wait; True when it did so of itself, False when it had to be killed."""
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
        """Wait until it has ended and return its exit status."""
        wait_until(lambda: not self.running, seconds=seconds, what=f"{self.name} to end")
        status = self.returncode
        assert status is not None
        return status

    def says(self, text: str, *, seconds: float = 30, after: int = 0) -> None:
        """Wait until *text* stands in its log after the first *after* characters."""
        wait_until(lambda: self._said(text, after), seconds=seconds, what=f"{self.name} to say {text!r}")

    def _said(self, text: str, after: int) -> bool:
        """Tell whether it said *text*; raises with the log's end when it has ended without."""
        if text in self.log[after:]:
            return True
        if not self.running:
            message = f"{self.name} ended with {self.returncode} and never said {text!r}:\n{self.log[-3000:]}"
            raise RuntimeError(message)
        return False
