"""Runs the health check of the containers as a container engine does."""

import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cli.up.commands import DIRECTORY

SCRIPT = DIRECTORY / "deploy" / "healthy"


@dataclass(frozen=True)
class HealthCheck:
    """The result of one check."""

    healthy: bool
    said: str
    processor_ms: float


def check_health(*arguments: str, file: Path | None = None) -> HealthCheck:
    """Run `healthy` with *arguments*; *file* is the process's MERGELANE_HEALTH_FILE."""
    environ = {"PATH": "/usr/bin:/bin", "MERGELANE_HEALTH_FILE": str(file or "")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([SCRIPT, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=20)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return HealthCheck(healthy=done.returncode == 0, said=done.stdout + done.stderr, processor_ms=seconds * 1000)
