"""One connection of a client: waitress's channel, which reads requests and sends responses without a thread.

A thread is used only while the application runs. The connection knows what it waits for and since when, so that
`app.web.server.connections` can close it in time.
"""

import logging
import socket
from contextlib import suppress
from enum import IntEnum
from http import HTTPStatus
from io import BytesIO
from time import monotonic
from typing import Any
from weakref import proxy

from waitress.adjustments import Adjustments
from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel

from app.web.server.body_pipe import GONE, BodyPipe
from app.web.server.http_parser import RequestParser
from app.web.server.http_responses import ApplicationTask, RefusalTask, raw_error_response

LOG = logging.getLogger(__name__)

#: A part of a response from this many bytes on is sent from where it is, without a copy for each connection.
LARGE_PART = 65_536
#: Bytes that one call of send() gets.
SEND_BLOCK = 262_144


class Phase(IntEnum):
    """What a connection waits for, in the order in which connections are given up when there are too many."""

    CLOSING = 0  #: the client, to close it after the last response
    SILENT = 1  #: the first byte of the client
    HEAD = 2  #: the rest of a request line and its headers
    IDLE = 3  #: a further request
    BODY = 4  #: the rest of a body
    SENDING = 5  #: the client, to read a response
    WORKING = 6  #: the application


class ClientConnection(HTTPChannel):
    """A connection and its phase. The loop calls all methods but `service` and `write_soon`, which run in a thread."""

    sendbuf_len: int
    request: RequestParser | None
    task_class = ApplicationTask
    error_task_class = RefusalTask

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002
        #: Since when the client has been expected to do the next thing.
        self.waiting_since = monotonic()
        self.bytes_sent = 0
        #: When the present window of sending began, and the bytes sent before it; None with nothing to send.
        self.send_window: tuple[float, int] | None = None
        self._served = self._in_body = self._closing = False
        #: The head of a response, until its first part is written.
        self.held = b""
        #: The request whose body arrives while the application reads it.
        self._streamed: RequestParser | None = None
        super().__init__(server, sock, addr, adj, map=map)
        self.sendbuf_len = min(self.sendbuf_len, SEND_BLOCK)

    def add_channel(self, map: Any = None) -> None:  # noqa: A002
        super().add_channel(map)
        self.server.connections.add(self)

    def del_channel(self, map: Any = None) -> None:  # noqa: A002
        super().del_channel(map)
        self.server.connections.remove(self)

    @property
    def phase(self) -> Phase:
        if self._closing:
            return Phase.CLOSING
        if self.total_outbufs_len:
            return Phase.SENDING
        if self.requests or self.close_when_flushed:
            return Phase.WORKING
        if self.request is not None:
            return Phase.BODY if self.request.headers_finished else Phase.HEAD
        return Phase.IDLE if self._served else Phase.SILENT

    @property
    def buffered(self) -> int:
        """Bytes of requests and responses in memory."""
        unfinished = self.request
        bodies = sum(each.buffered for each in tuple(self.requests))
        return int(self.total_outbufs_len + bodies + (unfinished.buffered if unfinished is not None else 0))

    def parser_class(self, adj: Adjustments) -> RequestParser:
        """Return the parser of a further request; waitress calls it as a class."""
        # A weak reference, and no method of it: without a cycle, a closed connection frees its bodies at once.
        owner = proxy(self)
        return RequestParser(adj, stream=lambda request: owner.stream_body(request))  # noqa: PLW0108

    def stream_body(self, request: RequestParser) -> BodyPipe:
        """Return the pipe for the body of *request*, which is passed on before it is complete."""
        self._streamed = request
        return BodyPipe(wake_up=self.server.pull_trigger, wait_s=self.server.connections.limits.body_s)

    def received(self, data: bytes) -> bool:
        if self._streamed is not None:
            self.server.connections.note_received(len(data))
            if self._streamed.receive_more(data):
                # Whatever follows is of no request: this one closes the connection.
                self._streamed = None
            return True
        began = self.request
        taken: bool = super().received(data)
        self.server.connections.note_received(len(data))
        in_body = self.request is not None and self.request.headers_finished
        if self.request is not began or in_body is not self._in_body:
            self.waiting_since, self._in_body = monotonic(), in_body
        return taken

    def service(self) -> None:
        super().service()
        # The server read nothing while the application ran: the time for the next request begins now.
        self._served, self.waiting_since = True, monotonic()

    def write_held(self) -> None:
        """Write a head that no part of the body has followed."""
        if self.held:
            self.write_soon(b"")

    def write_soon(self, data: Any) -> int:
        head, self.held = self.held, b""
        if head and isinstance(data, bytes) and len(data) < LARGE_PART:
            data = head + data
        elif head:
            super().write_soon(head)
        if isinstance(data, bytes) and len(data) >= LARGE_PART:
            large = ReadOnlyFileBasedBuffer(BytesIO(data))
            large.prepare()
            data = large
        written: int = super().write_soon(data)
        return written

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002  waitress's signature
        sent: int = super().send(data, do_close=do_close) or 0
        self.bytes_sent += sent
        return sent

    def _flush_some(self, do_close: bool = True) -> bool:  # noqa: FBT001, FBT002
        flushed: bool = super()._flush_some(do_close=do_close)
        if not self.total_outbufs_len:
            self.send_window = None
        return flushed

    def time_out(self) -> None:
        """Close the connection, whose client was too slow: with 408 if a request has begun and nothing is sent yet."""
        if self.phase not in {Phase.HEAD, Phase.BODY}:
            self.handle_close()
            return
        response = raw_error_response(HTTPStatus.REQUEST_TIMEOUT)
        with self.outbuf_lock:
            self.request = None
            self.outbufs[-1].append(response)
            self.total_outbufs_len += len(response)
            self.close_when_flushed = True
        self.handle_write()

    def readable(self) -> bool:
        return self._closing or (self._may_read() and not self.server.connections.memory_full)

    def _may_read(self) -> bool:
        body = None if self._streamed is None else self._streamed.pipe
        if body is None:
            return bool(super().readable())
        # While the application reads the body, its response may already be on the way.
        return not (self.will_close or self.close_when_flushed or body.is_full)

    def handle_read(self) -> None:
        if self._closing:
            # Closing a socket with unread data would discard a response that the client has not received.
            with suppress(OSError):
                self.recv(self.adj.recv_bytes)
        else:
            super().handle_read()

    def handle_write(self) -> None:
        if not self.close_when_flushed or self.requests or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif self.connected and not self.total_outbufs_len:
            self._begin_to_close()

    def handle_close(self) -> None:
        if self._streamed is not None and self._streamed.pipe is not None:
            self._streamed.pipe.fail(GONE)
        # A thread may be sending: it has the lock.
        with self.outbuf_lock:
            super().handle_close()

    def handle_error(self) -> None:
        LOG.exception("connection_failed")  # noqa: LOG004  called by waitress from an except clause
        self.handle_close()

    def _begin_to_close(self) -> None:
        """Send the end of the response, and read on until the client closes the connection too."""
        self.close_when_flushed = False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
        else:
            self._closing, self.waiting_since = True, monotonic()
