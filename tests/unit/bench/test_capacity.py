"""The capacity that a load needs, from the results of the benchmark."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench import capacity
from bench.capacity import Capacity, Load, needed

MEASURED: dict[str, Any] = {
    "parts": {
        "throughput": {
            "contenders": {
                "mergelane": {
                    "cpu_ms_per_merge_by_program": {
                        "web": 0.04,
                        "worker1": 0.15,
                        "worker2": 0.15,
                        "relay": 0.02,
                        "postgres": 0.36,
                        "redis": 0.01,
                    }
                }
            }
        },
        "counts": {"per_thousand": {"wal_bytes": 12_000_000}},
    }
}


def capacity_for(**load: float) -> Capacity:
    given = {"merges_per_second": 1_000, "merges_per_day": 0, "profiles": 0, "history": 0, "kept_days": 90, **load}
    return needed(Load(**given), MEASURED)


def test_a_rate_keeps_cores_busy_and_writes_a_log() -> None:
    found = capacity_for()

    assert found.busy_cores == pytest.approx(
        {"web": 0.04, "workers": 0.3, "relay": 0.02, "postgres": 0.36, "redis": 0.01}
    )
    assert found.wal_mb_per_second == pytest.approx(12)


@pytest.mark.parametrize(
    ("rate", "workers", "web", "cores"), [(0, 1, 2, 2), (1_000, 1, 2, 2), (10_000, 5, 2, 6), (50_000, 25, 4, 30)]
)
def test_no_process_is_busier_than_its_part(rate: float, workers: int, web: int, cores: int) -> None:
    found = capacity_for(merges_per_second=rate)

    assert (found.workers, found.web_processes, found.database_cores) == (workers, web, cores)
    assert found.connections == 8 * web + workers + 14


def test_profiles_history_and_kept_merges_need_disk() -> None:
    assert capacity_for(profiles=1e6).disk_gb == pytest.approx(3.4)
    assert capacity_for(history=1e8).disk_gb == pytest.approx(17.5)
    assert capacity_for(merges_per_day=1e6, kept_days=10).disk_gb == pytest.approx(65)


def test_the_command_prints_what_the_last_whole_run_says() -> None:
    done = CliRunner().invoke(capacity.main, ["--merges-per-second", "500"], catch_exceptions=False)

    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()[-8:-1]] == [
        "redis",
        "PostgreSQL",
        "workers",
        "web",
        "connections",
        "disk",
        "WAL",
    ]


def test_the_command_uses_the_run_of_another_machine(tmp_path: Path) -> None:
    file = tmp_path / "partial.json"
    file.write_text(json.dumps({**MEASURED, "machine": {"processor": "Fast", "cores": 2}}))
    command = ["--merges-per-second", "10000", "--results", str(file)]
    done = CliRunner().invoke(capacity.main, command, catch_exceptions=False)

    assert "3.60 busy cores" in next(line for line in done.output.splitlines() if line.startswith("postgres"))
    assert done.output.endswith("Measured on Fast with 2 cores.\n")
