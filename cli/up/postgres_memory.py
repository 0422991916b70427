"""Memory settings of the embedded PostgreSQL, from the memory that this process may use and from the disk.

PostgreSQL's defaults suit a machine with less than 1 GiB. The settings are bounded on both sides: the smallest server
starts in a container of 512 MiB, beside all processes of the product.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

MIB = 2**20
#: What web, relay, workers, sender, Flower and Redis use, with what the backends of PostgreSQL use themselves.
OTHER_PROCESSES = 512 * MIB
CGROUPS = Path("/sys/fs/cgroup")
#: The groups of this process: a line for each hierarchy, as number, controllers and path.
OWN_CGROUPS = Path("/proc/self/cgroup")


def memory_settings(memory: int, disk: int) -> dict[str, str]:
    """Return the settings for *memory* bytes that all processes may use, and a disk of *disk* bytes."""
    left = max(0, memory - OTHER_PROCESSES)
    shared_buffers = _bounded(left // 4, least=64 * MIB, most=4096 * MIB)
    settings = {
        "shared_buffers": shared_buffers,
        # A promise to the planner only: the server's own buffers and the file cache of the system.
        "effective_cache_size": max(shared_buffers, left * 3 // 4),
        "maintenance_work_mem": _bounded(left // 32, least=16 * MIB, most=512 * MIB),
        # The more WAL between two checkpoints, the fewer images of whole pages; but a recovery takes longer, and needs
        # more of the disk.
        "max_wal_size": _bounded(min(max(left // 4, 1024 * MIB), disk // 20), least=256 * MIB, most=4096 * MIB),
    }
    return {name: f"{size // MIB}MB" for name, size in settings.items()}


def usable_memory(cgroups: Path = CGROUPS, own_cgroups: Path = OWN_CGROUPS) -> int:
    """Return the bytes of memory that this process may use: of the machine, or less by a limit of a control group."""
    return int(min([psutil.virtual_memory().total, *_limits(cgroups, own_cgroups)]))


def disk_size(folder: Path) -> int:
    """Return the bytes of the disk of *folder*, which need not exist yet."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return shutil.disk_usage(existing).total


def _bounded(size: int, *, least: int, most: int) -> int:
    return min(max(size, least), most)


def _limits(cgroups: Path, own_cgroups: Path) -> Iterator[int]:
    """Yield the memory limits of the control groups of this process and of the groups above them, in bytes."""
    try:
        lines = own_cgroups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _limits_up(cgroups, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_up(cgroups / "memory", path, "memory.limit_in_bytes")


def _limits_up(root: Path, path: str, name: str) -> Iterator[int]:
    """Yield the limits of the group *path* and of all above it.

    In a container the path may be that of the machine, which it does not see; its own group is the root then.
    """
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        try:
            limit = (folder / name).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        # Version 2 says "max" without a limit, version 1 a number near 2**63.
        if limit.isdecimal():
            yield int(limit)
