"""Responses of the server: those of the application, and those to requests that never reach it."""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import build_http_date

from app.web.headers import HEADERS
from app.web.server.draining import is_draining

LOG = logging.getLogger(__name__)

#: The Server header. It has no version.
SERVER = "mergelane"
SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request is not valid HTTP; check its first line, its headers and its length.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time; send it again, without pauses.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body may not be larger than 4 MB.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The URL of the request is too long.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of the request are too many, or too long.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on the server before the request was read.",
}


class ApplicationTask(WSGITask):
    """Runs the application for one request and writes its response."""

    close_on_finish: bool
    channel: Any
    wrote_header: bool

    def write(self, data: Any) -> None:
        """Write a part of the response; the head leaves together with the first part.

        Two packets would cost a system call more, and the loop would turn in between.
        """
        if self.complete and not self.wrote_header and self.has_body and data:
            self.channel.held = self.build_response_header()
            self.wrote_header = True
        super().write(data)
        self.channel.write_held()

    def build_response_header(self) -> bytes:
        """Return the head of the response, with a Connection header that says whether the connection stays open.

        Replaces the method of waitress, which closes connections after 204, 304 and every streamed response.
        """
        headers = [(name, value) for name, value in self.response_headers if self.has_body or not _is_length(name)]
        if self.has_body and not any(_is_length(name) for name, _ in headers):
            headers += self._length_headers()
        if self.close_on_finish or self._must_close():
            self.close_on_finish = True
            headers.append(("Connection", "close"))
        elif self.version == "1.0":
            headers.append(("Connection", "keep-alive"))
        headers += [("Server", SERVER), ("Date", build_http_date(self.start_time))]
        lines = [f"HTTP/{self.version} {self.status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def _length_headers(self) -> list[tuple[str, str]]:
        """Return the header by which the client finds the end of the body; without one the connection is closed."""
        if self.content_length is not None:
            return [("Content-Length", str(self.content_length))]
        if self.version == "1.1" and self.request.command != "HEAD":
            self.chunked_response = True
            return [("Transfer-Encoding", "chunked")]
        self.close_on_finish = self.close_on_finish or self.version == "1.0"
        return []

    def _must_close(self) -> bool:
        wishes = {wish.strip().lower() for wish in self.request.headers.get("CONNECTION", "").split(",")}
        keeps = "keep-alive" in wishes if self.version == "1.0" else "close" not in wishes
        return not keeps or self.request.must_close or is_draining() or self.channel.server.connections.stopping


class RefusalTask(ErrorTask):
    """Responds to a request that is not valid HTTP, or after an error that the application did not handle."""

    def execute(self) -> None:
        status = HTTPStatus(self.request.error.code)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            LOG.warning("invalid_http_request", extra={"status": status.value})
        head, _, body = raw_error_response(status).partition(b"\r\n\r\n")
        self.close_on_finish = self.wrote_header = True
        self.channel.write_soon(head + b"\r\n\r\n" + body)


def raw_error_response(status: HTTPStatus) -> bytes:
    """Return a complete HTTP response with *status*, after which the connection is closed."""
    body = orjson.dumps({"message": SENTENCES.get(status, f"{status.phrase}.")}) + b"\n"
    headers = {
        "Server": SERVER,
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **HEADERS,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _is_length(name: str) -> bool:
    return name.lower() == "content-length"
