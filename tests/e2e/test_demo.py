"""The demonstration of `make demo`, with fewer people."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from app.environment import child_environ

ROOT = Path(__file__).parents[2]
DEADLINE_S = 180


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """The folder for temporary files of this demonstration: others may run on this machine."""
    with TemporaryDirectory(prefix="mergelane-test-demo-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def demo(temporary: Path, plain_postgres: None) -> subprocess.CompletedProcess[str]:
    """One run of the demonstration."""
    command, environ = [sys.executable, "-m", "demo", "--people", "60"], child_environ(TMPDIR=str(temporary))
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def test_the_demo_succeeds(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr


def test_the_demo_prints_the_outcomes_the_changes_of_a_job_and_the_next_command(
    demo: subprocess.CompletedProcess[str],
) -> None:
    for text in ("outcome by index in the batch", "merges per second", "before", "after", "rule", "make up"):
        assert text in demo.stdout


def test_the_demo_leaves_no_process_and_no_folder(demo: subprocess.CompletedProcess[str], temporary: Path) -> None:
    left = [process.cmdline() for process in psutil.process_iter() if str(temporary) in " ".join(_command(process))]

    assert left == []
    assert list(temporary.iterdir()) == []


def _command(process: psutil.Process) -> list[str]:
    """Return the command line of *process*, or an empty one if it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
