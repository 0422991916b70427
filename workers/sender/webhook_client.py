"""The courier: one request to one webhook, over a connection to the very address that was found fit.

A name is looked up once for each attempt, all its addresses are checked, and the connection goes to one of those: a
second look-up, as any HTTP client makes it, could tell another address. No redirect is followed, no proxy is heeded,
and nothing of the answer is read but its status and its headers.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Timer
from time import monotonic

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from app.errors import Rejected
from app.webhooks.addresses import Resolve, look_up
from app.webhooks.deliveries import Ending
from app.webhooks.targets import Target, addresses_of, target_of
from schemas.retry_after import parse_retry_after

HEADERS = {"Content-Type": "application/json", "User-Agent": "Mergelane", "Connection": "close"}
#: Addresses of one name that are tried, and seconds of which at least one of them is given.
TRIED = 4


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an attempt is over, whatever it waits for."""

    at: float

    def left(self) -> float:
        """Return the seconds that are left; raise TimeoutError when there are none."""
        left = self.at - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Courier:
    """Takes bodies to webhooks; where *private* networks are allowed, to those too."""

    def __init__(
        self,
        *,
        timeout_s: float,
        private: bool = False,
        resolve: Resolve = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Give a webhook *timeout_s* seconds in all; *tls* knows whose certificates are trusted."""
        self._timeout_s = timeout_s
        self._private = private
        self._resolve = resolve
        self._tls = trusting() if tls is None else tls

    def bring(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Ending:
        """Return what became of the attempt to post *body* to *url*; nothing that goes wrong on the way is raised."""
        at = datetime.now(UTC)
        try:
            ending = self._post(url, headers, body)
        except Rejected as error:
            return Ending(at=at, error=f"It was not sent: {error}.")
        except TimeoutError:
            return Ending(at=at, error=f"There was no answer within {self._timeout_s:g} s.")
        except ssl.SSLError as error:
            return Ending(at=at, error=f"TLS failed: {_reason(error)}.")
        except (OSError, HTTPException) as error:
            return Ending(at=at, error=f"The connection failed ({type(error).__name__}).")
        return replace(ending, at=at)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Ending:
        """Return what was answered."""
        deadline = Deadline(monotonic() + self._timeout_s)
        target = target_of(url, private=self._private)
        addresses = addresses_of(target, private=self._private, seconds=deadline.left(), resolve=self._resolve)
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
            # Headers that were cut off read like some that ended.
            if cut.is_set():
                raise TimeoutError
            return _ending(response)

    @contextmanager
    def _wrapped(self, plain: socket.socket, target: Target, deadline: Deadline) -> Iterator[socket.socket]:
        """Lend the connection as the URL wants it: with TLS, for the name in the URL, or as it is."""
        if not target.tls:
            yield plain
            return
        plain.settimeout(deadline.left())
        with self._tls.wrap_socket(plain, server_hostname=target.host) as sock:
            yield sock


def trusting() -> ssl.SSLContext:
    """Return how certificates are checked: by the system's authorities, or those of SSL_CERT_FILE, and by Mozilla's."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


@contextmanager
def _connected(target: Target, addresses: Sequence[str], deadline: Deadline) -> Iterator[socket.socket]:
    """Lend a connection to the first of *addresses* that takes one."""
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
    """Cut the connection at the deadline, and set the event: whoever answers byte by byte is not waited for either."""
    cut = Event()

    def end() -> None:
        cut.set()
        # The socket's own method, and not that of TLS, which would go on in clear.
        with suppress(OSError):  # closed meanwhile
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(deadline.left(), end)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()


def _exchange(sock: socket.socket, target: Target, headers: Mapping[str, str], body: bytes) -> HTTPResponse:
    """Return the answer to *body*; its own body is left unread."""
    connection = HTTPConnection(target.host)
    connection.sock = sock
    sock.settimeout(None)  # the deadline is kept by cutting
    connection.request("POST", target.path, body=body, headers={"Host": target.authority, **HEADERS, **headers})
    return connection.getresponse()


def _ending(response: HTTPResponse) -> Ending:
    """Return what *response* says of the attempt."""
    status = response.status
    succeeded = 200 <= status < 300  # noqa: PLR2004  the statuses of success
    return Ending(
        at=datetime.now(UTC),
        status=status,
        error=None if succeeded else f"It answered {status}.",
        retry_after_s=parse_retry_after(response.getheader("Retry-After")) or 0.0,
    )


def _reason(error: ssl.SSLError) -> str:
    """Return why TLS failed, without quoting the other side."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted ({error.verify_message})"
    return error.reason or type(error).__name__
