"""Runs `mergelane up` for a test on free ports, with its own data directory."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.client import Client
from tests.support.folders import let_pass
from tests.support.on_citus import skip_on_citus
from tests.support.processes import Process, free_port
from tests.support.system import FAST
from tests.support.waiting import wait_until

DEV_KEY = "dev-key-of-the-tests"
UP = "Mergelane is up."


class Up:
    """One `mergelane up`, with the ids of all processes that it starts."""

    def __init__(
        self,
        folder: Path,
        *,
        home: Path | None = None,
        port: int | None = None,
        environ: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        if "DATABASE_URL" not in (environ or {}):
            skip_on_citus("`mergelane up` starts its own PostgreSQL.")
        self.home = home or folder / "home"
        self.port = port or free_port()
        self.flower_port = free_port()
        arguments = ["--home", str(self.home), "--port", str(self.port), "--flower-port", str(self.flower_port)]
        self.process = Process.of(
            "up",
            [python, "-m", "cli", "up", *arguments, "--workers", "2"],
            folder=folder,
            environ={**FAST, "MERGELANE_DEV_API_KEY": DEV_KEY, **(environ or {})},
        )
        self.seen: dict[int, psutil.Process] = {}

    @property
    def base_url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def flower_url(self) -> str:
        """The URL of Flower."""
        return f"http://127.0.0.1:{self.flower_port}"

    @property
    def output(self) -> str:
        """The output of the command."""
        return self.process.log

    def start(self, *, wait: bool = True) -> "Up":
        """Start the command and wait until it is up."""
        before = len(self.output)
        let_pass(self.home.parent)
        self.process.start()
        if wait:
            self.process.says(UP, seconds=90, after=before)
            self.look()
        return self

    def look(self) -> dict[str, psutil.Process]:
        """Return the child processes by kind, and record all descendants."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            self.seen[child.pid] = child
        children = psutil.Process(self.process.pid).children()
        return {name: child for child in children if (name := kind(child))}

    def client(self, key: str = DEV_KEY) -> Client:
        """Return a client with the dev key; close it after use."""
        return Client(self.base_url, key)

    def log(self, name: str) -> str:
        """Return the log of the child *name*."""
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")

    def left_over(self) -> list[str]:
        """Return the kinds of the recorded processes that still run."""
        return [kind(child) for child in self.seen.values() if _runs(child)]  # "" is the kind of an exiting process

    def wait_for_nothing_left(self) -> None:
        """Wait until all recorded processes have exited."""
        wait_until(lambda: not self.left_over(), what="all processes of `mergelane up` to end")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop the command with the signal *number* and return its exit status."""
        self.process.send(number)
        return self.process.ended(seconds=60)

    def end(self) -> None:
        """Stop the command and kill its remaining processes."""
        if self.process.running:
            self.look()
        self.process.stop(seconds=60)
        for child in self.seen.values():
            if _runs(child):
                child.kill()


def kind(process: psutil.Process) -> str:
    """Return the kind of *process* from its command: web, relay, sender, worker1, flower ...; "" if it has ended."""
    try:
        command = " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
    worker = re.search(r"-n (worker\d+)-", command)
    if worker:
        return worker[1]
    modules = {f"workers.{name}": name for name in ("relay", "sender")}
    names = {"gunicorn": "web", "flower": "flower", "redis-server": "redis", **modules}
    return next((name for word, name in names.items() if word in command), "postgres")


def environ_of(process: psutil.Process) -> str:
    """Return the environment of *process*, read as its user: root without capabilities cannot read it."""
    if os.geteuid() != 0:
        return "\n".join(f"{name}={value}" for name, value in process.environ().items())
    ids = {"user": process.uids().real, "group": process.gids().real}
    command = ["cat", f"/proc/{process.pid}/environ"]
    return subprocess.run(command, capture_output=True, check=True, text=True, **ids).stdout


def _runs(process: psutil.Process) -> bool:
    """Return whether *process* runs and is not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def make_up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """A function that creates an `Up`, not started. All of them are stopped after the test."""
    made: list[Up] = []

    def make(**options: Any) -> Up:
        up = Up(tmp_path / f"up{len(made)}", **options)
        made.append(up)
        return up

    try:
        yield make
    finally:
        for up in made:
            up.end()


@pytest.fixture(scope="module")
def shared_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `mergelane up`, shared by the tests of a file, which must not change it. Flower has a password."""
    up = Up(tmp_path_factory.mktemp("up"), environ={"MERGELANE_FLOWER_BASIC_AUTH": "ada:lovelace"})
    try:
        yield up.start()
    finally:
        up.end()
