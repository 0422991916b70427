"""Children that are started again when they end of themselves."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.up import managed_process
from cli.up.managed_process import ManagedProcess, describe_exit
from cli.up.orphan_processes import ProcessRecords
from cli.up.processes import Program
from tests.support.waiting import wait_until


class Nursery:
    """Makes children and ends them after the test; `told` is what they had told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.made: list[ManagedProcess] = []

    def child(self, *command: str, name: str = "child") -> ManagedProcess:
        log = self.folder / f"{name}.log"
        wanted = Program(name=name, command=command, environ=dict(os.environ), log=log)
        child = ManagedProcess(wanted, records=ProcessRecords(self.folder), report=self.told.append)
        self.made.append(child)
        child.start()
        return child


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path)
    try:
        yield nursery
    finally:
        for child in nursery.made:
            child.kill()


def test_a_child_that_ends_is_started_again_after_a_pause(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_process, "SHORTEST_PAUSE", 0.05)
    child = nursery.child("sh", "-c", "echo hello; exit 3")
    log = child.program.log

    def tended() -> bool:
        child.restart_if_due()
        return log.read_text().count("hello") >= 3

    wait_until(tended)

    assert nursery.told[0] == f"child exited with status 3; restarting in 0.05 s. Its log: {log}"
    assert nursery.told[1] == f"child exited with status 3; restarting in 0.1 s. Its log: {log}"


def test_a_child_that_runs_is_left_alone(nursery: Nursery) -> None:
    child = nursery.child("sleep", "60")
    for _ in range(3):
        child.restart_if_due()

    assert child.running
    assert nursery.told == []


def test_the_pause_grows_up_to_a_limit(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    child = nursery.child("true")
    monkeypatch.setattr(managed_process, "LONGEST_PAUSE", 1.0)
    pauses = []
    for _ in range(4):
        wait_until(lambda: not child.running)
        child._restart_at = None
        child.restart_if_due()
        pauses.append(nursery.told[-1].split(" in ")[1].split(" s")[0])

    assert pauses == ["0.5", "1", "1", "1"]


def test_a_child_that_ran_for_long_is_started_again_soon(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    child = nursery.child("true")
    wait_until(lambda: not child.running)
    child._pause = 16.0
    child._started -= managed_process.STABLE_SECONDS
    child.restart_if_due()

    assert "restarting in 0.5 s" in nursery.told[-1]


def test_what_a_child_said_before_it_was_started_is_not_what_it_says(nursery: Nursery) -> None:
    (nursery.folder / "child.log").write_text("ready. long ago\n")
    child = nursery.child("sh", "-c", "echo now; sleep 60")

    wait_until(lambda: "now" in child.log_since_start())
    assert child.log_since_start() == "now\n"


def test_a_child_that_was_ended_is_not_started_again(nursery: Nursery) -> None:
    child = nursery.child("sleep", "60")
    child.kill()
    child.restart_if_due()

    assert not child.running
    assert list(nursery.folder.glob("*.pid")) == []


def test_an_exit_status_is_described_in_words() -> None:
    assert describe_exit(2) == "exited with status 2"
    assert describe_exit(-9) == "was killed by signal 9"
