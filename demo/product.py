"""Start Mergelane with `mergelane up` in a temporary folder, and stop it after the demo."""

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

from app.environment import child_environ
from cli.up.commands import DIRECTORY
from cli.up.data_dir import DataDir
from cli.up.processes import ChildProcess, Program, kill_session, spawn
from cli.up.safe_folders import passable_temporary_folder
from demo.client import Client
from demo.errors import DemoError

#: Maximum seconds until the product is ready, and until it has stopped.
START_S, STOP_S = 90.0, 60.0
WORKERS = 2
#: Variables that name servers.
SERVERS = ("DATABASE_URL", "BROKER_URL", "DATABASE_URL_FILE", "BROKER_URL_FILE")
#: Characters at the end of its log that an error message contains.
LOG_TAIL = 2_000


@contextmanager
def running_product() -> Iterator[Client]:
    """Start everything on free ports, yield a client of it, stop everything and remove its data.

    Raises DemoError, with the end of the log, when it does not start or stop.
    """
    with running_product_in_folder() as (client, _):
        yield client


@contextmanager
def running_product_in_folder() -> Iterator[tuple[Client, DataDir]]:
    """Like running_product, but also yield the folder of its data."""
    with passable_temporary_folder("mergelane-demo-") as folder:
        key, port = secrets.token_urlsafe(24), free_port()
        program = _program(folder, key=key, port=port)
        process = spawn(program)
        try:
            client = Client(f"http://127.0.0.1:{port}", key)
            _wait_until_ready(client, process, program)
            yield client, DataDir(folder / "home")
        except (DemoError, requests.RequestException) as error:
            raise DemoError(f"{error}\nThe logs of all processes are in {_keep_logs(program)}.") from error
        finally:
            _stop(process, program)
        if process.returncode != 0:
            raise DemoError(f"'mergelane up' exited with status {process.returncode} instead of 0:\n{_tail(program)}")


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _program(folder: Path, *, key: str, port: int) -> Program:
    """Return the program `mergelane up` with data in *folder*; it ignores servers that the environment names."""
    arguments = ("up", "--home", str(folder / "home"), "--port", str(port), "--flower-port", str(free_port()))
    return Program(
        name="up",
        command=[sys.executable, "-m", "cli", *arguments, "--workers", str(WORKERS)],
        environ=child_environ(MERGELANE_DEV_API_KEY=key, **dict.fromkeys(SERVERS, "")),
        log=folder / "up.log",
        stop_seconds=STOP_S,
        orphan_signal=signal.SIGTERM,
        directory=DIRECTORY,
    )


def _wait_until_ready(client: Client, process: ChildProcess, program: Program) -> None:
    """Wait until the API is ready; raise DemoError when the program exits or the wait takes too long."""
    pause, deadline = threading.Event(), monotonic() + START_S
    while not _is_ready(client):
        if process.poll() is not None:
            raise DemoError(f"'mergelane up' exited before it was ready:\n{_tail(program)}")
        if monotonic() > deadline:
            raise DemoError(f"'mergelane up' was not ready within {START_S:g} seconds:\n{_tail(program)}")
        pause.wait(0.1)


def _is_ready(client: Client) -> bool:
    try:
        return client.response("/health/ready").status_code == HTTPStatus.OK
    except requests.ConnectionError:
        return False


def _stop(process: ChildProcess, program: Program) -> None:
    """Stop the program; kill all its processes after a timeout."""
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        process.wait()


def _keep_logs(program: Program) -> Path:
    """Copy the logs to a folder that is not removed, and return it."""
    kept = Path(tempfile.mkdtemp(prefix="mergelane-demo-logs-"))
    shutil.copytree(program.log.parent, kept, dirs_exist_ok=True, ignore=_all_but_logs)
    return kept


def _all_but_logs(_folder: str, names: list[str]) -> set[str]:
    """Return the *names* that are neither logs nor folders with logs."""
    return {name for name in names if not (name in {"home", "logs"} or name.endswith(".log"))}


def _tail(program: Program) -> str:
    """Return the end of the log of *program*."""
    return program.log.read_text(errors="replace")[-LOG_TAIL:]
