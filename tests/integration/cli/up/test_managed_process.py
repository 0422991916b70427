"""Child processes are restarted when they exit."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.up import managed_process
from cli.up.managed_process import ManagedProcess, describe_exit
from cli.up.orphan_processes import ProcessRecords
from cli.up.processes import Program
from tests.support.waiting import wait_until


class Children:
    """Starts child processes and collects their reports. The fixture kills them after the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[str] = []
        self.made: list[ManagedProcess] = []

    def start(self, *command: str, name: str = "child") -> ManagedProcess:
        log = self.folder / f"{name}.log"
        program = Program(name=name, command=command, environ=dict(os.environ), log=log)
        child = ManagedProcess(program, records=ProcessRecords(self.folder), report=self.reports.append)
        self.made.append(child)
        child.start()
        return child


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    children = Children(tmp_path)
    try:
        yield children
    finally:
        for child in children.made:
            child.kill()


def test_a_child_that_exits_is_restarted_after_a_pause(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_process, "SHORTEST_PAUSE", 0.05)
    child = children.start("sh", "-c", "echo hello; exit 3")
    log = child.program.log

    def tended() -> bool:
        child.restart_if_due()
        return log.read_text().count("hello") >= 3

    wait_until(tended)

    assert children.reports[0] == f"child exited with status 3; restarting in 0.05 s. Its log: {log}"
    assert children.reports[1] == f"child exited with status 3; restarting in 0.1 s. Its log: {log}"


def test_a_running_child_is_not_restarted(children: Children) -> None:
    child = children.start("sleep", "60")
    for _ in range(3):
        child.restart_if_due()

    assert child.running
    assert children.reports == []


def test_the_pause_grows_up_to_a_limit(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    child = children.start("true")
    monkeypatch.setattr(managed_process, "LONGEST_PAUSE", 1.0)
    pauses = []
    for _ in range(4):
        wait_until(lambda: not child.running)
        child._restart_at = None
        child.restart_if_due()
        pauses.append(children.reports[-1].split(" in ")[1].split(" s")[0])

    assert pauses == ["0.5", "1", "1", "1"]


def test_a_child_that_ran_for_long_is_restarted_after_a_short_pause(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = children.start("true")
    wait_until(lambda: not child.running)
    child._pause = 16.0
    child._started -= managed_process.STABLE_SECONDS
    child.restart_if_due()

    assert "restarting in 0.5 s" in children.reports[-1]


def test_the_log_since_the_start_excludes_earlier_lines(children: Children) -> None:
    (children.folder / "child.log").write_text("ready. long ago\n")
    child = children.start("sh", "-c", "echo now; sleep 60")

    wait_until(lambda: "now" in child.log_since_start())
    assert child.log_since_start() == "now\n"


def test_a_killed_child_is_not_restarted(children: Children) -> None:
    child = children.start("sleep", "60")
    child.kill()
    child.restart_if_due()

    assert not child.running
    assert list(children.folder.glob("*.pid")) == []


def test_an_exit_status_is_described_in_words() -> None:
    assert describe_exit(2) == "exited with status 2"
    assert describe_exit(-9) == "was killed by signal 9"
