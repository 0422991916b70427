"""Processes of a killed `mergelane up` are found by their pid and start time, and ended."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.up.orphan_processes import ProcessRecords
from cli.up.processes import Program, kill_session
from tests.support.waiting import wait_until


@pytest.fixture
def orphan() -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a child in its own session. Only the records name it."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & exec sleep 60"], start_new_session=True) as process:
        wait_until(lambda: len(psutil.Process(process.pid).children()) == 1)
        yield process
        kill_session(process.pid)


def program(folder: Path, orphan_signal: signal.Signals = signal.SIGKILL) -> Program:
    return Program(name="web", command=[], environ={}, log=folder / "web.log", orphan_signal=orphan_signal)


def test_an_orphan_and_its_children_are_ended(tmp_path: Path, orphan: "subprocess.Popen[bytes]") -> None:
    (child,) = psutil.Process(orphan.pid).children()
    records = ProcessRecords(tmp_path)
    records.record(program(tmp_path), orphan.pid)

    assert records.stop_orphans() == ["web"]
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert orphan.poll() is not None
    assert records.stop_orphans() == []


def test_an_orphan_gets_the_signal_of_its_program(tmp_path: Path) -> None:
    script = "trap 'echo ended > ended; exit' INT; touch ready; while :; do sleep 0.1; done"
    records = ProcessRecords(tmp_path / "run")
    (tmp_path / "run").mkdir()
    with subprocess.Popen(["sh", "-c", script], start_new_session=True, cwd=tmp_path) as process:
        wait_until((tmp_path / "ready").exists)
        records.record(program(tmp_path, signal.SIGINT), process.pid)
        records.stop_orphans()

    assert (tmp_path / "ended").exists()


def test_children_are_ended_even_when_their_parent_is_gone(tmp_path: Path, orphan: "subprocess.Popen[bytes]") -> None:
    (child,) = psutil.Process(orphan.pid).children()
    records = ProcessRecords(tmp_path)
    records.record(program(tmp_path), orphan.pid)
    orphan.kill()
    orphan.wait(30)

    assert records.stop_orphans() == ["web"]
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_another_process_with_the_same_pid_is_not_ended(tmp_path: Path, orphan: "subprocess.Popen[bytes]") -> None:
    made = psutil.Process(orphan.pid).create_time() - 100
    (tmp_path / "web.pid").write_text(f"{orphan.pid} {made} 9")

    assert ProcessRecords(tmp_path).stop_orphans() == []
    assert orphan.poll() is None


def test_a_record_from_before_the_boot_is_deleted(tmp_path: Path, orphan: "subprocess.Popen[bytes]") -> None:
    (tmp_path / "web.pid").write_text(f"{orphan.pid} {psutil.boot_time() - 100} 9")

    assert ProcessRecords(tmp_path).stop_orphans() == []
    assert orphan.poll() is None


@pytest.mark.parametrize("record", ["", "12", "12 x 9", "0 0 9", "-1 99999999999 9", "12 99999999999 999"])
def test_an_invalid_record_is_deleted(tmp_path: Path, record: str) -> None:
    (tmp_path / "web.pid").write_text(record)

    assert ProcessRecords(tmp_path).stop_orphans() == []
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_record_stops_no_process(tmp_path: Path, orphan: "subprocess.Popen[bytes]") -> None:
    records = ProcessRecords(tmp_path)
    records.record(program(tmp_path), orphan.pid)
    records.delete(program(tmp_path))

    assert records.stop_orphans() == []
    assert orphan.poll() is None
