"""The rounds of the sender: a webhook that responds quickly gets its next notices without a pause."""

from collections.abc import Callable

import pytest

from tests.integration.webhooks.notices import Notifier, a_webhook
from tests.support.flask_caller import Caller
from tests.support.receiver import Receiver
from workers.sender import sending

NOTICES = 12


def test_the_next_notices_are_sent_as_soon_as_the_webhook_responds(
    make_caller: Callable[..., Caller],
    make_notifier: Callable[..., Notifier],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The test must not depend on the speed of the machine.
    monkeypatch.setattr(sending, "ANSWER_S", 60.0)
    caller, sender = make_caller(), make_notifier().sender
    webhook = a_webhook(caller, receiver)
    for _ in range(NOTICES):
        caller.post(f"/webhooks/{webhook['webhook_id']}/test", {})

    # The loop of the sender pauses when both return 0.
    while sender.run_once() or sender.await_answer():
        pass

    assert len(receiver.received) == NOTICES


def test_the_sender_waits_only_briefly_for_a_webhook_without_a_response(
    make_caller: Callable[..., Caller], make_notifier: Callable[..., Notifier], receiver: Receiver
) -> None:
    caller, sender = make_caller(), make_notifier(webhook_timeout_s=30).sender
    receiver.answer = lambda _: None
    webhook = a_webhook(caller, receiver)
    caller.post(f"/webhooks/{webhook['webhook_id']}/test", {})

    begun = sender.run_once()

    assert (begun, sender.await_answer(), sender.run_once()) == (1, 0, 0)
