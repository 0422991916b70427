"""One request to one webhook: to the checked address, with TLS for the name of the host, within the timeout."""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread

import pytest
import trustme

from app.webhooks.deliveries import AttemptResult
from schemas.retry_after import LONGEST_S
from tests.support.receiver import Receiver, receiving
from workers.sender.webhook_client import WebhookClient

BODY = b'{"type":"webhook.test"}'
LOOPBACK = ["127.0.0.1"]


def post(url: str, *, resolve: Callable[[str, int], Sequence[str]] | None = None, **own: object) -> AttemptResult:
    """Post a body to *url* and return the result of the attempt."""
    whole = {"timeout_s": 5.0, "private": True, **({} if resolve is None else {"resolve": resolve}), **own}
    return WebhookClient(**whole).post(url, headers={"webhook-id": "7"}, body=BODY)  # type: ignore[arg-type]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver without TLS."""
    with receiving() as receiver:
        yield receiver


def port_of(receiver: Receiver) -> int:
    """Return the port of *receiver*."""
    return int(receiver.url.rpartition(":")[2])


def test_the_name_is_resolved_once_and_the_client_connects_to_the_checked_address(receiver: Receiver) -> None:
    lookups: list[str] = []

    def changing(host: str, port: int) -> Sequence[str]:
        lookups.append(host)
        return LOOPBACK if len(lookups) == 1 else ["10.255.255.1"]

    result = post(f"http://hooks.invalid:{port_of(receiver)}/hook", resolve=changing)

    assert result.status == 204
    assert lookups == ["hooks.invalid"]
    assert receiver.received[0].headers["host"] == f"hooks.invalid:{port_of(receiver)}"


def test_a_name_that_resolves_to_a_private_address_is_not_called(receiver: Receiver) -> None:
    result = post(f"https://hooks.invalid:{port_of(receiver)}/", resolve=lambda *_: LOOPBACK, private=False)

    assert result.status is None
    assert result.error is not None
    assert result.error.startswith("It was not sent: 'url' leads to no public address")
    assert receiver.received == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/"]
)
def test_a_private_address_in_the_url_is_not_called(url: str) -> None:
    error = post(url, private=False).error

    assert error is not None
    assert error.startswith("It was not sent: ")


def test_proxies_of_the_environment_are_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert post(receiver.url).status == 204


def test_the_next_address_of_a_name_is_tried_if_the_first_refuses_the_connection(receiver: Receiver) -> None:
    # No process listens on 127.0.0.2: the receiver has that port on 127.0.0.1 only.
    addresses = ["127.0.0.2", *LOOPBACK]

    assert post(f"http://hooks.invalid:{port_of(receiver)}/", resolve=lambda *_: addresses).status == 204


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of the tests."""
    return trustme.CA()


@contextmanager
def with_tls(authority: trustme.CA, name: str) -> Iterator[tuple[Receiver, list[str | None]]]:
    """Yield a receiver with a certificate for *name*, and the list of the server names that clients request."""
    server_names: list[str | None] = []
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(server)
    server.sni_callback = lambda _socket, server_name, _context: server_names.append(server_name)  # type: ignore[assignment]
    with receiving(server) as receiver:
        yield receiver, server_names


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a client context that trusts only *authority*."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    assert context.check_hostname
    return context


def test_tls_verifies_the_name_although_the_connection_is_to_an_address(authority: trustme.CA) -> None:
    with with_tls(authority, "hooks.example") as (receiver, server_names):
        url = f"https://hooks.example:{port_of(receiver)}/hook"
        result = post(url, resolve=lambda *_: LOOPBACK, tls=trusting(authority))

    assert (result.status, result.error) == (204, None)
    assert server_names == ["hooks.example"]


def test_a_certificate_for_another_name_is_not_accepted(authority: trustme.CA) -> None:
    with with_tls(authority, "other.example") as (receiver, _):
        url = f"https://hooks.example:{port_of(receiver)}/hook"
        result = post(url, resolve=lambda *_: LOOPBACK, tls=trusting(authority))

    assert result.error is not None
    assert result.error.startswith("TLS failed: the certificate was not accepted")
    assert receiver.received == []


def test_a_certificate_of_an_unknown_authority_is_not_accepted(authority: trustme.CA) -> None:
    with with_tls(authority, "hooks.example") as (receiver, _):
        result = post(f"https://hooks.example:{port_of(receiver)}/", resolve=lambda *_: LOOPBACK)

    assert result.error is not None
    assert result.error.startswith("TLS failed: the certificate was not accepted")


def test_a_server_without_tls_gets_a_tls_error(receiver: Receiver) -> None:
    error = post(receiver.url.replace("http:", "https:")).error

    assert error is not None
    assert error.startswith("TLS failed: ")


@contextmanager
def dripping(text: bytes) -> Iterator[str]:
    """Yield the URL of a server that sends *text* and then single bytes without an end."""
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        taken, _ = server.accept()
        with taken:
            try:
                taken.sendall(text)
                while True:
                    taken.settimeout(0.05)
                    try:
                        if not taken.recv(65_536):
                            return
                    except TimeoutError:
                        taken.sendall(b"x")
            except OSError:
                return

    thread = Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        server.close()
        thread.join(10)


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nX-Endless: "])
def test_a_response_that_arrives_byte_by_byte_is_cut_off_at_the_timeout(text: bytes) -> None:
    with dripping(text) as url:
        result = post(url, timeout_s=0.4)

    assert result.error == "There was no answer within 0.4 s."


def test_a_body_that_never_ends_is_not_read() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n") as url:
        assert post(url).status == 200


def test_a_response_that_is_not_http_is_a_failure_that_quotes_nothing() -> None:
    with dripping(b"-ERR secret of another service\r\n\r\n") as url:
        error = post(url).error

    assert error == "The connection failed (BadStatusLine)."


def test_a_closed_port_is_a_failure(receiver: Receiver) -> None:
    url = f"http://127.0.0.2:{port_of(receiver)}/"

    assert post(url).error == "The connection failed (ConnectionRefusedError)."


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("soon", 0), ("-5", 0), ("", 0), ("9" * 30, LONGEST_S)])
def test_retry_after_is_read_as_a_number_of_seconds(receiver: Receiver, text: str, seconds: float) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": text})

    assert post(receiver.url).retry_after_s == seconds


def test_retry_after_is_read_as_a_date(receiver: Receiver) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    receiver.answer = lambda _: (503, {"Retry-After": format_datetime(at, usegmt=True)})

    assert 3500 < post(receiver.url).retry_after_s <= 3600


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_date_in_retry_after_is_relative_to_the_clock_of_the_webhook(receiver: Receiver, hours: int) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    again = format_datetime(at + timedelta(seconds=6), usegmt=True)
    receiver.answer = lambda _: (503, {"Date": format_datetime(at, usegmt=True), "Retry-After": again})

    assert post(receiver.url).retry_after_s == 6
