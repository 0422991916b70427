"""The receivers that docs/webhooks.md shows: they take what the sender sends, once, and nothing else."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.webhooks.secrets import signature_headers
from tests.integration.webhooks.telling import Notifier, a_merge, a_webhook
from tests.project.tree import text_of
from tests.support.front_door import Caller
from tests.support.receiver import Received, Receiver
from tests.support.worker import Worker

DOCUMENT = text_of("docs/webhooks.md")


def shown(name: str) -> Any:
    """Return the function *name* that the documentation shows, in a module of its own."""
    (code,) = [each for each in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if f"def {name}(" in each]
    module: dict[str, Any] = {}
    exec(compile(code, "docs/webhooks.md", "exec"), module)  # noqa: S102  the code that readers copy
    return module[name]


@pytest.fixture
def sent(caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier) -> tuple[Received, str]:
    """A request as the sender sends it, and the secret."""
    webhook = a_webhook(caller, receiver)
    a_merge(caller)
    worker.work()
    notifier.until(lambda: receiver.received)
    return receiver.received[0], webhook["secret"]


def test_the_receiver_of_the_documentation_takes_a_notice_once(
    sent: tuple[Received, str], capsys: pytest.CaptureFixture[str]
) -> None:
    request, secret = sent
    receive = shown("receive")
    answers = [receive(request.body, request.headers, secret) for _ in range(2)]
    printed = capsys.readouterr().out

    assert answers == [200, 200]
    assert printed == f"{request.content['data']['batch_id']} {{'orphan_not_found': 1}}\n"


def test_the_receiver_of_the_documentation_refuses_what_is_not_ours(sent: tuple[Received, str]) -> None:
    request, secret = sent
    receive, is_genuine = shown("receive"), shown("is_genuine")
    then, notice_id = datetime.now(UTC) - timedelta(minutes=10), UUID(request.notice_id)
    old = signature_headers(notice_id=notice_id, at=then, body=request.body, secrets=[secret])
    other_id = {**request.headers, "webhook-id": "another"}
    forged = [(request.body + b" ", request.headers), (request.body, old), (request.body, other_id)]

    assert is_genuine(request.body, request.headers, secret)
    assert [receive(body, headers, secret) for body, headers in forged] == [401] * 3
    assert [is_genuine(body, headers, secret) for body, headers in forged] == [False] * 3


def test_the_documentation_tells_every_member_of_a_notice(sent: tuple[Received, str]) -> None:
    request, _ = sent
    told = set(re.findall(r'"(\w+)":', DOCUMENT.partition("## The request")[2].partition("## Receive notices")[0]))

    assert request.content.keys() | request.content["data"].keys() <= told
    assert {name for name in request.headers if name.startswith("webhook-")} == set(
        re.findall(r"^(webhook-\w+):", DOCUMENT, re.MULTILINE)
    )
