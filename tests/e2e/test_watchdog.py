"""A worker that consumes nothing, hangs in a lane or fails is restarted by its own watchdog; no other worker runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.up import commands
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
"""A worker that is broken in its first life, by the very means of its libraries: no file of the product knows of it."""


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        pytest.param("deafen(sender)", "it starts no lane although messages wait", id="deaf"),
        pytest.param("sender.task_consumer.cancel()", "it starts no lane although messages wait", id="not consuming"),
        pytest.param("workers.tasks.execute_lane = hang", "its lane does not end", id="hanging"),
        pytest.param("sender.hub.on_tick.add(fail)", "AttributeError ended its consumer", id="failing"),
    ],
)
def test_the_only_worker_comes_back_by_itself(
    start_system: Callable[..., System], tmp_path: Path, fault: str, complaint: str
) -> None:
    system = start_system(workers=0)
    python, _, *argv = commands.worker("worker1")
    script = BROKEN_ONCE.format(done=str(tmp_path / "done"), fault=fault, argv=argv)
    worker = system.process("worker1", [python, "-c", script]).start()
    system.workers.append(worker)
    worker.says("ready.")
    system.client.track(attributes=[{"external_id": "a"}, {"external_id": "b"}])
    pid = worker.pid

    batch = system.client.finished(system.client.merge([("a", "b")]), seconds=DEADLINE_S)

    assert batch["counts"] == {"merged": 1}
    assert complaint in worker.log
    assert "worker_restarted" in worker.log
    assert (worker.pid, worker.running) == (pid, True)
    assert worker.log.count("ready.") == 2
