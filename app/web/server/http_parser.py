"""Waitress's HTTP parser, which also refuses what two servers in a row may read differently.

A body above the limit is not stored. Its request is passed to the application, which responds as to any other request.
A long body of STREAMED_BODIES is passed to the application while it arrives.
"""

import re
import sys
from collections.abc import Callable
from copy import copy
from http import HTTPStatus
from io import BytesIO
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, Error, RequestHeaderFieldsTooLarge

from app.web.json_bodies import MAX_BODY
from app.web.server.body_pipe import BodyPipe
from app.web.streamed_bodies import STREAMED_BODIES

#: Bytes of the request line: the longest external_id, escaped for a URL, needs most of them.
LONGEST_REQUEST_LINE = 8_190
LONGEST_HEADER = 8_190
MAX_HEADERS = 100
#: Bytes of the request line and all headers.
LARGEST_HEAD = 65_536
#: Bytes of a body with the framing of its chunks, which may be smaller than their frames.
LARGEST_CHUNKED_BODY = 8 * MAX_BODY

TRANSFER_ENCODING = re.compile(rb"^transfer-encoding[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
FOLDED_LINE = re.compile(rb"\r\n[ \t]")
INVALID_CHUNK = "A chunk of the body is not valid HTTP."
VERSIONS = frozenset({"1.0", "1.1"})


class RequestLineTooLong(BadRequest):
    """The request line is longer than LONGEST_REQUEST_LINE."""

    code = HTTPStatus.REQUEST_URI_TOO_LONG.value
    reason = HTTPStatus.REQUEST_URI_TOO_LONG.phrase


class RequestParser(HTTPRequestParser):
    """Reads one request. *stream* makes the pipe of a body that is passed on before its end, and gets the request."""

    adj: Any
    body_rcv: Any
    error: Error | None
    completed: bool
    #: The body, if it is passed to the application while it arrives.
    pipe: BodyPipe | None = None
    #: Whether the rest of the connection cannot be read as a further request.
    must_close = False
    #: The error of a head that is too large.
    _too_large: Error | None = None

    def __init__(self, adj: Any, *, stream: Callable[["RequestParser"], BodyPipe]) -> None:
        super().__init__(adj)
        self._stream = stream

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self._is_streamable:
            if self.error is None and not self.completed and max(self.buffered, self._length_once_begun) > MAX_BODY:
                self._begin_stream()
        elif self.error is None and (self.buffered if self.chunked else self.content_length) > MAX_BODY:
            self.completed = self.must_close = True
        elif isinstance(self.error, RequestHeaderFieldsTooLarge) and b"\r\n" not in self.header_plus + data:
            self.error = RequestLineTooLong("")
        elif self._too_large is not None:
            self.error = self._too_large
        if self.completed:
            # The client waits for no "100 Continue": its body is complete, refused or not there.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head; raise ParsingError for one that is too large or that servers read differently."""
        line, _, fields = header_plus.partition(b"\r\n")
        if len(line) > LONGEST_REQUEST_LINE:
            self._too_large = RequestLineTooLong("")
            raise ParsingError("request line too long")
        lines = fields.split(b"\r\n")
        if len(lines) > MAX_HEADERS + 2 or max(map(len, lines)) > LONGEST_HEADER:
            self._too_large = RequestHeaderFieldsTooLarge("")
            raise ParsingError("headers too large")
        codings = TRANSFER_ENCODING.findall(fields)
        if FOLDED_LINE.search(header_plus) or len(codings) > 1 or any(each.lower() != b"chunked" for each in codings):
            raise ParsingError("headers that servers read differently")
        try:
            super().parse_header(header_plus)
        except ValueError:  # of urllib: a URL whose host is no IPv6 address
            raise ParsingError("a URL that cannot be parsed") from None
        if self.version not in VERSIONS or (codings and (not self.chunked or "CONTENT_LENGTH" in self.headers)):
            raise ParsingError("a version or a length that servers read differently")
        if "," in self.headers.get("HOST", ""):
            raise ParsingError("two hosts")
        if self._is_streamable:
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = sys.maxsize

    @property
    def _is_streamable(self) -> bool:
        """Whether the body may have any length."""
        return self.body_rcv is not None and (self.command, self.path) in STREAMED_BODIES

    @property
    def _length_once_begun(self) -> int:
        # Before the first byte of the body, the client may wait for "100 Continue".
        return self.content_length if self.buffered else 0

    def _begin_stream(self) -> None:
        """Pass the request on with what there is of its body. The connection cannot be used for a further request."""
        self.pipe = self._stream(self)
        self.pipe.append(self.body_rcv.getfile().read())
        self.body_rcv.buf = self.pipe
        self.completed = self.must_close = True

    def receive_more(self, data: bytes) -> bool:
        """Add *data* to the body that the application reads; return whether nothing more of it will come."""
        if self.pipe is None:
            return True
        receiver = self.body_rcv
        receiver.received(data)
        if receiver.error is not None:
            self.pipe.fail(INVALID_CHUNK)
        elif receiver.completed:
            self.pipe.end()
        return receiver.error is not None or receiver.completed

    def get_body_stream(self) -> Any:
        if self.pipe is not None:
            return self.pipe
        # Of a body with a length above the limit nothing is stored.
        return BytesIO() if self.must_close and not self.chunked else super().get_body_stream()

    @property
    def buffered(self) -> int:
        """Bytes of the body in memory."""
        return 0 if self.body_rcv is None else len(self.body_rcv)
