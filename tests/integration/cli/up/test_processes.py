"""Child programs have a log, end with this process, and are killed together with their own children."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.up.processes import MAX_LOG_BYTES, Program, kill_session, rotate_log, spawn
from tests.support.waiting import wait_until

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux ties a child to its parent.")


def program(folder: Path, *command: str) -> Program:
    return Program(name="child", command=command, environ=dict(os.environ), log=folder / "child.log")


def test_a_program_runs_in_its_own_session(tmp_path: Path) -> None:
    process = spawn(program(tmp_path, "sleep", "60"))
    try:
        wait_until(lambda: psutil.Process(process.pid).name() == "sleep")

        assert os.getsid(process.pid) == process.pid
    finally:
        kill_session(process.pid)
        process.wait()


def test_the_output_of_a_program_is_appended_to_its_log(tmp_path: Path) -> None:
    for word in ("one", "two"):
        assert spawn(program(tmp_path, "sh", "-c", f"echo {word}; echo {word}! >&2")).wait(30) == 0

    assert (tmp_path / "child.log").read_text() == "one\none!\ntwo\ntwo!\n"


def test_a_missing_program_is_named_in_the_log(tmp_path: Path) -> None:
    assert spawn(program(tmp_path, "no-such-program")).wait(30) != 0

    assert "no-such-program" in (tmp_path / "child.log").read_text()


def test_killing_a_session_ends_all_that_the_program_started(tmp_path: Path) -> None:
    process = spawn(program(tmp_path, "sh", "-c", "sleep 60 & sleep 60"))
    wait_until(lambda: len(psutil.Process(process.pid).children()) == 2)
    grandchildren = psutil.Process(process.pid).children()

    kill_session(process.pid)
    process.wait()

    wait_until(lambda: not any(child.is_running() for child in grandchildren))


def test_killing_a_session_that_is_gone_does_nothing(tmp_path: Path) -> None:
    process = spawn(program(tmp_path, "true"))
    process.wait(30)

    kill_session(process.pid)


@LINUX
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(int(number))], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        wait_until(lambda: child.name() == "sleep")
        parent.kill()

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


PARENT = """
import os, sys, time
from pathlib import Path
from cli.up.processes import Program, spawn
log = Path(sys.argv[1], "child.log")
program = Program(
    name="child", command=["sleep", "60"], environ=dict(os.environ), log=log, orphan_signal=int(sys.argv[2])
)
print(spawn(program).pid, flush=True)
time.sleep(60)
"""


def test_a_large_log_is_renamed(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with log.open("wb") as file:
        file.truncate(MAX_LOG_BYTES + 1)

    rotate_log(log)

    assert not log.exists()
    assert (tmp_path / "child.log.1").stat().st_size == MAX_LOG_BYTES + 1


def test_a_small_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("small")

    rotate_log(log)

    assert log.read_text() == "small"
