"""Many slow clients are disconnected within the limits and do not delay other clients."""

import resource
import socket
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import requests

from app.db.connections import Connection
from tests.support.flask_caller import Caller
from tests.support.many_merges import insert_merges
from tests.support.slow_clients import connections, is_cut, seconds_to_answer
from tests.support.waiting import wait_until
from tests.support.web_server import Web, web_server

MANY = 200
LIMIT_S = 2.0
#: Seconds after a limit within which all of many clients are disconnected.
GRACE_S = 4.0
#: Fewer threads than slow clients.
SETTINGS = {
    "MERGELANE_WEB_PROCESSES": "1",
    "MERGELANE_WEB_THREADS": "4",
    "MERGELANE_WEB_HEAD_S": str(LIMIT_S),
    "MERGELANE_WEB_BODY_S": str(LIMIT_S),
    "MERGELANE_WEB_SEND_S": str(LIMIT_S),
    "MERGELANE_WEB_KEEP_ALIVE_S": str(LIMIT_S),
    "MERGELANE_LOG_FORMAT": "text",
}
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Web]:
    with web_server(tmp_path_factory.mktemp("web"), database_url, **SETTINGS) as server:
        yield server


@contextmanager
def others_notice_nothing(web: Web) -> Iterator[None]:
    """Send requests of another client during the block. 90 % get a response within 1 s, and all within 5 s."""
    over = False
    seconds: list[float] = []

    def probe() -> None:
        while not over:
            seconds.append(seconds_to_answer(web.live))

    with ThreadPoolExecutor(1) as thread:
        probing = thread.submit(probe)
        try:
            yield
        finally:
            over = True
            probing.result()
    assert sorted(seconds)[len(seconds) * 9 // 10] < 1
    assert max(seconds) < 5
    assert web.is_same


def all_are_cut(clients: Sequence[socket.socket], *, within: float) -> None:
    began = monotonic()
    wait_until(
        lambda: all(map(is_cut, clients)), every=0.1, seconds=within + 10, what="the slow clients to be disconnected"
    )
    assert monotonic() - began < within


def head(method_and_path: str, caller: Caller, *headers: str) -> bytes:
    lines = [f"{method_and_path} HTTP/1.1", "Host: x", f"Authorization: Bearer {caller.secret}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def response_of(client: socket.socket) -> bytes:
    client.settimeout(10)
    return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize("said", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half a head"])
def test_clients_that_do_not_finish_a_head_are_disconnected_and_delay_no_other(web: Web, said: bytes) -> None:
    with connections(web.port, MANY, saying=said) as clients, others_notice_nothing(web):
        all_are_cut(clients, within=LIMIT_S + GRACE_S)


def test_clients_that_do_not_finish_a_body_are_disconnected_and_delay_no_other(web: Web, caller: Caller) -> None:
    said = head("POST /users/merge", caller, "Content-Type: application/json", "Content-Length: 4000000") + b"{"

    with connections(web.port, MANY, saying=said) as clients, others_notice_nothing(web):
        response = response_of(clients[0])
        all_are_cut(clients[1:], within=LIMIT_S + GRACE_S)

    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive in time" in response


def test_a_client_that_sends_single_bytes_is_disconnected(web: Web, caller: Caller) -> None:
    said = head("POST /users/merge", caller, "Content-Type: application/json", "Content-Length: 4000000")
    began = monotonic()

    with connections(web.port, 1, saying=said) as [client]:
        wait_until(lambda: _is_cut_while_sending(client), every=0.2, what="the slow client to be disconnected")

    assert LIMIT_S - 0.5 < monotonic() - began < LIMIT_S + GRACE_S


def _is_cut_while_sending(client: socket.socket) -> bool:
    try:
        client.send(b"{")
    except OSError:
        return True
    return is_cut(client)


def test_clients_that_do_not_read_a_file_are_disconnected_and_delay_no_other(web: Web, caller: Caller) -> None:
    said = head("GET /docs/swagger-ui-bundle.js", caller)

    with connections(web.port, MANY, saying=said, reading=False) as clients, others_notice_nothing(web):
        wait_until(
            lambda: _open_connections(web) <= 2, every=0.1, seconds=20, what="the slow clients to be disconnected"
        )
        del clients


def _open_connections(web: Web) -> int:
    """Return the number of connections of clients to the server, without its own connections to PostgreSQL."""
    found = web.worker.net_connections(kind="tcp")
    return sum(each.status == "ESTABLISHED" and each.laddr.port == web.port for each in found)


def test_clients_that_do_not_read_an_export_lose_their_slots(web: Web, caller: Caller, connection: Connection) -> None:
    insert_merges(connection, workspace_id=caller.workspace_id, rows=600)
    said = head("GET /audit/export?format=jsonl", caller)
    export = f"{web.url}/audit/export?format=jsonl"
    key = {"Authorization": f"Bearer {caller.secret}"}

    with connections(web.port, MANY, saying=said, reading=False) as clients, others_notice_nothing(web):
        wait_until(
            lambda: requests.get(export, headers=key, timeout=10).status_code == 429, what="all turns to be taken"
        )
        # The clients stay connected: only the server's limit ends their exports.
        wait_until(lambda: _export_is_whole(export, key), every=0.2, seconds=60, what="a turn of another client")
        del clients


def _export_is_whole(url: str, key: dict[str, str]) -> bool:
    response = requests.get(url, headers=key, timeout=20)
    return response.status_code == 200 and len(response.content.splitlines()) == 600


def test_a_client_that_reads_slowly_but_steadily_gets_the_whole_file(web: Web, caller: Caller) -> None:
    with connections(web.port, 1, saying=head("GET /docs/swagger-ui-bundle.js", caller), reading=False) as [client]:
        began, received = monotonic(), b""
        while b"\r\n\r\n" not in received:
            received += client.recv(4_096)
        headers, _, body = received.partition(b"\r\n\r\n")
        length = int(headers.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        size = len(body)
        while size < length and (block := client.recv(16_384)):
            size += len(block)
            # 300 kB a second: too slow for the whole file within the limit, but faster than the minimum rate.
            wait_until(lambda: monotonic() - began > size / 300_000, every=0.005)  # noqa: B023

    assert size == length > 1_000_000
    assert monotonic() - began > LIMIT_S


def test_an_idle_connection_stays_open_for_the_configured_time(web: Web) -> None:
    with connections(web.port, 1, saying=b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n") as [client]:
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        began = monotonic()
        wait_until(lambda: is_cut(client), every=0.05, what="the idle connection to be closed")

    assert LIMIT_S <= monotonic() - began < LIMIT_S + GRACE_S


def test_more_idle_clients_than_file_descriptors_end_no_process(tmp_path: Path, database_url: str) -> None:
    _need_open_files(3_000)
    prefix = [sys.executable, "-c", LIMITED, "1024"]
    patient = {f"MERGELANE_WEB_{name}_S": "60" for name in ("HEAD", "KEEP_ALIVE")}

    with (
        web_server(tmp_path, database_url, prefix=prefix, **SETTINGS | patient) as web,
        connections(web.port, 1_300),
        others_notice_nothing(web),
    ):
        for _ in range(50):
            seconds_to_answer(web.live)
        assert web.worker.num_fds() < 1_024

    assert "Traceback" not in web.process.log


def test_a_server_without_a_free_file_descriptor_keeps_its_process_and_responds(
    tmp_path: Path, database_url: str
) -> None:
    with (
        web_server(tmp_path, database_url, **SETTINGS | {"MERGELANE_WEB_HEAD_S": "60"}) as web,
        connections(web.port, 50) as clients,
    ):
        wait_until(lambda: _open_connections(web) >= len(clients), what="the server to accept all clients")
        _, hard = resource.prlimit(web.worker.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(web.worker.pid, resource.RLIMIT_NOFILE, (web.worker.num_fds(), hard))
        with others_notice_nothing(web), connections(web.port, 20):
            for _ in range(20):
                seconds_to_answer(web.live)

    assert "Traceback" not in web.process.log


def test_unfinished_bodies_need_bounded_memory(tmp_path: Path, database_url: str, caller: Caller) -> None:
    large = head("POST /users/merge", caller, "Content-Type: application/json", "Content-Length: 4000000")
    large += b" " * 3_900_000
    settings = SETTINGS | {"MERGELANE_WEB_BUFFER_MB": "32", "MERGELANE_WEB_BODY_S": "60"}

    with (
        web_server(tmp_path, database_url, **settings) as web,
        others_notice_nothing(web),
    ):
        before = web.worker.memory_info().rss
        with ThreadPoolExecutor(8) as threads:
            senders = [threads.submit(_send_all, web.port, large) for _ in range(60)]
            wait_until(lambda: "connections_closed" in web.process.log, what="the first disconnected client")
            most = max(web.worker.memory_info().rss for _ in range(20))
            open_clients = [sender.result() for sender in senders]
        most = max(most, web.worker.memory_info().rss)
        for client in open_clients:
            client.close()

    # Without the bound it would be 234 MB.
    assert most - before < 100_000_000


def _send_all(port: int, data: bytes) -> Any:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        client.sendall(data)
    except OSError:
        client.close()
    return client


def _need_open_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        if hard < number:
            pytest.skip(f"The limit of open files is {hard:,}; this test needs {number:,}.")
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
