"""Processor time of running and ended processes is counted once."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.environment import child_environ
from bench.running import Running
from bench.usage import cpu_seconds, memory, spent

#: A process and two children, which each use 0.3 s of processor time. One child ends, the other keeps running.
FAMILY = """
import os, signal, time

def work():
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass

print("begun", flush=True)
signal.sigwait([signal.SIGUSR1])
if not (child := os.fork()):
    work()
    os._exit(0)
os.waitpid(child, 0)
if not os.fork():
    work()
    print("child", flush=True)
    signal.pause()
work()
print("parent", flush=True)
signal.pause()
"""


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Running]:
    """A program that starts to work in three processes at SIGUSR1."""
    script = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n{FAMILY}"
    program = Running.of("family", [sys.executable, "-c", script], folder=tmp_path, environ=child_environ())
    try:
        program.start().wait_for("begun")
        yield program
    finally:
        program.stop()


def test_running_and_ended_processes_are_counted_once(family: Running) -> None:
    before = cpu_seconds([family])
    family.send(signal.SIGUSR1)
    family.wait_for("child")
    family.wait_for("parent")
    used = spent(before, cpu_seconds([family]))

    assert used["family"] == pytest.approx(0.9, abs=0.2)


def test_processes_that_serve_the_benchmark_are_left_out(family: Running) -> None:
    every_process = {process.pid for process in family.processes()}

    assert cpu_seconds([family], without=every_process) == {"family": 0}


def test_memory_is_the_sum_over_all_processes(family: Running) -> None:
    held = memory([family])["family"]

    assert held.processes == 1
    assert 0 < held.pss <= held.rss
