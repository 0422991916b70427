"""The client repeats a request within its time limit, and reports whether the server may have carried it out."""

import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from time import monotonic, time

import pytest

from cli.client import Client, Refused, Response, Unanswered, require_status
from schemas.retry_after import LONGEST_S, parse_retry_after
from tests.support.processes import free_port
from tests.support.stage import Answer, Stage

HANG_UP: Answer = (0, {}, b"")
BUSY: Answer = (429, {"Retry-After": "0"}, b'{"message": "Too many."}')
AWAY: Answer = (503, {"Retry-After": "0"}, b'{"message": "PostgreSQL is away."}')
FAILED: Answer = (500, {}, b'{"message": "Failed."}')
FINE: Answer = (200, {}, b'{"message": "success"}')


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """A function that makes a client of a URL, with a time limit of ten seconds by default."""
    clients: list[Client] = []

    def make(url: str, *, patience_s: float = 10.0, **options: object) -> Client:
        clients.append(Client(url, "a-key", patience_s=patience_s, **options))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def test_requests_to_a_busy_or_absent_mergelane_are_repeated_and_logged_once(
    stage: Callable[..., Stage], client: Callable[..., Client]
) -> None:
    reports: list[str] = []
    there = stage(BUSY, AWAY, HANG_UP, FINE)
    answer = client(there.url, report=reports.append).request("POST", "/x", body={})

    assert (answer.status, answer.body, answer.attempts) == (200, {"message": "success"}, 4)
    assert there.asked == [("POST", "/x", "Bearer a-key")] * 4
    assert reports == [f"{there.url} answered 429: Too many. Retrying."]


def test_a_request_to_a_busy_mergelane_is_repeated_without_a_time_limit(
    stage: Callable[..., Stage], client: Callable[..., Client]
) -> None:
    assert client(stage(BUSY, BUSY, FINE).url, patience_s=0).request("GET", "/x").status == 200
    with pytest.raises(Unanswered, match="answered 503: PostgreSQL is away"):
        client(stage(AWAY).url, patience_s=0).request("GET", "/x")


@pytest.mark.parametrize("answer", [HANG_UP, FAILED])
def test_an_unrepeatable_request_that_may_be_done_is_not_sent_again(
    stage: Callable[..., Stage], client: Callable[..., Client], answer: Answer
) -> None:
    there = stage(AWAY, BUSY, answer)
    with pytest.raises(Unanswered) as caught:
        client(there.url).request("POST", "/x", body={}, repeatable=False)

    assert caught.value.maybe_done
    assert len(there.asked) == 3


def test_a_request_without_a_connection_is_certainly_not_done(client: Callable[..., Client]) -> None:
    for url in (f"http://127.0.0.1:{free_port()}", "http://nowhere.invalid"):
        with pytest.raises(Unanswered, match="does not respond") as caught:
            client(url, patience_s=0).request("POST", "/x", body={})

        assert not caught.value.maybe_done


def test_a_wait_ends_when_the_program_stops(stage: Callable[..., Stage], client: Callable[..., Client]) -> None:
    stop = threading.Event()
    there = stage((429, {"Retry-After": "9"}, b""))
    begun = monotonic()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Unanswered):
        client(there.url, stop=stop).request("GET", "/x")

    assert monotonic() - begun < 5


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, {}, b'{"message": "Invalid API key"}'), "Invalid API key. Set MERGELANE_API_KEY"),
        ((403, {}, b'{"message": "Access Denied"}'), "Access Denied. The API key lacks the permission"),
        ((404, {}, b"<html>"), "this URL may not be a Mergelane"),
        ((301, {"Location": "http://nowhere.invalid/"}, b""), "Mergelane answered 301"),
    ],
)
def test_a_refusal_is_printed_with_its_reason(
    stage: Callable[..., Stage], client: Callable[..., Client], answer: Answer, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        require_status(client(stage(answer).url).request("GET", "/x"), 200)


def test_an_invalid_url_is_printed_in_a_sentence(client: Callable[..., Client]) -> None:
    with pytest.raises(Refused, match="Check the URL"):
        client("http://[").request("GET", "/x")


@pytest.mark.parametrize(
    ("announced", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 400, LONGEST_S),
        ("Sun, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(announced: str | None, seconds: float | None) -> None:
    assert parse_retry_after(announced) == seconds


def test_a_date_in_retry_after_is_a_moment_in_utc() -> None:
    in_a_minute = parse_retry_after(formatdate(time() + 60, usegmt=True))

    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("announced", ["11", "600", "9" * 400, "Sun, 31 Dec 9999 23:59:59 GMT"])
def test_an_announced_wait_beyond_patience_ends_the_request(
    stage: Callable[..., Stage], client: Callable[..., Client], status: int, announced: str
) -> None:
    there = stage((status, {"Retry-After": announced}, b'{"message": "Not now."}'))
    begun = monotonic()
    with pytest.raises(Unanswered, match=rf"answered {status}: Not now\. It announces a wait of .* at most 10 s\."):
        client(there.url).request("GET", "/x")

    assert monotonic() - begun < 5


@pytest.mark.parametrize("announced", ["soon", "-1", ""])
def test_an_unreadable_announcement_is_ignored(
    stage: Callable[..., Stage], client: Callable[..., Client], announced: str
) -> None:
    there = stage((429, {"Retry-After": announced}, b"{}"), FINE)

    assert client(there.url).request("GET", "/x").status == 200


def test_waits_followed_by_progress_do_not_add_up(stage: Callable[..., Stage], client: Callable[..., Client]) -> None:
    wait: Answer = (503, {"Retry-After": "1"}, b'{"message": "Restarting."}')
    asking = client(stage(wait, FINE, wait, FINE).url, patience_s=1.5)

    assert [asking.request("GET", "/x").status for _ in range(2)] == [200, 200]


def test_waits_without_progress_add_up(stage: Callable[..., Stage], client: Callable[..., Client]) -> None:
    wait: Answer = (503, {"Retry-After": "1"}, b'{"message": "Restarting."}')
    there = stage(wait, wait, wait)
    with pytest.raises(Unanswered, match=r"It announces a wait of 1 s; this command waits at most 1\.5 s"):
        client(there.url, patience_s=1.5).request("GET", "/x")

    assert len(there.asked) == 2


def test_a_poll_waits_no_longer_than_a_minute_or_patience(client: Callable[..., Client]) -> None:
    stop = threading.Event()
    stop.set()
    response = Response(status=200, headers={"Retry-After": "70"}, body=None, attempts=1)
    client("http://127.0.0.1:1", patience_s=80.0, stop=stop).wait_to_poll(response)
    with pytest.raises(Unanswered, match="announces a wait of 70 s; this command waits at most 60 s"):
        client("http://127.0.0.1:1", stop=stop).wait_to_poll(response)


def test_polls_without_progress_add_up(client: Callable[..., Client]) -> None:
    stop = threading.Event()
    stop.set()
    response = Response(status=409, headers={"Retry-After": "5"}, body=None, attempts=1)
    asking = client("http://127.0.0.1:1", patience_s=80.0, stop=stop)
    asking.wait_to_poll(response, waited_s=74.0)
    with pytest.raises(Unanswered, match="announces a wait of 5 s; this command waits at most 80 s"):
        asking.wait_to_poll(response, waited_s=76.0)


CUT: Answer = (200, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n")


def test_a_long_response_is_streamed_and_a_truncated_one_raises(
    stage: Callable[..., Stage], client: Callable[..., Client]
) -> None:
    there = stage((200, {}, b"all of it"), CUT, (403, {}, b'{"message": "Access Denied"}'))
    asking = client(there.url)
    cut = asking.stream("/x", a=None, b=1)

    assert b"".join(asking.stream("/x")) == b"all of it"
    assert next(cut) == b"hello"
    with pytest.raises(Unanswered, match="broke inside the response"):
        next(cut)
    with pytest.raises(Refused, match=r"answered 403: Access Denied. The API key lacks"):
        next(asking.stream("/x"))
    assert [path for _, path, _ in there.asked] == ["/x", "/x?b=1", "/x"]
