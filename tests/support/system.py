"""Runs the whole product for a test: web server, relay, workers and Flower, with short intervals and timeouts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from uuid_utils import uuid7

from app import keys
from app.config import Settings
from cli.database import connected
from cli.up import commands
from tests.support.client import Client
from tests.support.on_citus import database_environ
from tests.support.postgres import Databases
from tests.support.processes import Process, free_port
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

FAST = {
    "MERGELANE_LOG_FORMAT": "text",
    "MERGELANE_WEB_PROCESSES": "1",
    "MERGELANE_RETRY_DELAY_S": "0.1",
    "MERGELANE_VISIBILITY_TIMEOUT_S": "5",
    "MERGELANE_RESCUE_AFTER_S": "3",
    "MERGELANE_RESCUE_EVERY_S": "0.5",
}
"""Settings with which Mergelane detects and repairs faults within seconds instead of a minute."""


class System:
    """A Mergelane on a given database and broker. `client` has all permissions in a new workspace."""

    client: Client

    def __init__(
        self, folder: Path, *, database_url: str, broker_url: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.database_url = database_url
        self.environ = {
            **FAST,
            **database_environ(database_url),
            "BROKER_URL": broker_url,
            **(environ or {}),
        }
        self.port = free_port()
        self.flower_port = free_port()
        self.web = self.process("web", commands.web(host="127.0.0.1", port=self.port))
        self.relay = self.process("relay", commands.relay())
        self.flower = self.process("flower", commands.flower(port=self.flower_port))
        self.workers: list[Process] = []
        self._clients: list[Client] = []

    @property
    def base_url(self) -> str:
        """The URL of the web server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        """The settings with which a command connects to the database."""
        distributed = self.environ.get("DATABASE_DISTRIBUTED") == "on"
        return Settings(database_url=self.database_url, database_distributed=distributed)

    def process(self, name: str, command: Sequence[str]) -> Process:
        """Return another process of this system; it is not started."""
        return Process.of(name, command, folder=self.folder, environ=self.environ)

    def start(self, *, workers: int = 1, relay: bool = True, flower: bool = False) -> "System":
        """Start the processes and wait until the web server and the workers are ready."""
        self.web.start()
        if relay:
            self.relay.start()
        started = [self.add_worker(wait=False) for _ in range(workers)]
        if flower:
            self.flower.start()
        self.wait_for_web()
        for worker in started:
            worker.says("ready.")
        self.client = self.new_client()
        return self

    def wait_for_web(self) -> None:
        """Wait until the web server is ready."""
        wait_until(self._web_ready, seconds=60, what=f"the web server (its log is {self.web.program.log})")

    def add_worker(self, *, wait: bool = True) -> Process:
        """Start one more worker and return it."""
        name = f"worker{len(self.workers) + 1}"
        worker = self.process(name, commands.worker(name)).start()
        self.workers.append(worker)
        if wait:
            worker.says("ready.")
        return worker

    def new_client(self, *, workspace: str | None = None, permissions: Sequence[str] = ("*",)) -> Client:
        """Return a client with a new key, by default in a new workspace."""
        key = f"test-key-{uuid7()}"
        workspace = workspace or f"test-{uuid7()}"
        with connected(self.settings, self.database_url, name="test") as conn:
            keys.ensure_key(conn, key=key, workspace=workspace, permissions=list(permissions))
        client = Client(self.base_url, key, workspace)
        self._clients.append(client)
        return client

    def stop(self) -> None:
        """Stop all processes, in any state."""
        for client in self._clients:
            client.close()
        processes = (self.web, self.relay, *self.workers, self.flower)
        for process in processes:
            process.ask()
        for process in processes:
            process.stop(seconds=15)

    def report(self) -> str:
        """Return the state of each process and the end of its log."""
        processes = (self.web, self.relay, *self.workers, self.flower)
        return "\n".join(
            f"{each.name}: {'running' if each.running else f'ended with {each.returncode}'}\n{each.log[-2000:]}"
            for each in processes
        )

    def _web_ready(self) -> bool:
        """Return whether the web server answers; raise RuntimeError with the end of its log if it has ended."""
        if not self.web.running:
            message = f"The web server ended with {self.web.returncode}:\n{self.web.log[-3000:]}"
            raise RuntimeError(message)
        try:
            return requests.get(f"{self.base_url}/health/ready", timeout=5).status_code == requests.codes.ok
        except (requests.ConnectionError, requests.Timeout):
            return False


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the state and the logs of the systems of a failed test to its report."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and isinstance(item, pytest.Function):
        report.sections += [
            (f"processes of {name}", system.report())
            for name, system in item.funcargs.items()
            if isinstance(system, System)
        ]


@pytest.fixture
def start_system(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., System]]:
    """A function that starts a system for this test alone.

    Its arguments are those of `System.start` (`workers`, `relay`, `flower`), `database_url` and `broker_url` (by
    default the test's fresh database and the session's emptied Redis), and `environ` for further settings.
    """
    systems: list[System] = []

    def start(
        *,
        database_url: str | None = None,
        broker_url: str | None = None,
        environ: Mapping[str, str] | None = None,
        **options: Any,
    ) -> System:
        system = System(
            tmp_path / f"system{len(systems)}",
            database_url=database_url or request.getfixturevalue("database_url"),
            broker_url=broker_url or request.getfixturevalue("broker_url"),
            environ=environ,
        )
        systems.append(system)
        return system.start(**options)

    try:
        yield start
    finally:
        for system in systems:
            system.stop()


@contextmanager
def system_apart(databases: Databases, folder: Path, *, workers: int) -> Iterator[System]:
    """Run a system on its own database and its own Redis."""
    broker = RedisServer(folder)
    database = databases.create()
    system = System(folder, database_url=databases.url(database), broker_url=broker.url)
    try:
        broker.start()
        yield system.start(workers=workers)
    finally:
        system.stop()
        broker.stop()
        databases.drop(database)


@pytest.fixture(scope="session")
def running_system(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with two workers that runs during the whole session, on its own database and its own Redis."""
    with system_apart(databases, tmp_path_factory.mktemp("system"), workers=2) as system:
        yield system


@pytest.fixture
def system(running_system: System) -> System:
    """The session's system, its `client` in a fresh workspace. To stop processes, use `start_system` instead."""
    running_system.client = running_system.new_client()
    return running_system


@pytest.fixture
def client(system: System) -> Client:
    """A client of the session's system with all permissions, in a fresh workspace."""
    return system.client
