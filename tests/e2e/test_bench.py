"""A short run of the benchmark: every contender merges, and the results are written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.targets import TARGETS
from cli.up.commands import DIRECTORY

SHORT = ("--scale", "0.005", "--rounds", "1")


@pytest.mark.usefixtures("plain_postgres")
def test_all_contenders_merge_and_the_results_are_written(tmp_path: Path) -> None:
    only = "throughput,import"
    command = [sys.executable, "-m", "bench", *SHORT, "--only", only, "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=DIRECTORY, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "partial.json").read_text())
    assert results["parts"].keys() == {"throughput", "import"}
    contenders = {"obvious", "procrastinate", "pgqueuer", "floor", "limit", "mergelane"}
    assert results["parts"]["throughput"]["contenders"].keys() == contenders
    assert len(results["targets"]) == len(TARGETS)
    assert (tmp_path / "partial.md").read_text() in done.stdout
    assert {path.name for path in tmp_path.glob("*.png")} == {"partial-throughput.png"}


def test_the_error_of_an_unknown_part_lists_the_parts() -> None:
    command = [sys.executable, "-m", "bench", "--only", "everything"]
    done = subprocess.run(command, cwd=DIRECTORY, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "Unknown part: everything. Known parts: throughput, latency, " in " ".join(done.stderr.split())
