"""The memory settings of the embedded PostgreSQL follow the machine, its control groups and its disk, within bounds."""

from pathlib import Path

import psutil
import pytest

from cli.up.postgres_memory import memory_settings, usable_memory

GIB = 2**30
MACHINE = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("memory", "disk", "shared_buffers", "effective_cache_size", "maintenance_work_mem", "max_wal_size"),
    [
        (GIB // 4, 4 * GIB, "64MB", "64MB", "16MB", "256MB"),
        (GIB // 2, 100 * GIB, "64MB", "64MB", "16MB", "1024MB"),
        (4 * GIB, 100 * GIB, "896MB", "2688MB", "112MB", "1024MB"),
        (4 * GIB, 8 * GIB, "896MB", "2688MB", "112MB", "409MB"),
        (24 * GIB, 500 * GIB, "4096MB", "18048MB", "512MB", "4096MB"),
        (1024 * GIB, 10_000 * GIB, "4096MB", "786048MB", "512MB", "4096MB"),
    ],
)
def test_settings_follow_memory_and_disk_within_bounds(
    memory: int, disk: int, shared_buffers: str, effective_cache_size: str, maintenance_work_mem: str, max_wal_size: str
) -> None:
    assert memory_settings(memory, disk) == {
        "shared_buffers": shared_buffers,
        "effective_cache_size": effective_cache_size,
        "maintenance_work_mem": maintenance_work_mem,
        "max_wal_size": max_wal_size,
    }


LIMIT = 300 * 2**20


@pytest.mark.parametrize(
    ("line", "file", "text", "expected"),
    [
        ("0::/app.slice/run", "app.slice/run/memory.max", f"{LIMIT}\n", LIMIT),
        ("0::/app.slice/run", "app.slice/memory.max", f"{LIMIT}\n", LIMIT),
        ("0::/app.slice/run", "memory.max", f"{LIMIT}\n", LIMIT),
        ("0::/", "memory.max", f"{LIMIT}\n", LIMIT),
        ("0::/", "memory.max", "max\n", MACHINE),
        ("5:cpu,memory:/docker/a:b", "memory/docker/a:b/memory.limit_in_bytes", f"{LIMIT}\n", LIMIT),
        ("5:memory:/docker/unseen", "memory/memory.limit_in_bytes", f"{LIMIT}\n", LIMIT),
        ("5:memory:/", "memory/memory.limit_in_bytes", "9223372036854771712\n", MACHINE),
        ("5:cpu:/run", "cpu/run/memory.max", f"{LIMIT}\n", MACHINE),
        ("0::/../outside", "memory.max", f"{LIMIT}\n", LIMIT),
    ],
)
def test_the_limit_of_a_control_group_or_of_one_above_it_counts(
    tmp_path: Path, line: str, file: str, text: str, expected: int
) -> None:
    cgroups, own = tmp_path / "cgroup", tmp_path / "self"
    (cgroups / file).parent.mkdir(parents=True, exist_ok=True)
    (cgroups / file).write_text(text)
    own.write_text(f"{line}\n")

    assert usable_memory(cgroups, own) == expected


def test_without_control_groups_the_memory_of_the_machine_counts(tmp_path: Path) -> None:
    assert usable_memory(tmp_path / "none", tmp_path / "none") == MACHINE
