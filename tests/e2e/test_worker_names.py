"""Workers that one command of the Procfile starts on one machine are distinct, and share the work."""

import shlex
import sys
from collections.abc import Callable

import pytest
from celery import Celery

from app.config import Settings
from cli.doctor.broker import check_broker
from tests.project.tree import text_of
from tests.support.system import System
from tests.support.waiting import wait_until
from workers.celery import make_celery
from workers.messages import LANE_TASK

(COMMAND,) = (shlex.split(line.split(": ", 1)[1]) for line in text_of("Procfile").splitlines() if "worker:" in line)


@pytest.fixture
def system(start_system: Callable[..., System]) -> System:
    """A system with two workers that the line of the Procfile started."""
    system = start_system(workers=0, environ={"MERGELANE_LANE_SIZE": "1"})
    workers = [system.process(f"worker{number}", [sys.executable, "-m", *COMMAND]) for number in range(2)]
    system.workers += [worker.start() for worker in workers]
    for worker in workers:
        worker.says("ready.")
    return system


def test_each_worker_has_a_name_of_its_own(system: System) -> None:
    settings = Settings(broker_url=system.environ["BROKER_URL"])

    _, found = check_broker(settings)

    pings = make_celery(settings).control.inspect(timeout=5, limit=2).ping()
    assert len(set(found)) == 2
    assert pings is not None
    assert pings.keys() == set(found)


def test_both_workers_take_jobs(system: System) -> None:
    celery = make_celery(Settings(broker_url=system.environ["BROKER_URL"]))
    pairs = [(f"guest-{number}", f"customer-{number}") for number in range(30)]
    system.client.track(attributes=[{"external_id": each} for pair in pairs for each in pair])

    batch = system.client.finished(system.client.merge(pairs))

    assert batch["counts"] == {"merged": 30}
    wait_until(lambda: len(lanes := _lanes(celery)) == 2 and sum(lanes) == 30 and all(lanes), what="both to count")


def _lanes(celery: Celery) -> list[int]:
    """Return how many lanes each worker has started."""
    stats = celery.control.inspect(timeout=5, limit=2).stats() or {}
    return [worker["total"].get(LANE_TASK, 0) for worker in stats.values()]
