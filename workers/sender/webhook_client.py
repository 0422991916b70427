"""Sends one request to one webhook, over a connection to an address that was checked.

Each attempt resolves the name once, checks all its addresses, and connects to one of them: a second look-up, as other
HTTP clients make it, could return another address. Redirects are not followed, proxies are not used, the body of the
response is not read, and the rest of it is bounded.
"""

import io
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Timer
from time import monotonic
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from app.errors import Rejected
from app.webhooks.addresses import Resolve, resolve_host
from app.webhooks.deliveries import AttemptResult
from app.webhooks.targets import WebhookTarget, parse_target, resolve_target
from schemas.retry_after import parse_retry_after

HEADERS = {"Content-Type": "application/json", "User-Agent": "Mergelane", "Connection": "close"}
#: The most addresses of one name that an attempt tries; they share its time.
TRIED = 4
#: Statuses after which another response follows (RFC 9110, 15.2). 101 ends HTTP on the connection.
INTERIM = frozenset(range(100, 200)) - {101}
#: The most bytes of a response that are read: its status, its headers, and those of interim responses before it.
MAX_RESPONSE_BYTES = 64 * 1024


class ResponseTooLong(HTTPException):
    """The status and the headers of a response have more than MAX_RESPONSE_BYTES."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of an attempt, by the monotonic clock."""

    at: float

    def left(self) -> float:
        """Return the remaining seconds; raise TimeoutError when there are none."""
        left = self.at - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class WebhookClient:
    """Posts to webhooks at public addresses, and with *private* also at private ones."""

    def __init__(
        self,
        *,
        timeout_s: float,
        private: bool = False,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Allow *timeout_s* seconds for a whole attempt; *tls* defaults to the system's and Mozilla's authorities."""
        self._timeout_s = timeout_s
        self._private = private
        self._resolve = resolve
        self._tls = trusted_tls_context() if tls is None else tls

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AttemptResult:
        """Post *body* to *url* and return the result; failures are results, not exceptions."""
        try:
            return self._post(url, headers, body)
        except Rejected as error:
            return AttemptResult(error=f"It was not sent: {error}.")
        except TimeoutError:
            return AttemptResult(error=f"There was no answer within {self._timeout_s:g} s.")
        except ssl.SSLError as error:
            return AttemptResult(error=f"TLS failed: {_reason(error)}.")
        except (OSError, HTTPException) as error:
            return AttemptResult(error=f"The connection failed ({type(error).__name__}).")

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> AttemptResult:
        deadline = Deadline(monotonic() + self._timeout_s)
        target = parse_target(url, private=self._private)
        addresses = resolve_target(target, private=self._private, seconds=deadline.left(), resolve=self._resolve)
        with (
            _connected(target, addresses, deadline) as plain,
            self._wrapped(plain, target, deadline) as sock,
            _cut_at(sock, deadline) as cut,
        ):
            try:
                response = _exchange(sock, target, headers, body)
            except (OSError, HTTPException):
                if cut.is_set():
                    raise TimeoutError from None
                raise
            # Headers that were cut off look complete.
            if cut.is_set():
                raise TimeoutError
            return _result(response)

    @contextmanager
    def _wrapped(self, plain: socket.socket, target: WebhookTarget, deadline: Deadline) -> Iterator[socket.socket]:
        """Yield the connection, with TLS for the name in the URL when its scheme is https."""
        if not target.tls:
            yield plain
            return
        plain.settimeout(deadline.left())
        with self._tls.wrap_socket(plain, server_hostname=target.host) as sock:
            yield sock


def trusted_tls_context() -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, or those of SSL_CERT_FILE, and Mozilla's."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


@contextmanager
def _connected(target: WebhookTarget, addresses: Sequence[str], deadline: Deadline) -> Iterator[socket.socket]:
    """Yield a connection to the first of *addresses* that accepts one."""
    tried = addresses[:TRIED]
    for number, address in enumerate(tried, start=1):
        share = deadline.left() / (len(tried) - number + 1)
        try:
            plain = socket.create_connection((address, target.port), timeout=share)
        except OSError:
            if number == len(tried):
                raise
            continue
        with plain:
            yield plain
        return


@contextmanager
def _cut_at(sock: socket.socket, deadline: Deadline) -> Iterator[Event]:
    """Shut the connection down at the deadline and set the event, also for a webhook that responds byte by byte."""
    cut = Event()

    def end() -> None:
        cut.set()
        # The method of the plain socket: that of the TLS socket would continue in clear text.
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(deadline.left(), end)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()


class _BoundedStream(io.RawIOBase):
    """The bytes of a connection up to MAX_RESPONSE_BYTES; more are an error."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._left = MAX_RESPONSE_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            raise ResponseTooLong
        count = self._sock.recv_into(buffer, min(len(buffer), self._left))
        self._left -= count
        return count


class _OneStream:
    """A connection from which all responses are read through one stream, so that none loses the bytes of the next."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._stream = io.BufferedReader(_BoundedStream(sock))

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _: str) -> Any:
        return self._stream

    def close(self) -> None:
        """Leave the connection to its owner."""


def _exchange(sock: socket.socket, target: WebhookTarget, headers: Mapping[str, str], body: bytes) -> HTTPResponse:
    """Send *body* and return the final response; its body stays unread."""
    stream: Any = _OneStream(sock)
    connection = HTTPConnection(target.host)
    connection.sock = stream
    sock.settimeout(None)  # _cut_at enforces the deadline
    connection.request("POST", target.path, body=body, headers={"Host": target.authority, **HEADERS, **headers})
    responses: list[HTTPResponse] = []  # one that is not referenced any more would close the stream
    while not responses or responses[-1].status in INTERIM:
        responses.append(HTTPResponse(stream, method="POST"))
        responses[-1].begin()
    return responses[-1]


def _result(response: HTTPResponse) -> AttemptResult:
    status = response.status
    succeeded = 200 <= status < 300  # noqa: PLR2004  the statuses of success
    return AttemptResult(
        status=status,
        error=None if succeeded else f"It answered {status}.",
        retry_after_s=parse_retry_after(response.getheader("Retry-After"), date=response.getheader("Date")) or 0.0,
    )


def _reason(error: ssl.SSLError) -> str:
    """Return why TLS failed, without any text of the other side."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted ({error.verify_message})"
    return error.reason or type(error).__name__
