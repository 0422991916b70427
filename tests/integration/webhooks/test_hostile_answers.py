"""Each response of a receiver, valid or not, is one attempt and does not delay notices of other workspaces."""

from collections.abc import Callable
from random import Random
from time import monotonic
from typing import Any

import pytest

from app.webhooks.deliveries import AttemptResult
from tests.integration.webhooks.notices import Notifier, a_webhook, notices_of
from tests.support.flask_caller import Caller
from tests.support.hostile_answers import OK, Answer, answering, hostile_answers
from tests.support.receiver import Receiver
from workers.sender.sending import DeliverySender
from workers.sender.webhook_client import WebhookClient

SEED = 17
ANSWERS = 120
WEBHOOKS = 4
TIMEOUT_S = 0.5


def test_each_response_is_one_attempt_and_does_not_delay_another_workspace(
    make_caller: Callable[..., Caller], make_notifier: Callable[..., Notifier], receiver: Receiver
) -> None:
    hostile, stranger = make_caller(), make_caller()
    notifier = make_notifier(webhook_retries_s=(), webhook_timeout_s=TIMEOUT_S, webhook_threads=8)
    with answering(hostile_answers(Random(SEED), ANSWERS)) as hostile_receiver:
        urls = [hostile_receiver.url + str(number) for number in range(WEBHOOKS)]
        webhooks = [hostile.post("/webhooks", {"url": url}).json for url in urls]
        for number in range(ANSWERS):
            hostile.post(f"/webhooks/{webhooks[number % WEBHOOKS]['webhook_id']}/test", {})
        notifier.until(lambda: hostile_receiver.requests)
        own = a_webhook(stranger, receiver)
        began = monotonic()
        stranger.post(f"/webhooks/{own['webhook_id']}/test", {})
        notifier.until(lambda: receiver.received, what="the stranger's notice")
        waited = monotonic() - began
        notices: list[dict[str, Any]] = notifier.until(
            lambda: all_ended(hostile, webhooks), what="every attempt to end"
        )

    assert hostile_receiver.requests == ANSWERS
    assert [each["attempts"] for each in notices] == [1] * ANSWERS
    assert {each["state"] for each in notices} == {"sent", "dead"}
    assert all((each["last_error"] is None) == (each["state"] == "sent") for each in notices)
    assert not [each for each in notices if "sender failed" in (each["last_error"] or "")]
    assert waited < 5


def all_ended(caller: Caller, webhooks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the notices of *webhooks*, or an empty list while a notice waits."""
    found = [notice for each in webhooks for notice in notices_of(caller, each, limit=100)]
    return found if not any(each["state"] == "waiting" for each in found) else []


def result_of(answer: Answer, *, timeout_s: float = 5.0) -> AttemptResult:
    """Return the result of an attempt whose response is *answer*."""
    with answering([answer]) as receiver:
        return WebhookClient(timeout_s=timeout_s, private=True).post(receiver.url, headers={}, body=b"{}")


@pytest.mark.parametrize("interim", [100, 102, 103, 199])
def test_interim_responses_are_ignored(interim: int) -> None:
    text = b"HTTP/1.1 %d x\r\nX: y\r\n\r\n" % interim

    assert result_of(Answer(text * 3 + OK + b"\r\n", end="silence")).status == 200


@pytest.mark.parametrize(
    "answer",
    [
        Answer(repeated=b"HTTP/1.1 100 Continue\r\n\r\n"),
        Answer(repeated=b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"),
        Answer(OK, repeated=b"X: " + b"y" * 1_000 + b"\r\n"),
    ],
)
def test_endless_headers_and_interim_responses_are_refused_before_the_timeout(answer: Answer) -> None:
    result = result_of(answer)

    assert result.error in ("The connection failed (ResponseTooLong).", "The connection failed (HTTPException).")


def test_a_result_that_cannot_be_stored_is_a_failure_and_others_are_stored(
    make_caller: Callable[..., Caller], make_notifier: Callable[..., Notifier], receiver: Receiver
) -> None:
    class Client(WebhookClient):
        def post(self, url: str, **request: Any) -> AttemptResult:
            result = super().post(url, **request)
            return AttemptResult(status=10**9) if url.endswith("/bad") else result

    caller = make_caller()
    notifier = make_notifier(Client(timeout_s=5, private=True), webhook_retries_s=())
    webhooks = [a_webhook(caller, receiver, path) for path in ("/bad", "/good")]
    for each in webhooks:
        caller.post(f"/webhooks/{each['webhook_id']}/test", {})
    bad, good = notifier.until(lambda: all_ended(caller, webhooks))

    assert (bad["state"], bad["attempts"]) == ("dead", 1)
    assert bad["last_error"].startswith("The sender failed (")
    assert (good["state"], good["last_status"]) == ("sent", 204)


def test_the_threads_of_a_workspace_are_limited_by_the_setting(
    make_caller: Callable[..., Caller], make_notifier: Callable[..., Notifier], receiver: Receiver
) -> None:
    caller = make_caller()
    receiver.answer = lambda _: None
    notifier = make_notifier(webhook_threads=8, webhook_workspace_threads=3, webhook_timeout_s=30)
    for path in ("/a", "/b"):
        webhook = a_webhook(caller, receiver, path)
        for _ in range(4):
            caller.post(f"/webhooks/{webhook['webhook_id']}/test", {})
    notifier.until(lambda: len(receiver.received) == 3, what="three requests")
    leased = sum(lease_again(notifier.sender) for _ in range(3))

    assert (leased, len(receiver.received)) == (0, 3)


def lease_again(sender: DeliverySender) -> int:
    """Return the number of deliveries that a further round leases."""
    return sender.run_once()
