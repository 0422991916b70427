"""A webhook receiver: an HTTP server on the loopback interface whose responses the test chooses."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import orjson
from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Received:
    """A received request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def notice_id(self) -> str:
        """The id of the notice, which is the same for each attempt."""
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        """The parsed body, not verified."""
        content: dict[str, Any] = orjson.loads(self.body)
        return content

    def verified(self, secret: str) -> dict[str, Any]:
        """Return the body after the Standard Webhooks library verified it with *secret*; raise if the check fails."""
        content: dict[str, Any] = Webhook(secret).verify(self.body, dict(self.headers))
        return content


@dataclass
class Receiver:
    """The received requests, and a function that chooses each response: a status and headers.

    If it returns None, the receiver does not answer until `released` is set.
    """

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], tuple[int, Mapping[str, str]] | None] = lambda _: (204, {})
    released: Event = field(default_factory=Event)

    def of(self, path: str) -> list[Received]:
        """Return the requests to *path*."""
        return [each for each in self.received if each.path == path]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver during the block, with *tls* over HTTPS."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = Received(
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers["Content-Length"])),
            )
            receiver.received.append(request)
            answer = receiver.answer(request)
            if answer is None:
                receiver.released.wait(60)
                return
            # send_response would add the header Date.
            respond = self.send_response_only if "Date" in answer[1] else self.send_response
            respond(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
