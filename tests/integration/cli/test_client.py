"""The client asks again as long as it may, and knows whether a request may have counted."""

import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from time import monotonic, time

import pytest

from cli.client import Client, Refused, Unanswered, accepted, retry_after
from tests.support.processes import free_port
from tests.support.stage import Answer, Stage

HANG_UP: Answer = (0, {}, b"")
BUSY: Answer = (429, {"Retry-After": "0"}, b'{"message": "Too many."}')
AWAY: Answer = (503, {"Retry-After": "0"}, b'{"message": "PostgreSQL is away."}')
FAILED: Answer = (500, {}, b'{"message": "Failed."}')
FINE: Answer = (200, {}, b'{"message": "success"}')


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """A function that makes a client of a URL, with a patience of ten seconds unless told otherwise."""
    clients: list[Client] = []

    def make(url: str, *, patience_s: float = 10.0, **options: object) -> Client:
        clients.append(Client(url, "a-key", patience_s=patience_s, **options))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def test_a_busy_or_absent_mergelane_is_asked_again_and_told_of_once(
    stage: Callable[..., Stage], client: Callable[..., Client]
) -> None:
    told: list[str] = []
    there = stage(BUSY, AWAY, HANG_UP, FINE)
    answer = client(there.url, tell=told.append).ask("POST", "/x", body={})

    assert (answer.status, answer.body, answer.attempts) == (200, {"message": "success"}, 4)
    assert there.asked == [("POST", "/x", "Bearer a-key")] * 4
    assert told == [f"{there.url} answered 429: Too many.; trying again."]


def test_being_told_to_come_back_later_does_not_wear_out_patience(
    stage: Callable[..., Stage], client: Callable[..., Client]
) -> None:
    assert client(stage(BUSY, BUSY, FINE).url, patience_s=0).ask("GET", "/x").status == 200
    with pytest.raises(Unanswered, match="answered 503: PostgreSQL is away"):
        client(stage(AWAY).url, patience_s=0).ask("GET", "/x")


@pytest.mark.parametrize("answer", [HANG_UP, FAILED])
def test_what_may_have_counted_and_must_not_count_twice_is_not_sent_again(
    stage: Callable[..., Stage], client: Callable[..., Client], answer: Answer
) -> None:
    there = stage(AWAY, BUSY, answer)
    with pytest.raises(Unanswered) as caught:
        client(there.url).ask("POST", "/x", body={}, repeatable=False)

    assert caught.value.maybe_done
    assert len(there.asked) == 3


def test_where_nobody_listens_nothing_can_have_counted(client: Callable[..., Client]) -> None:
    for url in (f"http://127.0.0.1:{free_port()}", "http://nowhere.invalid"):
        with pytest.raises(Unanswered, match="does not answer") as caught:
            client(url, patience_s=0).ask("POST", "/x", body={})

        assert not caught.value.maybe_done


def test_a_wait_ends_when_everything_is_to_stop(stage: Callable[..., Stage], client: Callable[..., Client]) -> None:
    stop = threading.Event()
    there = stage((429, {"Retry-After": "600"}, b""))
    begun = monotonic()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Unanswered):
        client(there.url, stop=stop).ask("GET", "/x")

    assert monotonic() - begun < 60


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, {}, b'{"message": "Invalid API key"}'), "Invalid API key Give a key that opens a workspace"),
        ((403, {}, b'{"message": "Access Denied"}'), "Access Denied The key has not the permission"),
        ((404, {}, b"<html>"), "it may not be Mergelane that answers there"),
        ((301, {"Location": "http://nowhere.invalid/"}, b""), "Mergelane answered 301"),
    ],
)
def test_a_refusal_is_told_with_its_reason(
    stage: Callable[..., Stage], client: Callable[..., Client], answer: Answer, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        accepted(client(stage(answer).url).ask("GET", "/x"), 200)


def test_a_url_that_is_none_is_told(client: Callable[..., Client]) -> None:
    with pytest.raises(Refused, match="correct the URL"):
        client("http://[").ask("GET", "/x")


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    in_a_minute = retry_after({"Retry-After": formatdate(time() + 60, usegmt=True)})

    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60
    assert retry_after({"Retry-After": "7"}) == 7
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None


CUT: Answer = (200, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n")


def test_a_long_answer_comes_in_pieces_and_one_that_is_cut_off_is_no_answer(
    stage: Callable[..., Stage], client: Callable[..., Client]
) -> None:
    there = stage((200, {}, b"all of it"), CUT, (403, {}, b'{"message": "Access Denied"}'))
    asking = client(there.url)
    cut = asking.stream("/x", a=None, b=1)

    assert b"".join(asking.stream("/x")) == b"all of it"
    assert next(cut) == b"hello"
    with pytest.raises(Unanswered, match="broke off; ask again"):
        next(cut)
    with pytest.raises(Refused, match="answered 403: Access Denied The key has not"):
        next(asking.stream("/x"))
    assert [path for _, path, _ in there.asked] == ["/x", "/x?b=1", "/x"]
