"""The receivers in docs/webhooks.md accept each notice of the sender once and refuse all other requests."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.webhooks.secrets import signature_headers
from tests.integration.webhooks.notices import Notifier, a_merge, a_webhook
from tests.project.tree import text_of
from tests.support.flask_caller import Caller
from tests.support.missing import missing
from tests.support.receiver import Received, Receiver
from tests.support.worker import Worker

DOCUMENT = text_of("docs/webhooks.md")
OTHER_SECRET = "whsec_" + "B" * 43 + "="
#: The commands that run code of each language, and the code that passes requests from standard input to the receiver.
RUNNERS = {"javascript": ["node", "-e"], "php": ["php", "-r"]}
MAIN = {
    "javascript": """
const given = JSON.parse(require("node:fs").readFileSync(0));
const verdicts = given.requests.map((each) => isGenuine(Buffer.from(each.body), each.headers, given.secret));
console.log(JSON.stringify(verdicts));
""",
    "php": """
$given = json_decode(file_get_contents("php://stdin"), true);
$verdicts = array_map(fn($each) => is_genuine($each["body"], $each["headers"], $given["secret"]), $given["requests"]);
echo json_encode($verdicts);
""",
}


def documented(name: str) -> Any:
    """Return the function *name* of the documentation, from a separate module."""
    (code,) = [each for each in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if f"def {name}(" in each]
    module: dict[str, Any] = {}
    exec(compile(code, "docs/webhooks.md", "exec"), module)  # noqa: S102  the code that readers copy
    return module[name]


@pytest.fixture
def sent(caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier) -> tuple[Received, str]:
    """A request of the sender, and the secret."""
    webhook = a_webhook(caller, receiver)
    a_merge(caller)
    worker.work()
    notifier.until(lambda: receiver.received)
    return receiver.received[0], webhook["secret"]


def test_the_documented_receiver_processes_a_notice_once(
    sent: tuple[Received, str], capsys: pytest.CaptureFixture[str]
) -> None:
    request, secret = sent
    receive = documented("receive")
    answers = [receive(request.body, request.headers, secret) for _ in range(2)]
    printed = capsys.readouterr().out

    assert answers == [200, 200]
    assert printed == f"{request.content['data']['batch_id']} {{'orphan_not_found': 1}}\n"


def test_the_documented_receiver_refuses_forged_and_old_requests(sent: tuple[Received, str]) -> None:
    request, secret = sent
    receive, is_genuine = documented("receive"), documented("is_genuine")
    then, notice_id = datetime.now(UTC) - timedelta(minutes=10), UUID(request.notice_id)
    old = signature_headers(notice_id=notice_id, at=then, body=request.body, secrets=[secret])
    other_id = {**request.headers, "webhook-id": "another"}
    forged = [(request.body + b" ", request.headers), (request.body, old), (request.body, other_id)]

    assert is_genuine(request.body, request.headers, secret)
    assert [receive(body, headers, secret) for body, headers in forged] == [401] * 3
    assert [is_genuine(body, headers, secret) for body, headers in forged] == [False] * 3


def forgeries(request: Received, secret: str) -> list[tuple[bytes, dict[str, str]]]:
    """Return bodies and headers that a receiver must refuse."""
    notice_id, now, week = UUID(request.notice_id), datetime.now(UTC), timedelta(days=7)
    signed = partial(signature_headers, notice_id=notice_id, body=request.body)
    headers = dict(request.headers)
    without_signature = {name: value for name, value in headers.items() if name != "webhook-signature"}
    return [
        (request.body + b" ", headers),
        (request.body, {**headers, "webhook-id": "another"}),
        (request.body, {**headers, **signed(at=now - timedelta(minutes=6), secrets=[secret])}),
        (request.body, {**headers, **signed(at=now + week, secrets=[secret])}),
        (request.body, {**headers, **signed(at=now, secrets=["whsec_" + "A" * 43 + "="])}),
        (request.body, {**headers, "webhook-timestamp": "soon"}),
        (request.body, {**headers, "webhook-signature": "v1,"}),
        (request.body, without_signature),
    ]


@pytest.mark.parametrize("language", RUNNERS)
def test_the_documented_receivers_in_other_languages_refuse_forged_requests(
    sent: tuple[Received, str], language: str
) -> None:
    request, secret = sent
    rotated = signature_headers(
        notice_id=UUID(request.notice_id), at=datetime.now(UTC), body=request.body, secrets=[OTHER_SECRET, secret]
    )
    genuine = [(request.body, dict(request.headers)), (request.body, {**request.headers, **rotated})]
    given = [*genuine, *forgeries(request, secret)]
    is_genuine = documented("is_genuine")

    assert [is_genuine(body, headers, secret) for body, headers in given] == [True] * 2 + [False] * 8
    assert verified(language, given, secret) == [True] * 2 + [False] * 8


def verified(language: str, given: list[tuple[bytes, dict[str, str]]], secret: str) -> list[bool]:
    """Return the results of the documented receiver in *language* for bodies and headers."""
    program, *options = RUNNERS[language]
    if shutil.which(program) is None:
        missing(program, FileNotFoundError(f"The program {program} is not installed."))
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    requests = [{"body": body.decode(), "headers": headers} for body, headers in given]
    result = subprocess.run(
        [program, *options, code.removeprefix("<?php") + MAIN[language]],
        input=json.dumps({"secret": secret, "requests": requests}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    verdicts: list[bool] = json.loads(result.stdout)
    return verdicts


def test_the_documentation_names_every_member_and_header_of_a_notice(sent: tuple[Received, str]) -> None:
    request, _ = sent
    names = set(re.findall(r'"(\w+)":', DOCUMENT.partition("## The request")[2].partition("## Receive notices")[0]))

    assert request.content.keys() | request.content["data"].keys() <= names
    assert {name for name in request.headers if name.startswith("webhook-")} == set(
        re.findall(r"^(webhook-\w+):", DOCUMENT, re.MULTILINE)
    )
