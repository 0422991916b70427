"""One request to one webhook: to the very address that was checked, with TLS for its name, within its time."""

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


def bring(url: str, *, resolve: Callable[[str, int], Sequence[str]] | None = None, **own: object) -> AttemptResult:
    """Bring a body to *url* and return what became of it."""
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


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_looked_up_once(receiver: Receiver) -> None:
    asked: list[str] = []

    def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return LOOPBACK if len(asked) == 1 else ["10.255.255.1"]

    ending = bring(f"http://hooks.invalid:{port_of(receiver)}/hook", resolve=changing)

    assert ending.status == 204
    assert asked == ["hooks.invalid"]
    assert receiver.received[0].headers["host"] == f"hooks.invalid:{port_of(receiver)}"


def test_a_name_that_leads_inside_by_the_time_of_sending_is_not_called(receiver: Receiver) -> None:
    ending = bring(f"https://hooks.invalid:{port_of(receiver)}/", resolve=lambda *_: LOOPBACK, private=False)

    assert ending.status is None
    assert ending.error is not None
    assert ending.error.startswith("It was not sent: 'url' leads to no public address")
    assert receiver.received == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/"]
)
def test_an_address_of_ours_in_the_url_is_not_called(url: str) -> None:
    error = bring(url, private=False).error

    assert error is not None
    assert error.startswith("It was not sent: ")


def test_no_proxy_of_the_environment_is_heeded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert bring(receiver.url).status == 204


def test_another_address_of_the_name_is_tried_when_the_first_takes_no_connection(receiver: Receiver) -> None:
    # Nobody listens there: the receiver has that port on one address alone.
    addresses = ["127.0.0.2", *LOOPBACK]

    assert bring(f"http://hooks.invalid:{port_of(receiver)}/", resolve=lambda *_: addresses).status == 204


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority of the test's own."""
    return trustme.CA()


@contextmanager
def with_tls(authority: trustme.CA, name: str) -> Iterator[tuple[Receiver, list[str | None]]]:
    """Lend a receiver with a certificate for *name*, and the names that it is asked for."""
    asked: list[str | None] = []
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(server)
    server.sni_callback = lambda _socket, asked_for, _context: asked.append(asked_for)  # type: ignore[assignment]
    with receiving(server) as receiver:
        yield receiver, asked


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a client's context that trusts *authority* alone."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    assert context.check_hostname
    return context


def test_tls_is_for_the_name_although_the_connection_is_to_an_address(authority: trustme.CA) -> None:
    with with_tls(authority, "hooks.example") as (receiver, asked):
        url = f"https://hooks.example:{port_of(receiver)}/hook"
        ending = bring(url, resolve=lambda *_: LOOPBACK, tls=trusting(authority))

    assert (ending.status, ending.error) == (204, None)
    assert asked == ["hooks.example"]


def test_a_certificate_for_another_name_is_not_accepted(authority: trustme.CA) -> None:
    with with_tls(authority, "other.example") as (receiver, _):
        url = f"https://hooks.example:{port_of(receiver)}/hook"
        ending = bring(url, resolve=lambda *_: LOOPBACK, tls=trusting(authority))

    assert ending.error is not None
    assert ending.error.startswith("TLS failed: the certificate was not accepted")
    assert receiver.received == []


def test_a_certificate_of_an_unknown_authority_is_not_accepted(authority: trustme.CA) -> None:
    with with_tls(authority, "hooks.example") as (receiver, _):
        ending = bring(f"https://hooks.example:{port_of(receiver)}/", resolve=lambda *_: LOOPBACK)

    assert ending.error is not None
    assert ending.error.startswith("TLS failed: the certificate was not accepted")


def test_the_error_of_a_server_without_tls_is_its_own(receiver: Receiver) -> None:
    error = bring(receiver.url.replace("http:", "https:")).error

    assert error is not None
    assert error.startswith("TLS failed: ")


@contextmanager
def dripping(text: bytes) -> Iterator[str]:
    """Lend the URL of a server that answers *text* byte by byte, for ever."""
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
def test_an_answer_byte_by_byte_is_cut_off_when_its_time_is_up(text: bytes) -> None:
    with dripping(text) as url:
        ending = bring(url, timeout_s=0.4)

    assert ending.error == "There was no answer within 0.4 s."


def test_a_body_that_never_ends_is_not_read() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n") as url:
        assert bring(url).status == 200


def test_what_speaks_no_http_is_a_failure_that_quotes_nothing() -> None:
    with dripping(b"-ERR secret of another service\r\n\r\n") as url:
        error = bring(url).error

    assert error == "The connection failed (BadStatusLine)."


def test_a_port_on_which_nobody_listens_is_a_failure(receiver: Receiver) -> None:
    url = f"http://127.0.0.2:{port_of(receiver)}/"

    assert bring(url).error == "The connection failed (ConnectionRefusedError)."


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("soon", 0), ("-5", 0), ("", 0), ("9" * 30, LONGEST_S)])
def test_how_long_a_webhook_wants_to_be_left_alone_is_read(receiver: Receiver, text: str, seconds: float) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": text})

    assert bring(receiver.url).retry_after_s == seconds


def test_it_is_read_as_a_date_too(receiver: Receiver) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    receiver.answer = lambda _: (503, {"Retry-After": format_datetime(at, usegmt=True)})

    assert 3500 < bring(receiver.url).retry_after_s <= 3600


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_date_is_by_the_clock_of_the_webhook(receiver: Receiver, hours: int) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    again = format_datetime(at + timedelta(seconds=6), usegmt=True)
    receiver.answer = lambda _: (503, {"Date": format_datetime(at, usegmt=True), "Retry-After": again})

    assert bring(receiver.url).retry_after_s == 6
