"""The demonstration, as `make demo` runs it, with fewer people."""

import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 180


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    """One run of the demonstration."""
    command = [sys.executable, "-m", "demo", "--people", "60"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def test_the_demo_ends_well(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr


def test_the_demo_prints_the_outcome_of_every_merge_one_jobs_changes_and_where_to_look(
    demo: subprocess.CompletedProcess[str],
) -> None:
    for told in ("outcome by index in the batch", "merges per second", "before", "after", "rule", "make up"):
        assert told in demo.stdout


def test_the_demo_leaves_no_process_and_no_folder(demo: subprocess.CompletedProcess[str]) -> None:
    left = [process.cmdline() for process in psutil.process_iter() if "mergelane-demo-" in " ".join(_command(process))]

    assert left == []
    assert list(Path(tempfile.gettempdir()).glob("mergelane-demo-*")) == []


def _command(process: psutil.Process) -> list[str]:
    """Return the command line of *process*, nothing when it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
