"""Imports over a socket: the server responds while a body of any length arrives, in bounded memory."""

import gzip
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import psycopg
import pytest
import requests

from app import keys
from app.db import migrations
from app.web.json_bodies import MAX_BODY
from tests.support.flask_caller import Caller
from tests.support.postgres import PostgresServer
from tests.support.slow_clients import SMALL_WINDOW
from tests.support.waiting import wait_until
from tests.support.web_server import Web, web_server

Json = dict[str, Any]

LIMIT_S = 2.0
SETTINGS = {"MERGELANE_WEB_THREADS": "4", "MERGELANE_LOG_FORMAT": "text"}
HASTY = {**SETTINGS, "MERGELANE_WEB_BODY_S": str(LIMIT_S), "MERGELANE_WEB_SEND_S": str(LIMIT_S)}
CHUNK = 1_000
#: A line of two kilobytes that is refused quickly.
REFUSED = b"x" * 2_047 + b"\n"
#: More bytes than the server receives before the application begins to read.
LONG = REFUSED * (MAX_BODY // len(REFUSED) + CHUNK)
LONG_LINES = LONG.count(b"\n")
GROWTH_MB = 60


class Importer:
    """A client that sends an import in parts and reads the response line by line."""

    def __init__(self, web: Web, secret: str, *headers: str, query: str = "", length: int | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", web.port), timeout=30)
        self._is_chunked = length is None
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [
            f"POST /profiles/import{query} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {secret}",
            "Content-Type: application/x-ndjson",
            framing,
            *headers,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._response: HTTPResponse | None = None

    def send(self, data: bytes) -> None:
        self.socket.sendall(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def end(self) -> None:
        if self._is_chunked:
            self.socket.sendall(b"0\r\n\r\n")

    @property
    def response(self) -> HTTPResponse:
        if self._response is None:
            self._response = HTTPResponse(self.socket)
            self._response.begin()
        return self._response

    def read(self, number: int) -> list[Json]:
        """Return the next *number* lines of the response."""
        return [orjson.loads(self.response.readline()) for _ in range(number)]

    def rest(self) -> list[Json]:
        """Return the remaining lines of the response."""
        return [orjson.loads(line) for line in self.response]

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        self.socket.close()


def person(external_id: str) -> bytes:
    return orjson.dumps({"external_id": external_id, "first_name": "Ada"}, option=orjson.OPT_APPEND_NEWLINE)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Web]:
    with web_server(tmp_path_factory.mktemp("web"), database_url, **SETTINGS) as server:
        yield server


@pytest.fixture(scope="module")
def hasty_web(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Web]:
    """A server with short timeouts for its clients."""
    with web_server(tmp_path_factory.mktemp("hasty"), database_url, **HASTY) as server:
        yield server


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@contextmanager
def importer(web: Web, secret: str, *headers: str, **options: Any) -> Iterator[Importer]:
    client = Importer(web, secret, *headers, **options)
    try:
        yield client
    finally:
        client.close()


def created(caller: Caller) -> int:
    with psycopg.connect(caller.flask.extensions["mergelane"].settings.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM profile WHERE workspace_id = %s", [caller.workspace_id]
        ).fetchone()
    return row[0] if row else 0


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_body_of_50_000_lines_needs_bounded_memory(web: Web, caller: Caller, compressed: bool) -> None:
    body = b"".join(person(f"person-{nth}") if nth % 50 == 0 else REFUSED for nth in range(50_000))
    data = gzip.compress(body, compresslevel=0) if compressed else body
    headers = ["Content-Encoding: gzip"] if compressed else []
    peak = Path(f"/proc/{web.worker.pid}/status")
    Path(f"/proc/{web.worker.pid}/clear_refs").write_text("5")
    before = web.worker.memory_info().rss

    with importer(web, caller.secret, *headers, length=len(data)) as client:
        sender = Thread(target=client.send, args=(data,))
        sender.start()
        found = client.rest()
        sender.join()

    most = int(peak.read_text().split("VmHWM:")[1].split()[0]) * 1024
    assert [each["line"] for each in found] == list(range(1, 50_001))
    assert {each["line"] for each in found if each["result"] == "created"} == set(range(1, 50_001, 50))
    assert created(caller) == 1_000
    assert most - before < GROWTH_MB * 2**20


@pytest.mark.parametrize("length", [None, 2 * len(LONG)], ids=["chunked", "with its length"])
def test_lines_get_results_before_the_body_ends(web: Web, caller: Caller, length: int | None) -> None:
    with importer(web, caller.secret, length=length) as client:
        client.send(LONG)
        first = client.read(LONG_LINES // CHUNK * CHUNK)
        client.send(LONG)
        client.end()
        rest = client.rest()

    assert [each["line"] for each in first + rest] == list(range(1, 2 * LONG_LINES + 1))


def test_a_client_that_expects_100_continue_gets_it(web: Web, caller: Caller) -> None:
    with importer(web, caller.secret, "Expect: 100-continue", length=len(LONG)) as client:
        said = client.socket.recv(25)
        client.send(LONG)

        assert said == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert len(client.rest()) == LONG_LINES


def test_a_key_without_the_permission_is_refused_before_the_body_ends(
    web: Web, caller: Caller, make_caller: Callable[..., Caller]
) -> None:
    stranger = make_caller(workspace=caller.workspace, permissions=("users.track",))
    for secret, status in (("unknown", 401), (stranger.secret, 403)):
        with importer(web, secret, length=10 * len(LONG)) as client:
            client.send(REFUSED)

            assert client.response.status == status
            assert client.response.getheader("Connection") == "close"


def test_a_long_body_with_an_idempotency_key_gets_413_before_its_end(web: Web, caller: Caller) -> None:
    with importer(web, caller.secret, "Idempotency-Key: k", length=10 * len(LONG)) as client:
        client.send(LONG)

        assert client.response.status == 413
        assert "at most 2,000 lines" in orjson.loads(client.response.read())["message"]


def test_a_client_that_stops_sending_gets_a_last_line_with_an_error(hasty_web: Web, caller: Caller) -> None:
    with importer(hasty_web, caller.secret) as client:
        client.send(LONG)
        *before, last = client.rest()

    assert len(before) == LONG_LINES // CHUNK * CHUNK
    assert last == {"line": len(before) + 1, "error": "The request body ended too early; send the rest again."}


def test_an_invalid_chunk_gets_a_last_line_with_an_error(web: Web, caller: Caller) -> None:
    with importer(web, caller.secret) as client:
        client.send(LONG)
        client.socket.sendall(b"what\r\n")
        *before, last = client.rest()

    assert last == {"line": len(before) + 1, "error": "The request body ended too early; send the rest again."}


def test_a_disconnected_client_frees_its_slot(web: Web, caller: Caller) -> None:
    for _ in range(5):
        with importer(web, caller.secret) as client:
            client.send(LONG)
            client.read(CHUNK)
        wait_until(lambda: _imports(web, caller) == 200, what="the slot of the disconnected client")


def test_the_concurrent_imports_of_a_workspace_are_limited(web: Web, caller: Caller, opened: ExitStack) -> None:
    running = []
    for _ in range(3):
        client = opened.enter_context(importer(web, caller.secret))
        client.send(LONG)
        running.append(client)
    refused = [each.response for each in running if each.response.status != 200]

    # Two, or one while other workspaces import too.
    assert len(refused) in {1, 2}
    assert orjson.loads(refused[0].read())["message"].startswith("Too many imports are running; ")
    assert (refused[0].status, refused[0].getheader("Retry-After")) == (429, "2")


def test_a_client_that_reads_nothing_is_disconnected(hasty_web: Web, caller: Caller) -> None:
    with importer(hasty_web, caller.secret) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        sender = Thread(target=_send_without_end, args=(client,))
        sender.start()
        wait_until(lambda: not sender.is_alive(), what="the disconnection of the client")

    wait_until(lambda: _imports(hasty_web, caller) == 200, what="the slot of that client")
    assert hasty_web.is_same


def test_another_url_accepts_no_long_body(web: Web, caller: Caller) -> None:
    json = {**_headers(caller), "Content-Type": "application/json"}
    response = requests.post(f"{web.url}/profiles/import/", data=LONG, headers=_headers(caller), timeout=10)
    tracked = requests.post(f"{web.url}/users/track", data=LONG, headers=json, timeout=10)

    assert (response.status_code, tracked.status_code) == (404, 413)


def test_a_server_that_stops_names_the_first_line_that_is_not_imported(
    tmp_path: Path, database_url: str, caller: Caller
) -> None:
    with web_server(tmp_path, database_url, **SETTINGS) as web, importer(web, caller.secret) as client:
        client.send(LONG)
        client.read(CHUNK)
        web.process.send(signal.SIGTERM)
        web.process.says("Handling signal: term")
        client.send(LONG)
        client.end()
        *_, last = client.rest()

    assert last["error"] == "The server stops; send this line and those after it again."


def test_a_killed_postgresql_ends_the_import_and_the_rest_can_be_sent_again(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    migrations.upgrade_schema(own_postgres.url())
    with psycopg.connect(own_postgres.url()) as connection:
        _, secret = keys.create_key(connection, workspace="shop", label="test", permissions=["profiles.import"])
    lines = [person(f"person-{nth}").replace(b"}", b" " * 4_000 + b"}") for nth in range(3_000)]

    with web_server(tmp_path, own_postgres.url(), **SETTINGS) as web:
        with importer(web, secret) as client:
            client.send(b"".join(lines[:1_500]))
            before = client.read(CHUNK)
            own_postgres.kill()
            client.send(b"".join(lines[1_500:]))
            client.end()
            *more, last = client.rest()
        away = requests.post(f"{web.url}/profiles/import", data=lines[0], headers=_bearer(secret), timeout=20)
        own_postgres.start()
        rest = b"".join(lines[last["line"] - 1 :])
        again = wait_until(lambda: _imported(web, secret, rest), what="PostgreSQL")

    assert {each["result"] for each in before + more} == {"created"}
    assert last["error"] == "The server could not import this line and those after it; send them again."
    assert last["line"] == len(before + more) + 1 < len(lines)
    assert away.status_code == 503
    assert [each["line"] for each in again] == list(range(1, len(lines) - last["line"] + 2))
    # A transaction in its COMMIT may have taken effect: its lines are skipped.
    assert {each["result"] for each in again} <= {"created", "skipped"}
    assert sum(each["result"] == "skipped" for each in again) in {0, CHUNK}


def _send_without_end(client: Importer) -> None:
    try:
        while True:
            client.send(REFUSED * 100)
    except OSError:
        return


def _imports(web: Web, caller: Caller) -> int:
    response = requests.post(f"{web.url}/profiles/import", data=b"\n", headers=_headers(caller), timeout=10)
    return response.status_code


def _imported(web: Web, secret: str, body: bytes) -> list[Json]:
    response = requests.post(f"{web.url}/profiles/import", data=body, headers=_bearer(secret), timeout=30)
    return [orjson.loads(line) for line in response.content.splitlines()] if response.status_code == 200 else []


def _headers(caller: Caller) -> dict[str, str]:
    return _bearer(caller.secret)


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"}
