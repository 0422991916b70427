"""A server with scripted responses, for cases in which a real Mergelane fails or has another version."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest

Answer = tuple[int, dict[str, str], bytes]


class Stage:
    """A server that sends one of *answers* per request, in order, and keeps the requests in `asked` and `bodies`."""

    def __init__(self, answers: list[Answer]) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.bodies: list[Any] = []
        stage = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                stage.bodies.append(orjson.loads(body) if body else None)
                stage.asked.append((self.command, self.path, self.headers["Authorization"]))
                status, headers, body = answers.pop(0)
                if status:
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

            do_GET = do_POST  # noqa: N815  the name that the standard library calls

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """A function that starts a server with the given answers."""
    stages: list[Stage] = []

    def make(*answers: Answer) -> Stage:
        stages.append(Stage(list(answers)))
        return stages[-1]

    yield make
    for each in stages:
        each.close()
