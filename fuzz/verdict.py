"""The verdict on an answer: what no hostile request may ever be answered with."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson

from fuzz.door import DEADLINE_S, Answer
from fuzz.request import Request

#: Stands in every text of a profile that belongs to somebody else; no answer may hold it.
CANARY = "canary-of-another-workspace"
#: What an error's text would give away of the inside.
INSIDES = ("Traceback", "psycopg", "sqlalchemy", "SELECT ", "INSERT ", "object at 0x", 'File "/')
#: Characters of a sentence: the longest name of an attribute that it may quote, and what is said of it.
LONGEST_SENTENCE = 1_200
#: Headers of every answer.
ALWAYS = frozenset({"content-type", "x-content-type-options", "x-request-id"})
#: Answers that are no JSON.
OTHER_TYPES = ("/audit/export", "/docs", "/docs/<name>", "/duplicates/preview.csv", "/metrics")


def faults(request: Request, answer: Answer, *, key: str) -> list[str]:
    """Return, in sentences, what is wrong with *answer* to *request*, which was asked with *key*."""
    if answer.raised is not None:
        return [f"The application let an error through: {answer.raised}"]
    return list(_faults(request, answer, key))


def _faults(request: Request, answer: Answer, key: str) -> Iterator[str]:
    """Yield what is wrong."""
    text = answer.body.decode("utf-8", "replace")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"It was answered with {answer.status}: {text[:300]}"
    if answer.seconds > DEADLINE_S:
        yield f"It took {answer.seconds:.1f} s."
    if CANARY in text:
        yield "It told of somebody in another workspace."
    if key in text or key in str(answer.headers):
        yield "It repeated the API key."
    yield from _faults_of_headers(answer)
    yield from _faults_of_body(request, answer, text)


def _faults_of_headers(answer: Answer) -> Iterator[str]:
    """Yield what is wrong with the headers."""
    if any("\r" in value or "\n" in value for value in answer.headers.values()):
        yield "A header holds the end of a line."
    bodiless = {"content-type"} if answer.status == HTTPStatus.NOT_MODIFIED else set()
    for name in sorted(ALWAYS - bodiless - answer.headers.keys()):
        yield f"It has no {name} header."


def _faults_of_body(request: Request, answer: Answer, text: str) -> Iterator[str]:
    """Yield what is wrong with the body."""
    if request.method.upper() == "HEAD" or answer.status == HTTPStatus.NOT_MODIFIED:
        if answer.body:
            yield "There is a body where none may be."
    elif answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        yield from _faults_of_refusal(request, answer, text)
    elif request.rule not in OTHER_TYPES and _parsed(answer) is None:
        yield f"It is no JSON: {text[:200]}"


def _faults_of_refusal(request: Request, answer: Answer, text: str) -> Iterator[str]:
    """Yield what is wrong with the sentence of a refusal; we redirect nobody."""
    body = _parsed(answer)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or len(message.split()) < 2:  # a sentence has more than a word
        yield f"{answer.status} without a sentence: {text[:300]}"
        return
    told = [message, *(fault["type"] for fault in body.get("errors", ()))]
    if max(map(len, told)) > LONGEST_SENTENCE or any(character in message for character in "\n\r\0"):
        yield f"{answer.status} with more than a sentence: {max(told, key=len)[:300]!r}"
    sent = f"{request.path} {request.query} {request.headers} {(request.body or b'').decode('utf-8', 'replace')}"
    if any(inside in text and inside not in sent for inside in INSIDES):
        yield f"{answer.status} tells of the inside: {text[:300]}"


def _parsed(answer: Answer) -> Any:
    """Return the body as parsed JSON, None when it is none."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
