"""The commands of the product's processes: those of the Procfile, with addresses of this machine added."""

import sys
from collections.abc import Sequence
from pathlib import Path

WEB = ("gunicorn", "--config", "python:app.web.server.gunicorn_conf", "app.web:create_app()")
RELAY = ("python", "-m", "workers.relay")
SENDER = ("python", "-m", "workers.sender")
# Workers need not know each other: gossip and mingle cost Redis traffic, and a second at every start.
QUIET = ("--without-gossip", "--without-mingle")
WORKER = ("celery", "-A", "workers", "worker", "--pool", "solo", "-E", *QUIET, "--loglevel", "INFO")
# Flower keeps the last tasks in memory, about 5 kB each; its own limit of 100,000 would take half a gigabyte.
FLOWER = ("celery", "-A", "workers", "flower", "--read-only", "--purge-offline-workers=60", "--max-tasks=10000")

DIRECTORY = Path(__file__).parents[2]
"""The folder of our packages. Processes start here, so that no module in the user's folder shadows ours."""


def web(*, host: str, port: int) -> list[str]:
    """Return the command of the web server that listens on *host* and *port*."""
    return [*_with_this_python(WEB), "--bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]


def relay() -> list[str]:
    """Return the command of the relay."""
    return _with_this_python(RELAY)


def sender() -> list[str]:
    """Return the command of the sender."""
    return _with_this_python(SENDER)


def worker(name: str) -> list[str]:
    """Return the command of one worker; Flower shows it as *name*@HOST, so no other worker may have the *name*."""
    return [*_with_this_python(WORKER), "-n", f"{name}@%h"]


def flower(*, port: int) -> list[str]:
    """Return the command of Flower, which listens on 127.0.0.1 only."""
    return [*_with_this_python(FLOWER), "--address=127.0.0.1", f"--port={port}"]


def _with_this_python(command: Sequence[str]) -> list[str]:
    """Return *command* run by this Python, so that it works without an activated virtual environment."""
    program, *arguments = command
    return [sys.executable, *arguments] if program == "python" else [sys.executable, "-m", program, *arguments]
