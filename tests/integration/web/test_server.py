"""The web server: gunicorn with its configuration on a socket."""

import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import orjson
import pytest
import requests

from app.db.connections import Connection
from app.web.headers import HEADERS
from cli.up import commands
from tests.support.client import Client
from tests.support.flask_caller import Caller
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until


@pytest.fixture
def port() -> int:
    """A free port."""
    return free_port()


@pytest.fixture
def web(tmp_path: Path, database_url: str, port: int) -> Iterator[Process]:
    """A running web server."""
    command = commands.web(host="127.0.0.1", port=port)
    environ = {"DATABASE_URL": database_url, "MERGELANE_WEB_PROCESSES": "1", "MERGELANE_LOG_FORMAT": "json"}
    process = Process.of("web", command, folder=tmp_path, environ=environ)
    try:
        process.start()
        wait_until(lambda: _answers(port), what="the web server")
        yield process
    finally:
        process.stop(seconds=15)


@pytest.fixture
def client(web: Process, port: int, caller: Caller) -> Iterator[Client]:
    """A client with the caller's key."""
    client = Client(f"http://127.0.0.1:{port}", caller.secret, caller.workspace)
    try:
        yield client
    finally:
        client.close()


def _answers(port: int) -> bool:
    """Return whether a server listens on *port*."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_server_listens_on_the_port_of_the_environment(
    tmp_path: Path, database_url: str, port: int, host: str
) -> None:
    environ = {"DATABASE_URL": database_url, "PORT": str(port), "MERGELANE_WEB_HOST": host}
    web = Process.of("web", [sys.executable, "-m", *commands.WEB], folder=tmp_path, environ=environ).start()
    try:
        web.says(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    finally:
        web.stop(seconds=15)


def test_the_server_accepts_merges_and_returns_their_batch(client: Client) -> None:
    batch = client.batch(client.merge([("a", "b")]))

    assert batch["counts"] == {"queued": 1}


def test_a_body_that_is_too_large_gets_413_without_being_read(client: Client) -> None:
    for size in (5_000_000, 50_000_000):
        response = client.request(
            "POST", "/users/merge", data=b" " * size, headers={"Content-Type": "application/json"}
        )

        assert response.status_code == 413
    assert client.get("/merge/batches").json()["batches"] == []


def test_the_size_of_a_body_without_a_length_is_bounded(client: Client) -> None:
    def chunks(number: int) -> Iterator[bytes]:
        yield b'{"merge_updates": []}'
        yield from (b" " * 100_000 for _ in range(number))

    headers = {"Content-Type": "application/json"}
    fitting = client.request("POST", "/users/merge", data=chunks(1), headers=headers)
    too_large = client.request("POST", "/users/merge", data=chunks(50), headers=headers)
    # The body has just less than 4 MB. With the framing of its chunks it has more.
    small_chunks = [b'{"merge_updates": []}', *[b" " * 200] * 20_900]
    in_small_chunks = client.request("POST", "/users/merge", data=iter(small_chunks), headers=headers)

    assert in_small_chunks.status_code == 202
    assert fitting.status_code == 202
    assert too_large.status_code == 413


def test_a_stopped_server_responds_to_waiting_requests_and_ends(
    web: Process, client: Client, connection: Connection, caller: Caller
) -> None:
    query = "SELECT FROM job WHERE workspace_id = %s"
    update = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(client.post, "/users/merge", {"merge_updates": [update]}, Prefer="wait=30")
        wait_until(lambda: connection.execute(query, [caller.workspace_id]).fetchone() is not None, what="the job")
        began = monotonic()
        web.send(signal.SIGTERM)
        response = answer.result()
        status = web.ended()

    assert monotonic() - began < 10
    assert response.status_code == 202
    assert response.json()["batch"]["state"] == "queued"
    assert status == 0


def test_every_line_of_the_log_is_json(web: Process, client: Client) -> None:
    client.merge([("a", "b")])
    web.stop(seconds=15)
    lines = [orjson.loads(line) for line in web.log.splitlines()]

    assert {"timestamp", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert "request_answered" in {line["message"] for line in lines}
    assert not [line for line in lines if line["level"] in {"WARNING", "ERROR"}]


def test_the_server_listens_at_the_configured_address(web: Process, port: int) -> None:
    assert requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).json() == {"status": "ready"}
    assert f"http://127.0.0.1:{port}" in web.log


def test_the_server_header_has_no_version(web: Process, port: int) -> None:
    headers = requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).headers

    assert headers["Server"] == "mergelane"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /<script> <script>\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n<script>: x\r\n\r\n", 400),
        (b"POST /users/merge HTTP/1.1\r\nContent-Length: <script>\r\n\r\n", 400),
        (b"POST /users/merge HTTP/1.1\r\nTransfer-Encoding: <script>\r\n\r\n", 400),
        (b"POST /users/merge HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: x\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_malformed_http_gets_an_error_with_a_message_and_security_headers(
    web: Process, port: int, request_: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])

    assert head.split()[1] == str(status).encode()
    assert list(orjson.loads(body)) == ["message"]
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert headers["Connection"] == "close"
    assert b"script" not in received


@pytest.mark.parametrize("header", ["SCRIPT_NAME", "PATH_INFO", "REMOTE_USER"])
def test_a_client_cannot_change_the_path_prefix(web: Process, port: int, header: str) -> None:
    response = requests.get(f"http://127.0.0.1:{port}/health/live", headers={header: "/elsewhere"}, timeout=5)

    assert (response.status_code, response.json()) == (200, {"status": "live"})
