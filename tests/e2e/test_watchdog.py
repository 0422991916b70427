"""A worker that consumes nothing, hangs in a lane or fails is restarted by its own watchdog; no other worker runs."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.up import commands
from tests.support.postgres import Databases
from tests.support.processes import Process
from tests.support.redis import RedisServer
from tests.support.system import System

DEADLINE_S = 60
BROKEN_ONCE = """
import sys
from pathlib import Path
from threading import Event

from celery.__main__ import main
from celery.signals import worker_ready

import workers.tasks

done = Path({done!r})

def deafen(sender, **_):
    sender.hub.on_tick.clear()

def hang(*_):
    Event().wait()

def fail(*_):
    raise AttributeError("the consumer lost its connection")

def break_it(sender, **_):
    if not done.exists():
        done.touch()
        {fault}

worker_ready.connect(break_it)
sys.argv = {argv!r}
main()
"""
"""A worker with a fault until its first restart. The fault uses its libraries: the product has no hook for it."""


#: Fault → the statement that causes it, and the text that the watchdog logs.
FAULTS = {
    "deaf": ("deafen(sender)", "it starts no lane although messages wait"),
    "not consuming": ("sender.task_consumer.cancel()", "it starts no lane although messages wait"),
    "hanging": ("workers.tasks.execute_lane = hang", "its lane does not end"),
    "failing": ("sender.hub.on_tick.add(fail)", "AttributeError ended its consumer"),
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A system whose only worker has a fault, with a merge that waits for it."""

    system: System
    worker: Process
    pid: int
    batch_id: str


@pytest.fixture
def broken(databases: Databases, redis_server: RedisServer, tmp_path: Path) -> Iterator[dict[str, Broken]]:
    """A system for each fault. All run at once, because the watchdog needs seconds to notice a fault."""
    with ExitStack() as stack:
        found = {}
        for name, (fault, _) in FAULTS.items():
            folder = tmp_path / name.replace(" ", "-")
            url = stack.enter_context(databases.lend(databases.create()))
            system = System(folder, database_url=url, broker_url=redis_server.url)
            stack.callback(system.stop)
            found[name] = break_worker(system.start(workers=0), fault, done=tmp_path / f"{name} done")
        yield found


def break_worker(system: System, fault: str, *, done: Path) -> Broken:
    """Start the only worker of *system* with *fault*, and post a merge."""
    python, _, *argv = commands.worker("worker1")
    script = BROKEN_ONCE.format(done=str(done), fault=fault, argv=argv)
    worker = system.process("worker1", [python, "-c", script]).start()
    system.workers.append(worker)
    worker.says("ready.")
    system.client.track(attributes=[{"external_id": "a"}, {"external_id": "b"}])
    pid = worker.pid
    return Broken(system, worker, pid, system.client.merge([("a", "b")]))


def test_the_watchdog_restarts_the_only_worker_after_every_fault(broken: dict[str, Broken]) -> None:
    for fault, one in broken.items():
        batch = one.system.client.finished(one.batch_id, seconds=DEADLINE_S)

        _, complaint = FAULTS[fault]
        assert batch["counts"] == {"merged": 1}, fault
        assert complaint in one.worker.log, fault
        assert "worker_restarted" in one.worker.log, fault
        assert (one.worker.pid, one.worker.running) == (one.pid, True), fault
        assert one.worker.log.count("ready.") == 2, fault
