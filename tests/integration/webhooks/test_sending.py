"""The rounds of the sender: a webhook that answers quickly gets its next notices without a pause."""

from collections.abc import Callable

import pytest

from tests.integration.webhooks.telling import Notifier, a_webhook
from tests.support.front_door import Caller
from tests.support.receiver import Receiver
from workers.sender import sending

NOTICES = 12


def test_the_next_notices_are_sent_as_soon_as_the_webhook_has_answered(
    make_caller: Callable[..., Caller],
    make_notifier: Callable[..., Notifier],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However slow this machine is.
    monkeypatch.setattr(sending, "ANSWER_S", 60.0)
    caller, sender = make_caller(), make_notifier().sender
    webhook = a_webhook(caller, receiver)
    for _ in range(NOTICES):
        caller.post(f"/webhooks/{webhook['webhook_id']}/test", {})

    # A loop of the sender makes a pause as soon as this is 0.
    while sender.run_once() or sender.await_answer():
        pass

    assert len(receiver.received) == NOTICES


def test_a_webhook_that_does_not_answer_is_waited_for_only_a_moment(
    make_caller: Callable[..., Caller], make_notifier: Callable[..., Notifier], receiver: Receiver
) -> None:
    caller, sender = make_caller(), make_notifier(webhook_timeout_s=30).sender
    receiver.answer = lambda _: None
    webhook = a_webhook(caller, receiver)
    caller.post(f"/webhooks/{webhook['webhook_id']}/test", {})

    begun = sender.run_once()

    assert (begun, sender.await_answer(), sender.run_once()) == (1, 0, 0)
