"""Gunicorn's threaded worker, answering what is no sound HTTP as everything else is answered.

Such requests never reach the application. Gunicorn would answer them with a page of HTML that quotes what it was sent.
"""

from http import HTTPStatus
from typing import Any

import orjson
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from app.web.draining import is_draining
from app.web.headers import HEADERS

SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request is no sound HTTP; check its first line, its headers and its length.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The URL of the request is too long.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of the request are too many, or too long.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on the server before the request was read.",
}


class Recorder:
    """Stands in for the client while gunicorn answers, and keeps what it would have been sent."""

    def __init__(self) -> None:
        self.sent = b""

    def gettimeout(self) -> float:
        """Say that nobody waits, as a socket that does not block would."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Keep *data*."""
        self.sent += data

    @property
    def status(self) -> HTTPStatus:
        """The status of what gunicorn would have sent."""
        parts = self.sent.split(b" ", 2)
        known = len(parts) > 1 and parts[1].isdigit() and int(parts[1]) in set(HTTPStatus)
        status = HTTPStatus(int(parts[1])) if known else HTTPStatus.INTERNAL_SERVER_ERROR
        # A transfer coding that nobody knows is the client's mistake; gunicorn makes it look like the server's.
        return HTTPStatus.BAD_REQUEST if status is HTTPStatus.NOT_IMPLEMENTED else status


class Worker(ThreadWorker):
    """Gunicorn's threaded worker with answers of ours."""

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; while the server drains, its connection is closed afterwards, and the answer says so."""
        if is_draining():
            req.force_close()
        kept: bool = super().handle_request(req, conn)
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log what gunicorn logs, and answer with the status that it chose, in our way."""
        recorder = Recorder()
        super().handle_error(req, recorder, addr, exc)
        try:
            util.write_nonblock(client, answer(recorder.status))
        except OSError:
            self.log.debug("The client of an unsound request had gone")


def answer(status: HTTPStatus) -> bytes:
    """Return the whole answer with *status*, as it goes over the wire."""
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
