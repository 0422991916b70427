"""Checks of a response: the faults that no response to a hostile request may have."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson

from fuzz.application import DEADLINE_S, Answer
from fuzz.request import Request

#: Part of every text of a profile of another workspace; no response may contain it.
CANARY = "canary-of-another-workspace"
#: Text of internal errors that no response may contain.
INSIDES = ("Traceback", "psycopg", "sqlalchemy", "SELECT ", "INSERT ", "object at 0x", 'File "/')
#: Maximum length of a sentence, which may quote the longest name of an attribute.
LONGEST_SENTENCE = 1_200
#: Headers of every response.
ALWAYS = frozenset({"content-type", "x-content-type-options", "x-request-id"})
#: Endpoints whose response is not JSON.
OTHER_TYPES = (
    "/audit/export",
    "/docs",
    "/docs/<name>",
    "/duplicates/preview.csv",
    "/merge/batches/export",
    "/merge/jobs/export",
    "/merge/runs/export",
    "/metrics",
)

#: Endpoints whose response is JSON of one line for each line of the body.
LINES = ("/profiles/import",)


def faults(request: Request, answer: Answer, *, key: str) -> list[str]:
    """Return the faults of *answer* to *request*, which was sent with *key*, as sentences."""
    if answer.raised is not None:
        return [f"The application raised an error: {answer.raised}"]
    return list(_faults(request, answer, key))


def _faults(request: Request, answer: Answer, key: str) -> Iterator[str]:
    text = answer.body.decode("utf-8", "replace")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"The status is {answer.status}: {text[:300]}"
    if answer.seconds > DEADLINE_S:
        yield f"It took {answer.seconds:.1f} s."
    if CANARY in text:
        yield "It contains data of another workspace."
    if key in text or key in str(answer.headers):
        yield "It contains the API key."
    yield from _faults_of_headers(answer)
    yield from _faults_of_body(request, answer, text)


def _faults_of_headers(answer: Answer) -> Iterator[str]:
    if any("\r" in value or "\n" in value for value in answer.headers.values()):
        yield "A header contains a line break."
    bodiless = {"content-type"} if answer.status == HTTPStatus.NOT_MODIFIED else set()
    for name in sorted(ALWAYS - bodiless - answer.headers.keys()):
        yield f"It has no {name} header."


def _faults_of_body(request: Request, answer: Answer, text: str) -> Iterator[str]:
    if request.method.upper() == "HEAD" or answer.status == HTTPStatus.NOT_MODIFIED:
        if answer.body:
            yield "It has a body, which is not allowed for the method or status."
    elif answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        yield from _faults_of_refusal(request, answer, text)
    elif request.rule in LINES:
        yield from _faults_of_lines(text)
    elif request.rule not in OTHER_TYPES and _parsed(answer) is None:
        yield f"It is not JSON: {text[:200]}"


def _faults_of_lines(text: str) -> Iterator[str]:
    """Yield the faults of a response of JSON lines. A line with `error` reports a failure of the server."""
    for line in text.splitlines():
        if not line.startswith('{"line":') or '"error":' in line:
            yield f"It has an invalid line: {line[:200]}"


def _faults_of_refusal(request: Request, answer: Answer, text: str) -> Iterator[str]:
    """Yield the faults of a refusal, which must be a sentence. No endpoint may redirect."""
    body = _parsed(answer)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or len(message.split()) < 2:  # a sentence has more than a word
        yield f"{answer.status} without a sentence: {text[:300]}"
        return
    texts = [message, *(fault["type"] for fault in body.get("errors", ()))]
    if max(map(len, texts)) > LONGEST_SENTENCE or any(character in message for character in "\n\r\0"):
        yield f"{answer.status} with more than a sentence: {max(texts, key=len)[:300]!r}"
    sent = f"{request.path} {request.query} {request.headers} {(request.body or b'').decode('utf-8', 'replace')}"
    if any(inside in text and inside not in sent for inside in INSIDES):
        yield f"{answer.status} contains internal details: {text[:300]}"


def _parsed(answer: Answer) -> Any:
    """Return the body as parsed JSON, or None if it is not JSON."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
