"""The machine of a run and the settings of its servers, without which the results cannot be compared."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from app.config import Settings
from bench.ground import Ground

#: Settings of PostgreSQL that affect the figures.
REPORTED_SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "shared_buffers",
    "max_wal_size",
    "autovacuum",
)
PACKAGES = ("celery", "kombu", "redis", "psycopg", "flask", "gunicorn", "marshmallow")


def identity() -> dict[str, Any]:
    """Return what must be equal for figures to be those of one machine."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def described(ground: Ground) -> dict[str, Any]:
    """Return a description of the machine and its software for the results."""
    with ground.redis_client() as client:
        redis = client.info("server")["redis_version"]
    return {
        **identity(),
        "load_before": os.getloadavg()[0],
        "redis": redis,
        "postgres": ground.read_settings(REPORTED_SETTINGS),
        "packages": {name: version(name) for name in PACKAGES},
        "lane_size": Settings.from_environ().lane_size,
    }


def _processor() -> str:
    """Return the name of the processor from /proc/cpuinfo."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
