"""Celery's own environment variables have no effect: a new process prints its configuration."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.environment import CELERY_OVERRIDES

ROOT = Path(__file__).parents[3]
OURS, THEIRS = "redis://ours:6380/2", "redis://theirs:6381/3"
ASK = """
import json
from workers.celery import app
connections = app.connection(), app.connection_for_read(), app.connection_for_write()
used = {
    "hosts": sorted({connection.hostname for connection in connections}),
    "broker_url": app.conf.broker_url,
    "backend": type(app.backend).__name__,
    "queue": app.conf.task_default_queue,
    "acks_late": app.conf.task_acks_late,
}
print(json.dumps(used))
"""


def used(**variables: str) -> dict[str, Any]:
    """Return the configuration of the Celery application in a process with *variables*."""
    environ = {name: value for name, value in os.environ.items() if name not in CELERY_OVERRIDES}
    told = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**environ, "BROKER_URL": OURS, **variables},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_the_broker_url_of_mergelane_overrides_the_variables_of_celery() -> None:
    theirs = [*CELERY_OVERRIDES, "RESULT_BACKEND", "CELERY_TASK_ACKS_LATE", "CELERY_TASK_DEFAULT_QUEUE"]

    assert used(**dict.fromkeys(theirs, THEIRS)) == {
        "hosts": ["ours"],
        "broker_url": OURS,
        "backend": "DisabledBackend",
        "queue": "mergelane",
        "acks_late": True,
    }
