"""HTTP of the server: refused requests, open connections, and the end and replacement of its processes."""

import http.client
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import psutil
import pytest
import requests

from cli.up import commands
from tests.support.flask_caller import Caller
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

#: Offset of the number of received data packets in the kernel's TCP_INFO, in bytes.
DATA_PACKETS_AT = 152
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("socket") / "web.sock")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, database_url: str, socket_path: str) -> Iterator[Process]:
    """A running server that listens on a port and a Unix socket. The name of the process is the port."""
    port = free_port()
    command = [*commands.web(host="127.0.0.1", port=port), "--bind", f"unix:{socket_path}"]
    environ = {"DATABASE_URL": database_url, "MERGELANE_WEB_PROCESSES": "1"}
    process = Process.of(str(port), command, folder=tmp_path_factory.mktemp("web"), environ=environ).start()
    try:
        wait_until(lambda: _status(port) == 200, what="the server")
        yield process
    finally:
        process.stop(seconds=15)


@pytest.fixture
def port(web: Process) -> int:
    return int(web.name)


def _status(port: int) -> int | None:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).status_code
    except requests.RequestException:
        return None


def answers(port: int, sent: bytes) -> bytes:
    """Return the bytes that the server sends until it closes the connection or sends nothing for a second."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(sent)
        try:
            while block := client.recv(65_536):
                received += block
                client.settimeout(1)
        except TimeoutError:
            pass
    return received


def post(*headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    lines = [f"POST /users/merge HTTP/{version}", "Host: x", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "request_",
    [
        post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
        post("Content-Length: 5", "Content-Length: 6", body=b"12345"),
        post("Content-Length: 5, 5", body=b"12345"),
        post("Content-Length: +5", body=b"12345"),
        post("Content-Length: 0x5", body=b"12345"),
        post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"0\r\n\r\n", version="1.0"),
        post("Transfer-Encoding: chunked", body=b"5;\nx\r\n12345\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"-5\r\n12345\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"5\r\n1234567\r\n0\r\n\r\n"),
        post("X-Folded: a", " b"),
        post("X: a\nY: b"),
        post("X: a\rY: b"),
        post("Host: y"),
        post(version="2.0"),
        post(version="0.9"),
        b"GET /health/live\r\n\r\n",
        b"get /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET  /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_a_request_that_servers_read_differently_is_refused(port: int, request_: bytes) -> None:
    received = answers(port, request_ + LIVE)
    head, _, body = received.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert list(orjson.loads(body)) == ["message"]


@pytest.mark.parametrize("url", [b"http://[::1/health/live", b"http://]/", b"http://[x]/", b"//[/"])
def test_a_url_with_a_malformed_host_gets_a_response(port: int, url: bytes) -> None:
    received = answers(port, b"GET " + url + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 4")
    assert b'{"message":"' in received


def test_head_and_body_of_a_response_arrive_in_one_packet(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for packets in (1, 2, 3):
            client.sendall(LIVE)
            received = b""
            while not received.endswith(b'"live"}\n'):
                received += client.recv(65_536)
            information = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, DATA_PACKETS_AT + 4)

            assert struct.unpack_from("=I", information, DATA_PACKETS_AT) == (packets,)


def test_requests_in_one_packet_get_responses_in_the_same_order(port: int) -> None:
    received = answers(port, LIVE + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + LIVE)

    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_a_connection_stays_open_after_every_kind_of_response(port: int, caller: Caller) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.connect()
    first = client.sock
    key = {"Authorization": f"Bearer {caller.secret}"}
    tag = requests.get(f"http://127.0.0.1:{port}/docs", timeout=10).headers["ETag"]
    for method, path, headers, status in (
        ("GET", "/health/live", {}, 200),
        ("HEAD", "/docs", {}, 200),
        ("GET", "/docs", {"If-None-Match": tag}, 304),
        ("GET", "/audit/export?format=jsonl", key, 200),
        ("GET", "/merge/jobs", {}, 401),
        ("GET", "/health/live", {}, 200),
    ):
        client.request(method, path, headers=headers)
        response = client.getresponse()
        response.read()

        assert response.status == status
        assert client.sock is first
    client.close()


def test_a_client_of_http_1_0_gets_an_unchunked_response_and_the_connection_closes(port: int, caller: Caller) -> None:
    authorization = f"Authorization: Bearer {caller.secret}"
    received = answers(port, f"GET /audit/export?format=csv HTTP/1.0\r\n{authorization}\r\n\r\n".encode())
    head, _, body = received.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.0 200 ")
    assert b"Transfer-Encoding" not in head
    assert body.startswith(b"id,") or b"," in body.splitlines()[0]


def test_a_client_that_waits_for_100_continue_gets_it(port: int, caller: Caller) -> None:
    body = b'{"merge_updates": []}'
    authorization = f"Authorization: Bearer {caller.secret}"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(post(authorization, "Expect: 100-continue", f"Content-Length: {len(body)}"))
        interim = client.recv(65_536)
        client.sendall(body)
        final = client.recv(65_536)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert final.startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize("headers", [[], ["Expect: 100-continue"]])
def test_a_declared_length_above_the_limit_is_refused_without_reading_the_body(
    port: int, caller: Caller, headers: list[str]
) -> None:
    length = "Content-Length: 5000000"

    assert answers(port, post(length, *headers)).startswith(b"HTTP/1.1 401 ")
    assert answers(port, post(f"Authorization: Bearer {caller.secret}", length, *headers)).startswith(b"HTTP/1.1 413 ")


def test_the_server_responds_on_a_unix_socket(web: Process, socket_path: str) -> None:
    assert web.running
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(socket_path)
        client.sendall(LIVE + b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65_536), b""))

    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401"]


def test_a_reload_replaces_the_processes_and_refuses_no_request(web: Process, port: int) -> None:
    before = {each.pid for each in psutil.Process(web.pid).children()}
    web.send(signal.SIGHUP)
    statuses = []

    def replaced() -> bool:
        statuses.append(_status(port))
        now = {each.pid for each in psutil.Process(web.pid).children()}
        return bool(now) and not now & before

    wait_until(replaced, what="new processes")

    assert set(statuses) == {200}


def test_a_second_server_takes_the_socket_of_the_first(tmp_path: Path, database_url: str) -> None:
    port = free_port()
    environ = {"DATABASE_URL": database_url, "MERGELANE_WEB_PROCESSES": "1"}
    command = [str(Path(sys.executable).with_name("gunicorn")), *commands.WEB[1:], "--bind", f"127.0.0.1:{port}"]
    first = Process.of("web", command, folder=tmp_path, environ=environ).start()
    second = None
    try:
        wait_until(lambda: _status(port) == 200, what="the first server")
        before = {each.pid for each in psutil.Process(first.pid).children()}
        first.send(signal.SIGUSR2)
        second = wait_until(lambda: _new_child(first.pid, before), what="the second server")
        wait_until(second.children, what="its processes")
        first.send(signal.SIGTERM)
        statuses = [_status(port)]
        wait_until(lambda: statuses.append(_status(port)) or not first.running, what="the first server to end")
        statuses += [_status(port) for _ in range(5)]
    finally:
        if second is not None and second.is_running():
            second.terminate()
            second.wait(timeout=20)
        first.stop(seconds=15)

    assert set(statuses) == {200}


def _new_child(pid: int, before: set[int]) -> psutil.Process | None:
    found = [each for each in psutil.Process(pid).children() if each.pid not in before]
    return found[0] if found else None
