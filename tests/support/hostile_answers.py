"""A webhook receiver on the loopback interface that sends raw, invalid or endless responses."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import Random
from threading import Event, Thread

#: The maximum size of an endless answer, in bytes.
ENDLESS_BYTES = 64 * 2**20
CHUNK = b"x" * 65_536
#: Seconds between two bytes of a slow answer.
DRIP_S = 0.02


@dataclass(frozen=True)
class Answer:
    """A response: *text*, at once or byte by byte; *repeated* text without end; and how the connection ends."""

    text: bytes = b""
    repeated: bytes = b""
    slow: bool = False
    end: str = "close"  # close, reset or silence

    def send(self, connection: socket.socket, released: Event) -> None:
        """Send the response until *released* is set."""
        for part in (bytes([each]) for each in self.text) if self.slow else [self.text]:
            connection.sendall(part)
            if self.slow:
                released.wait(DRIP_S)
        sent = 0
        while self.repeated and sent < ENDLESS_BYTES and not released.is_set():
            connection.sendall(self.repeated)
            sent += len(self.repeated)
            if self.slow:
                released.wait(DRIP_S)
        if self.end == "silence":
            released.wait(60)
        if self.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


OK = b"HTTP/1.1 200 OK\r\n"
RETRY_AFTER = (
    *(b"Mon, 01 Jan 2026 00:00:00 +99999999999999", b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT", b"9" * 400),
    *(b"-1", b"1e400", b"nan", b"\xff\xfe", b"Mon, 01 Jan 0001 00:00:00 +2359", b"Fri, 31 Dec 9999 23:59:59 -2359"),
)
STATUS_LINES = (
    *(b"", b"\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 \r\n", b"HTTP/1.1 OK\r\n", b"HTTP/1.1 -1 x\r\n", b"HTTP/1.1 99 x\r\n"),
    *(b"HTTP/1.1 1000 x\r\n", b"HTTP/9.9 200 OK\r\n", b"HTTP/1.1 2\xc2\xb200 x\r\n", b"ICY 200 OK\r\n", b"\x00" * 100),
    *(
        b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"SSH-2.0-x\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    ),
)
HEADERS = (
    *(b"X\r\n", b": x\r\n", b" folded\r\n", b"X: \x00\xff\r\n", b"X: " + b"y" * 70_000 + b"\r\n", b"X: y\r\n" * 200),
    *(b"Content-Length: -1\r\n", b"Content-Length: " + b"9" * 5_000 + b"\r\n", b"Content-Length: x\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Location: http://169.254.169.254/\r\n"),
    *(b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Set-Cookie: a=b\r\n", b"Date: x\r\n"),
)
BODIES = (
    b"",
    b"ffffffffffffffff\r\n",
    b"-1\r\n",
    b"\x1f\x8b" + b"\x00" * 100,
    b"0\r\n\r\n",
    b"HTTP/1.1 500 No\r\n\r\n",
)
FIXED = (
    Answer(end="silence"),
    Answer(end="reset"),
    Answer(b"HTTP/1.1 2", end="reset"),
    Answer(OK, slow=True, repeated=b"X: y\r\n"),
    Answer(OK, repeated=b"X: y\r\n"),
    Answer(OK + b"X: ", repeated=CHUNK),
    Answer(repeated=b"HTTP/1.1 100 Continue\r\n\r\n"),
    Answer(repeated=b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    Answer(OK + b"Transfer-Encoding: chunked\r\n\r\n", repeated=b"10000\r\n" + CHUNK + b"\r\n"),
    Answer(OK + b"Content-Length: 99999999999\r\n\r\n", slow=True, repeated=b"x"),
)


def hostile_answers(random: Random, count: int) -> list[Answer]:
    """Return *count* answers: the fixed ones, then random ones. No random one has status 410."""
    return [*FIXED, *(_random_answer(random) for _ in range(count - len(FIXED)))]


def _random_answer(random: Random) -> Answer:
    status = random.choice(
        [100, 101, 102, 103, 199, 200, 201, 204, 299, 301, 302, 307, 308, 400, 404, 429, 500, 503, 599]
    )
    first = (
        random.choice(STATUS_LINES) if random.random() < 0.3 else b"HTTP/1.%d %d x\r\n" % (random.randrange(2), status)
    )
    headers = b"".join(random.choice(HEADERS) for _ in range(random.randrange(4)))
    if random.random() < 0.5:
        headers += b"Retry-After: " + random.choice(RETRY_AFTER) + b"\r\n"
    text = first + headers + random.choice([b"\r\n", b"\r\n", b"", b"\n"]) + random.choice(BODIES)
    return Answer(text[: random.randrange(1, len(text) + 2)], end=random.choice(["close", "close", "reset"]))


class HostileReceiver:
    """A server that answers each request with the next of *answers*. `requests` counts the requests."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self.requests = 0
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        for each in answers:
            self._answers.put(each)
        self._released = Event()

    def serve(self) -> None:
        """Answer requests until the server is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                Thread(target=self._answer, args=[connection], daemon=True).start()

    def close(self) -> None:
        """Close the server."""
        self._released.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError, Empty), connection:
            connection.recv(65_536)
            self.requests += 1
            self._answers.get_nowait().send(connection, self._released)


@contextmanager
def answering(answers: Sequence[Answer]) -> Iterator[HostileReceiver]:
    """Run a receiver that sends each of *answers* once."""
    receiver = HostileReceiver(answers)
    thread = Thread(target=receiver.serve, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.close()
        thread.join(10)
