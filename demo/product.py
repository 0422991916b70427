"""The real product, started by `mergelane up` in a throwaway home and ended with the demonstration."""

import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from time import monotonic

import requests

from app.config import child_environ
from cli.up.commands import DIRECTORY
from cli.up.processes import ChildProcess, Program, kill_session, spawn
from demo.client import Client
from demo.errors import DemoError

#: Seconds within which the product must be ready, and within which it must have stopped.
START_S, STOP_S = 90.0, 60.0
WORKERS = 2
#: Characters of its log that are shown when it fails.
LOG_TAIL = 2_000


@contextmanager
def running_product() -> Iterator[Client]:
    """Start everything on free ports, yield a client of it, stop everything and remove its home.

    Raises DemoError, with the end of its log, when it does not come up or does not go down in order.
    """
    with tempfile.TemporaryDirectory(prefix="mergelane-demo-") as folder:
        key, port = secrets.token_urlsafe(24), free_port()
        program = _program(Path(folder), key=key, port=port)
        process = spawn(program)
        try:
            client = Client(f"http://127.0.0.1:{port}", key)
            _wait_until_ready(client, process, program)
            yield client
        except (DemoError, requests.RequestException) as error:
            raise DemoError(f"{error}\nThe logs of all its processes are kept in {_keep_logs(program)}.") from error
        finally:
            _stop(process, program)
        if process.returncode != 0:
            raise DemoError(f"'mergelane up' did not stop in order (status {process.returncode}):\n{_tail(program)}")


def free_port() -> int:
    """Return a TCP port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _program(folder: Path, *, key: str, port: int) -> Program:
    """Return `mergelane up` with a home in *folder*, on servers of its own whatever the environment names."""
    arguments = ("up", "--home", str(folder / "home"), "--port", str(port), "--flower-port", str(free_port()))
    return Program(
        name="up",
        command=[sys.executable, "-m", "cli", *arguments, "--workers", str(WORKERS)],
        environ=child_environ(DATABASE_URL="", BROKER_URL="", MERGELANE_DEV_API_KEY=key),
        log=folder / "up.log",
        stop_seconds=STOP_S,
        orphan_signal=signal.SIGTERM,
        directory=DIRECTORY,
    )


def _wait_until_ready(client: Client, process: ChildProcess, program: Program) -> None:
    """Return when the front door is ready; raises DemoError when it has ended or takes too long."""
    pause, deadline = threading.Event(), monotonic() + START_S
    while not _is_ready(client):
        if process.poll() is not None:
            raise DemoError(f"'mergelane up' ended before it was ready:\n{_tail(program)}")
        if monotonic() > deadline:
            raise DemoError(f"'mergelane up' was not ready within {START_S:g} seconds:\n{_tail(program)}")
        pause.wait(0.1)


def _is_ready(client: Client) -> bool:
    """Return whether the front door answers that it is ready."""
    try:
        return client.response("/health/ready").status_code == HTTPStatus.OK
    except requests.ConnectionError:
        return False


def _stop(process: ChildProcess, program: Program) -> None:
    """Ask the product to stop; kill what is left of it when it takes too long."""
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        process.wait()


def _keep_logs(program: Program) -> Path:
    """Copy the product's logs to where they outlast its home, and return where that is."""
    kept = Path(tempfile.mkdtemp(prefix="mergelane-demo-logs-"))
    shutil.copytree(program.log.parent, kept, dirs_exist_ok=True, ignore=_all_but_logs)
    return kept


def _all_but_logs(_folder: str, names: list[str]) -> set[str]:
    """Return which of *names* are neither logs nor on the way to them."""
    return {name for name in names if not (name in {"home", "logs"} or name.endswith(".log"))}


def _tail(program: Program) -> str:
    """Return the end of the log of *program*."""
    return program.log.read_text(errors="replace")[-LOG_TAIL:]
