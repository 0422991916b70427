"""A new version is rolled out under load: every process is replaced, and no client notices."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Event, Thread

import pytest
import requests

from chaos.driver import Driver, MergeApi
from chaos.installation import KEY, Installation
from chaos.keeper import KeptProcess
from cli.up import commands
from tests.chaos.harness import Harness
from tests.support.balancer import Balancer
from tests.support.processes import free_port
from tests.support.waiting import wait_until

DRAIN_S = "0.6"


class Balanced:
    """The installation as clients see it through a balancer."""

    def __init__(self, installation: Installation, balancer: Balancer) -> None:
        self._installation = installation
        self.base_url = f"http://127.0.0.1:{balancer.port}"
        self.connect = installation.connect


class Poller:
    """Polls repeatedly: over one connection if *kept*, else over a new connection each time."""

    def __init__(self, base_url: str, *, kept: bool) -> None:
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []
        self._url = f"{base_url}/merge/jobs?limit=5"
        self._kept = kept
        self._over = Event()
        self._thread = Thread(target=self._poll)

    def start(self) -> None:
        """Start to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling."""
        self._over.set()
        self._thread.join()

    def _poll(self) -> None:
        session = requests.Session()
        while not self._over.wait(0.01):
            try:
                self.statuses[session.get(self._url, headers=_headers(kept=self._kept), timeout=15).status_code] += 1
            except requests.RequestException as error:
                self.broken.append(repr(error))
        session.close()


def _headers(*, kept: bool) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}", **({} if kept else {"Connection": "close"})}


@pytest.fixture
def webs(harness: Harness) -> Iterator[dict[int, KeptProcess]]:
    """Two web servers besides the one of the harness, by their ports."""
    ports = [free_port(), free_port()]
    kept = {
        port: harness.installation.run(
            f"web-{port}", commands.web(host="127.0.0.1", port=port), MERGELANE_DRAIN_S=DRAIN_S
        )
        for port in ports
    }
    try:
        yield kept
    finally:
        for port, web in kept.items():
            web.hold_down(signal.SIGKILL)
            del harness.installation.processes[f"web-{port}"]


@pytest.fixture
def balancer(webs: dict[int, KeptProcess]) -> Iterator[Balancer]:
    """A balancer in front of the two web servers."""
    balancer = Balancer(list(webs))
    balancer.start()
    try:
        wait_until(lambda: len(balancer.ready) == len(webs), what="both web servers")
        yield balancer
    finally:
        balancer.stop()


def replace(process: KeptProcess, *, ready: Callable[[], bool]) -> None:
    """Send a process SIGTERM, start its successor, and wait until the successor is ready."""
    process.hold_down(signal.SIGTERM)
    assert process.returncode == 0
    process.let_up()
    wait_until(ready, what=f"{process.program.name} to be ready again")


def test_a_rolling_restart_under_load_loses_nothing_and_answers_no_5xx(
    harness: Harness, webs: dict[int, KeptProcess], balancer: Balancer
) -> None:
    view = Balanced(harness.installation, balancer)
    processes = harness.installation.processes
    driver = Driver(view, MergeApi(harness.installation), seed="rolling", pace=12, promises=harness.promises)  # type: ignore[arg-type]
    pollers = [Poller(view.base_url, kept=kept) for kept in (True, False)]
    driver.prepare()
    driver.start()
    for poller in pollers:
        poller.start()
    harness.wait_until_busy()

    for port, web in webs.items():
        replace(web, ready=lambda port=port: port in balancer.ready)  # type: ignore[misc]
    for name in ("relay", *harness.installation.workers):
        starts = processes[name].starts
        replace(processes[name], ready=lambda: processes[name].starts > starts)  # noqa: B023

    for poller in pollers:
        poller.stop()
    driver.finish()
    harness.rest()
    assert {status for status in driver.answers.by_status if not status.startswith("2")} == set()
    assert [set(poller.statuses) for poller in pollers] == [{200}, {200}]
    assert [poller.broken for poller in pollers] == [[], []]
