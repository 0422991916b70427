"""Gunicorn's threaded worker with our error format for requests that are not valid HTTP.

Such requests never reach the application. Gunicorn would answer with an HTML page that quotes them.
"""

from http import HTTPStatus
from typing import Any

import orjson
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from app.web.headers import HEADERS
from app.web.server.draining import is_draining

SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request is not valid HTTP; check its first line, its headers and its length.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The URL of the request is too long.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of the request are too many, or too long.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on the server before the request was read.",
}


class ResponseRecorder:
    """Replaces the client's socket and keeps the response that gunicorn writes to it."""

    def __init__(self) -> None:
        self.sent = b""

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        self.sent += data

    @property
    def status(self) -> HTTPStatus:
        """The status of that response."""
        parts = self.sent.split(b" ", 2)
        known = len(parts) > 1 and parts[1].isdigit() and int(parts[1]) in set(HTTPStatus)
        status = HTTPStatus(int(parts[1])) if known else HTTPStatus.INTERNAL_SERVER_ERROR
        # An unknown transfer coding is the client's fault; gunicorn reports it as the server's.
        return HTTPStatus.BAD_REQUEST if status is HTTPStatus.NOT_IMPLEMENTED else status


class MergelaneWorker(ThreadWorker):
    """Gunicorn's threaded worker with our error responses and draining."""

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Handle a request; while the server drains, close its connection afterwards."""
        if is_draining():
            req.force_close()
        kept: bool = super().handle_request(req, conn)
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log as gunicorn does, and respond with its status in our format."""
        recorder = ResponseRecorder()
        super().handle_error(req, recorder, addr, exc)
        try:
            util.write_nonblock(client, raw_error_response(recorder.status))
        except OSError:
            self.log.debug("client_disconnected")


def raw_error_response(status: HTTPStatus) -> bytes:
    """Return a complete HTTP response with *status*."""
    body = orjson.dumps({"message": SENTENCES.get(status, f"{status.phrase}.")}) + b"\n"
    headers = {
        "Server": "gunicorn",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **HEADERS,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
