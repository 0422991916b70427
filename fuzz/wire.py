"""Broken HTTP that no client library would send, over sockets to a real web server."""

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from random import Random

from fuzz.bodies import spoiled
from fuzz.endpoints import ENDPOINTS, any_body
from fuzz.names import SPELL, Names
from fuzz.request import HEADERS

#: Maximum seconds until the server responds or closes the connection, after the request.
TIMEOUT_S = 20.0
MOST = 65_536
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
#: Whole requests that no client sends.
GARBAGE: Sequence[bytes] = (
    b"",
    b"\r\n",
    b"\n\n\n\n",
    b"\x00" * 64,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 200,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1 extra\r\nHost: x\r\n\r\n",
    b"get /health/live http/1.1\r\nhost: x\r\n\r\n",
    b"GET http://[::1/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //health//live HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"A" * 60_000,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 60_000 + b"\r\n\r\n",
)
#: Lines that are added to the headers of a valid request.
LINES: Sequence[bytes] = (
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 5, 5",
    b"Content-Length: 0x5",
    b"Content-Length : 5",
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \x00",
    b"Expect: 100-continue",
    b"Expect: what",
    b"Upgrade: h2c",
    b"Connection: keep-alive, Upgrade, close",
    b"Host: a\r\nHost: b",
    b" folded: line",
    b"\tX: y",
    b": nameless",
    b"nameless",
    b"X\x00Y: z",
    b"X: \x00",
    b"X: \r y",
    b"X: \xff\xfe\x80",
    b"X Y: z",
    b"(X): z",
    b"X_Y: z",
    b"Authorization: Bearer x\r\nAuthorization: Bearer y",
    b"Range: bytes=0-18446744073709551615",
    b"Forwarded: for=127.0.0.1",
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http",
    b"SCRIPT_NAME: /x",
    b"Script-Name: /merge",
    b"Proxy: x",
)
#: Invalid bodies in chunks.
CHUNKS: Sequence[bytes] = (
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5;a=b;c\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffffffff\r\nhello",
    b"5\nhello\n0\n\n",
    b"5\r\nhellohello\r\n0\r\n\r\n",
    b"\r\n\r\n",
    b"zz\r\n",
    b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
    b"0\r\nX: y\r\nContent-Length: 9\r\n\r\n",
    b"5" * 5_000,
)


@dataclass(frozen=True, slots=True)
class SocketResponse:
    """The bytes received over a socket, empty if the server closed it; *hung* if the server did neither."""

    data: bytes
    hung: bool = False

    @property
    def statuses(self) -> list[int]:
        """The statuses of all responses in it."""
        return [int(status) for status in STATUS.findall(self.data)]


def broken(seed: str, number: int, key: str) -> list[bytes]:
    """Return request *number* of *seed* as the parts in which it is sent. It may contain the *key*."""
    rng = Random(f"{seed} wire {number}")
    way = rng.random()
    if way < 0.15:
        return [rng.choice(GARBAGE)]
    whole = _sound(rng, number, key)
    if way < 0.6:
        whole = _with_lines(whole, rng)
    if way < 0.75:
        head, _, _ = whole.partition(b"\r\n\r\n")
        return [head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + rng.choice(CHUNKS)] if way >= 0.6 else [whole]
    if way < 0.95:
        return [spoiled(whole, rng)[:MOST]]
    cut = rng.randrange(1, len(whole))
    return [whole[:cut], whole[cut:], whole if rng.random() < 0.5 else b""]


def _sound(rng: Random, number: int, key: str) -> bytes:
    """Return a valid request of a client."""
    endpoint = rng.choice(ENDPOINTS)
    tree = any_body(endpoint, Names(rng, number // SPELL))
    body = b"" if tree is None else str(tree).replace("'", '"').encode("utf-8", "surrogatepass")
    lines = [
        f"{endpoint.method} {endpoint.rule} HTTP/1.1".encode(),
        b"Host: localhost",
        b"Authorization: Bearer " + key.encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    ]
    return b"\r\n".join([*lines, b"", body])


def _with_lines(whole: bytes, rng: Random) -> bytes:
    """Return a request with unexpected header lines, added or in place of one of its own."""
    head, _, body = whole.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(list(HEADERS))
        odd = f"{name}: {rng.choice(HEADERS[name])}".encode("utf-8", "surrogatepass")
        line = rng.choice(LINES) if rng.random() < 0.75 else odd
        if rng.random() < 0.5:
            lines.insert(rng.randint(1, len(lines)), line)
        else:
            lines[rng.randrange(len(lines))] = line
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def send(port: int, parts: Sequence[bytes]) -> SocketResponse:
    """Send *parts* to the server on a local *port*, close the sending side, and return the response."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        # The server may refuse a request and close the connection before the rest is sent.
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
        try:
            while chunk := connection.recv(MOST):
                received += chunk
        except TimeoutError:
            return SocketResponse(bytes(received), hung=True)
        except ConnectionError:
            pass
    return SocketResponse(bytes(received))


def faults(response: SocketResponse) -> list[str]:
    """Return the faults of *response* as sentences."""
    found = [
        f"The status is {status}: {response.data[:400]!r}"
        for status in response.statuses
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ]
    if response.hung:
        found.append(f"No response and no close within {TIMEOUT_S:g} s: {response.data[:100]!r}")
    if response.data and not response.data.startswith(b"HTTP/1."):
        found.append(f"The response is not HTTP: {response.data[:100]!r}")
    refused = len(response.statuses) == 1 and response.statuses[0] >= HTTPStatus.BAD_REQUEST
    if refused and not _has_sentence(response.data):
        found.append(f"The refusal has no sentence: {response.data[-200:]!r}")
    return found


def _has_sentence(data: bytes) -> bool:
    """Return whether a response has a sentence, or no body like the response to a HEAD."""
    _, _, body = data.partition(b"\r\n\r\n")
    return not body or (body.startswith(b'{"message":"') and b" " in body)
