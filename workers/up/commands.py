"""The commands of the product's processes: the Procfile's, word for word, with this machine's addresses added."""

import sys
from collections.abc import Sequence
from pathlib import Path

WEB = ("gunicorn", "--config", "python:app.web.server.gunicorn_conf", "app.web:create_app()")
RELAY = ("python", "-m", "workers.relay")
SENDER = ("python", "-m", "workers.sender")
# Workers have nothing to say to each other: gossip and mingle would cost Redis traffic and a second of every start.
QUIET = ("--without-gossip", "--without-mingle")
WORKER = ("celery", "-A", "workers", "worker", "--pool", "solo", "-E", *QUIET, "--loglevel", "INFO")
FLOWER = ("celery", "-A", "workers", "flower", "--read-only", "--purge-offline-workers=60")

DIRECTORY = Path(__file__).parents[2]
"""Where `app`, `workers` and `schemas` lie: children start here, so that no folder of the user's shadows them."""


def web(*, host: str, port: int) -> list[str]:
    """Return the command of the front door, listening on *host* and *port*."""
    return [*_runnable(WEB), "--bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]


def relay() -> list[str]:
    """Return the command of the relay."""
    return _runnable(RELAY)


def sender() -> list[str]:
    """Return the command of the sender."""
    return _runnable(SENDER)


def worker(name: str) -> list[str]:
    """Return the command of one worker; *name* is what Flower shows before the host's."""
    return [*_runnable(WORKER), "-n", f"{name}@%h"]


def flower(*, port: int) -> list[str]:
    """Return the command of Flower, which listens to this machine alone."""
    return [*_runnable(FLOWER), "--address=127.0.0.1", f"--port={port}"]


def _runnable(command: Sequence[str]) -> list[str]:
    """Return *command* run by this Python, so that it is found whether or not its environment is activated."""
    program, *arguments = command
    return [sys.executable, *arguments] if program == "python" else [sys.executable, "-m", program, *arguments]
