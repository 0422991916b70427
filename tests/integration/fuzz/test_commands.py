"""`python -m fuzz` and `python -m fuzz.model`, as make runs them: each on its own servers, for a few seconds."""

import subprocess
import sys
from pathlib import Path

from cli.up.commands import DIRECTORY


def run(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run *module* with *arguments* to its end."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=DIRECTORY, capture_output=True, text=True, check=False, timeout=240)


def test_hostile_requests_are_sent_and_reported(tmp_path: Path) -> None:
    done = run("fuzz", "--requests", "60", "--described", "40", "--seed", "7", "--results", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "`make fuzz N=60 DESCRIBED=40 SEED=7`" in done.stdout
    assert "**0 faulty responses, 0 guarantees broken.**" in done.stdout
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md"]


def test_random_sequences_agree_and_are_reported() -> None:
    done = run("fuzz.model", "--examples", "2", "--steps", "8", "--seed", "7")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 sequences of up to 8 steps agree" in done.stdout
    assert "(seed 7)" in done.stdout
