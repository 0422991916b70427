"""Runs a web server with one worker process, on its own port."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from cli.up import commands
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until


class Web:
    """A running web server with one worker process."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.live = f"{self.url}/health/live"
        self.pids = self._pids()

    def _pids(self) -> set[int]:
        return {each.pid for each in psutil.Process(self.process.pid).children()}

    @property
    def is_same(self) -> bool:
        """Whether the server still runs with its first worker process."""
        return self.process.running and self._pids() == self.pids

    @property
    def worker(self) -> psutil.Process:
        return psutil.Process(next(iter(self.pids)))


@contextmanager
def web_server(folder: Path, database_url: str, *, prefix: Sequence[str] = (), **settings: str) -> Iterator[Web]:
    """Run a web server with *settings* during the block; *prefix* is the start of its command."""
    port = free_port()
    command = [*prefix, *commands.web(host="127.0.0.1", port=port)]
    environ = {"DATABASE_URL": database_url, "MERGELANE_WEB_PROCESSES": "1", **settings}
    process = Process.of("web", command, folder=folder, environ=environ).start()
    try:
        process.says("Booting worker")
        wait_until(lambda: _is_ready(port), what="the server")
        yield Web(process, port)
    finally:
        process.stop(seconds=15)


def _is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200
    except requests.RequestException:
        return False
