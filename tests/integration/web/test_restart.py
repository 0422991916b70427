"""A web server that is stopped is not ready before it closes. A restart with an open listener refuses no request."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from app.environment import child_environ
from cli.up import commands
from tests.support.client import Client
from tests.support.flask_caller import Caller
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

#: A program that passes a listener like systemd: as file descriptor 3, with the id of the receiving process.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
DRAIN_S = 1.0
#: Maximum seconds until the old server has ended and the new server responds, on any machine.
PATIENCE_S = 120.0


def environ(database_url: str) -> dict[str, str]:
    """Return the environment of a web server."""
    return {
        "DATABASE_URL": database_url,
        "MERGELANE_WEB_PROCESSES": "1",
        "MERGELANE_DRAIN_S": str(DRAIN_S),
        "MERGELANE_LOG_FORMAT": "text",
    }


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener that outlives the servers that accept from it, like that of a systemd socket."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.set_inheritable(True)
        yield listening


@contextmanager
def web_on(listener: socket.socket, folder: Path, database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a running web server that inherited *listener*."""
    command = [sys.executable, "-c", HAND_OVER, str(listener.fileno()), *commands.web(host="127.0.0.1", port=1)]
    whole = child_environ(**environ(database_url))
    with (folder / "web.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=commands.DIRECTORY, env=whole, stdout=log, stderr=log, pass_fds=[listener.fileno()]
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def posting(base_url: str, caller: Caller, *, kept: bool) -> Iterator[list[int | str]]:
    """Post merges repeatedly until the block ends, and yield the list of their statuses or errors."""
    results: list[int | str] = []
    over = Event()

    def post() -> None:
        # On a busy machine the next server accepts a connection later than the usual timeout.
        client = Client(base_url, caller.secret, timeout_s=PATIENCE_S)
        headers = {} if kept else {"Connection": "close"}
        while not over.wait(0.01):
            try:
                results.append(client.post("/users/merge", {"merge_updates": []}, **headers).status_code)
            except requests.RequestException as error:
                results.append(repr(error))
        client.close()

    thread = Thread(target=post)
    thread.start()
    try:
        yield results
    finally:
        over.set()
        thread.join()


def test_a_stopped_server_is_not_ready_and_responds_until_its_listener_closes(
    tmp_path: Path, database_url: str, caller: Caller
) -> None:
    port = free_port()
    web = Process.of("web", commands.web(host="127.0.0.1", port=port), folder=tmp_path, environ=environ(database_url))
    base_url = f"http://127.0.0.1:{port}"
    client = Client(base_url, caller.secret)
    try:
        web.start().says("Booting worker")
        wait_until(lambda: _status(f"{base_url}/health/ready") == 200, what="the web server")
        before = client.post("/users/merge", {"merge_updates": []})
        web.send(signal.SIGTERM)
        wait_until(lambda: _status(f"{base_url}/health/ready") == 503, every=0.005, what="the server to be not ready")
        ready = requests.get(f"{base_url}/health/ready", timeout=5)
        live = requests.get(f"{base_url}/health/live", timeout=5)
        meanwhile = client.post("/users/merge", {"merge_updates": []})
        status = web.ended()
    finally:
        client.close()
        web.stop(seconds=15)

    assert ready.json() == {"message": "This server is about to end; send requests to another one."}
    assert int(ready.headers["Retry-After"]) > 0
    assert (before.status_code, live.status_code, meanwhile.status_code) == (202, 200, 202)
    assert before.headers.get("Connection") != "close"
    assert meanwhile.headers["Connection"] == "close"
    assert status == 0


def test_a_restart_with_an_open_listener_refuses_no_request(
    tmp_path: Path, database_url: str, caller: Caller, listener: socket.socket
) -> None:
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with web_on(listener, tmp_path, database_url) as old:
        wait_until(lambda: _status(f"{base_url}/health/ready") == 200, what="the web server")
        with posting(base_url, caller, kept=True) as kept, posting(base_url, caller, kept=False) as new:
            wait_until(lambda: min(len(kept), len(new)) > 20, what="some answers")
            old.send_signal(signal.SIGTERM)
            wait_until(lambda: old.poll() is not None, what="the old server to end")
            answered = len(kept), len(new)
            with web_on(listener, tmp_path, database_url):
                wait_until(lambda: len(kept) > answered[0] + 20 and len(new) > answered[1] + 20, what="more answers")

    assert old.returncode == 0
    assert set(kept) == set(new) == {202}


def _status(url: str) -> int | None:
    """Return the status of the response, or None if there is no response."""
    try:
        return requests.get(url, timeout=5).status_code
    except requests.RequestException:
        return None
