"""Local processes with the interface of pytest-celery's containers.

pytest-celery uses only these members of a Docker container: id, name, status, attrs, logs, kill, reload, restart,
exec_run. LocalContainer implements them for a process, so pytest-celery works without a container engine.
"""

import secrets
import shlex
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from pytest_celery import CeleryWorkerContainer, RedisContainer

from cli.up import commands
from cli.up.commands import DIRECTORY
from tests.support.processes import Process
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

QUEUE = "mergelane"


class LocalContainer:
    """A process with the members of a Docker container."""

    def __init__(self, name: str, *, start: Callable[[str], Process]) -> None:
        """Start the process by calling *start* with the container's id."""
        self.id = secrets.token_hex(6)
        self.name = name
        self._start = start
        self._log_start = 0
        self.process = start(self.id)

    @property
    def status(self) -> str:
        """The status in Docker's words: running or exited."""
        return "running" if self.process.running else "exited"

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes without networks and ports: all connections use unix sockets."""
        return {
            "Config": {"Hostname": self.id, "Env": []},
            "HostConfig": {"PortBindings": {}},
            "NetworkSettings": {"Networks": {}, "Ports": {}},
        }

    def logs(self) -> bytes:
        """Return the log since the last start, so that an earlier "ready" does not count."""
        return self.process.log[self._log_start :].encode()

    def reload(self) -> None:
        """Do nothing: the attributes of a process are always current."""

    def kill(self, signal: str | int | None = None) -> None:
        """Send a signal, by default SIGKILL, and wait for the end of the process."""
        self.process.send(_signal(signal))
        wait_until(lambda: not self.process.running, what=f"{self.name} to end")

    def restart(self, timeout: int = 10) -> None:
        """Stop the process if it runs and start it again under the same id."""
        self.process.stop(seconds=timeout)
        self._log_start = len(self.process.log)
        self.process = self._start(self.id)

    def exec_run(self, command: str) -> tuple[int, bytes]:
        """Run a command on this machine and return its exit status and output."""
        done = subprocess.run(
            shlex.split(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=DIRECTORY
        )
        return done.returncode, done.stdout

    def remove(self) -> None:
        """Stop the process."""
        self.process.stop(seconds=15)


class LocalRedisContainer(RedisContainer):
    """A Redis on a unix socket as pytest-celery's broker."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(LocalContainer("redis", start=lambda _: server.start()))
        self._server = server

    @property
    def client(self) -> Any:
        """A new client of the broker; close it after use."""
        return self._server.client()

    @property
    def celeryconfig(self) -> dict[str, Any]:
        """The URL of the broker, the same for workers and tests."""
        return {"url": self._server.url, "host_url": self._server.url, "vhost": "0"}

    @property
    def ready_prompt(self) -> str:
        """The text that this version of Redis logs when it is ready on a unix socket."""
        return "ready to accept connections"

    def teardown(self) -> None:
        """Stop the server."""
        self._container.remove()


class LocalWorkerContainer(CeleryWorkerContainer):
    """A worker, started with our command."""

    def __init__(self, name: str, make: Callable[[list[str]], Process]) -> None:
        def start(identity: str) -> Process:
            return make([*self.command(), "-n", f"{self.worker_name()}@{identity}"]).start()

        super().__init__(LocalContainer(name, start=start))

    @classmethod
    def command(cls, *args: str, **_: Any) -> list[str]:
        """Return the product's command without the name of the node, which differs between containers."""
        worker = commands.worker("any")
        return [*worker[: worker.index("-n")], *args]

    @classmethod
    def worker_queue(cls) -> str:
        """The only queue of the product."""
        return QUEUE

    def teardown(self) -> None:
        """Stop the worker."""
        self._container.remove()


def _signal(given: str | int | None) -> signal.Signals:
    """Return the signal with a name or number; Docker's default is SIGKILL."""
    if given is None:
        return signal.SIGKILL
    return signal.Signals[given] if isinstance(given, str) else signal.Signals(given)
