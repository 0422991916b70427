"""One chunk of pairs on its way: posted, waited for, and told pair by pair. A preview is asked for in the same form."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

import orjson

from cli.bulk.outcomes import INVALID, Told, told_of
from cli.bulk.pairs import Json, Pair
from cli.bulk.records import Position
from cli.client import Answer, Client, Unanswered, accepted, message_of
from schemas.merge import MAX_UPDATES
from schemas.outcomes import JobState

#: Lines after which a chunk ends although few of them can be sent.
MOST_LINES = 20 * MAX_UPDATES
#: Seconds that Mergelane is asked to hold its answer back for; shorter than an answer may take.
WAIT_S = 10
#: Seconds between two looks when Mergelane names none.
LEAST_WAIT_S = 1.0


@dataclass(frozen=True)
class Chunk:
    """Lines of a merge file that are settled together."""

    pairs: Sequence[Pair]

    @cached_property
    def sent(self) -> Sequence[Pair]:
        """The pairs that can be sent."""
        return [pair for pair in self.pairs if pair.fault is None]

    @cached_property
    def shares(self) -> frozenset[tuple[str, ...]]:
        """The identifiers that its pairs name."""
        return frozenset().union(*(pair.shares for pair in self.pairs))

    @property
    def line(self) -> int:
        """The line on which it begins."""
        return self.pairs[0].line

    @property
    def end(self) -> Position:
        """The place behind it in the file."""
        return self.pairs[-1].end


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A batch that Mergelane has accepted, or had accepted before."""

    batch_id: str
    #: Whether this very request had been accepted in an earlier run.
    replayed: bool


Heard = Callable[[Posted], object]


def chunks(pairs: Iterable[Pair]) -> Iterator[Chunk]:
    """Yield *pairs* in chunks of as many as one request may hold. Where they are cut depends on the pairs alone."""
    taken: list[Pair] = []
    fit = 0
    for pair in pairs:
        taken.append(pair)
        fit += pair.fault is None
        if fit == MAX_UPDATES or len(taken) == MOST_LINES:
            yield Chunk(taken)
            taken, fit = [], 0
    if taken:
        yield Chunk(taken)


def merge(client: Client, pairs: Sequence[Pair], *, salt: str, batch_id: str | None, heard: Heard) -> list[Told]:
    """Return what became of *pairs* once all their jobs are settled.

    *batch_id* is the batch that they became in an earlier run, if that is known; otherwise they are posted, and *heard*
    is called when they are accepted. Raises Unanswered and Refused.
    """
    if batch_id is not None:
        return [told_of(job) for job in _finished(client, batch_id)["jobs"]]
    answer = _post(client, "/users/merge", pairs, {"Idempotency-Key": key(pairs, salt), "Prefer": f"wait={WAIT_S}"})
    if answer.status == HTTPStatus.BAD_REQUEST:
        return _apart(pairs, answer, lambda half: merge(client, half, salt=salt, batch_id=None, heard=lambda _: None))
    body = accepted(answer, HTTPStatus.ACCEPTED).body
    replayed = "Idempotent-Replayed" in answer.headers and answer.attempts == 1
    heard(Posted(batch_id=body["batch_id"], replayed=replayed))
    batch = body.get("batch") or {}
    done = batch if batch.get("state") == JobState.FINISHED else _finished(client, body["batch_id"])
    return [told_of(job) for job in done["jobs"]]


def preview(client: Client, pairs: Sequence[Pair]) -> list[Told]:
    """Return what would become of *pairs*, now and one after the other. Nothing is changed."""
    answer = _post(client, "/users/merge/preview", pairs, {})
    if answer.status == HTTPStatus.BAD_REQUEST:
        return _apart(pairs, answer, lambda half: preview(client, half))
    return [told_of(update) for update in accepted(answer, HTTPStatus.OK).body["updates"]]


def key(pairs: Sequence[Pair], salt: str) -> str:
    """Return the idempotency key of a request with *pairs*: made of what they say and of where they stand.

    *salt* tells the run's file, and the run when it is to begin anew.
    """
    content = orjson.dumps([salt, pairs[0].line, [pair.update for pair in pairs]], option=orjson.OPT_SORT_KEYS)
    return f"file-{hashlib.sha256(content).hexdigest()[:40]}"


def _post(client: Client, path: str, pairs: Sequence[Pair], headers: dict[str, str]) -> Answer:
    """Return the answer to the request that *pairs* make; one that is still being accepted is asked for again."""
    while True:
        answer = client.ask("POST", path, body={"merge_updates": [pair.update for pair in pairs]}, headers=headers)
        if answer.status != HTTPStatus.CONFLICT or client.stopped:
            return answer
        client.wait(LEAST_WAIT_S if answer.retry_after is None else answer.retry_after)


def _apart(pairs: Sequence[Pair], answer: Answer, ask: Callable[[Sequence[Pair]], list[Told]]) -> list[Told]:
    """Return what is told of *pairs*, of which Mergelane refuses one: what *ask* tells of each half, down to that one.

    Lines are checked before they are sent, so this happens only with a Mergelane of another version.
    """
    if len(pairs) == 1:
        return [Told(outcome=INVALID, reason=message_of(answer.body))]
    middle = len(pairs) // 2
    return [*ask(pairs[:middle]), *ask(pairs[middle:])]


def _finished(client: Client, batch_id: str) -> Json:
    """Return the batch once all its jobs are settled, looking as often as Mergelane wants."""
    headers: dict[str, str] = {}
    while not client.stopped:
        answer = client.ask("GET", f"/merge/batches/{batch_id}", headers=headers)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            batch: Any = accepted(answer, HTTPStatus.OK).body
            if batch["state"] == JobState.FINISHED:
                return dict(batch)
            headers = {"If-None-Match": answer.headers["ETag"]}
        client.wait(LEAST_WAIT_S if answer.retry_after is None else answer.retry_after)
    raise Unanswered(f"The batch {batch_id} was not waited for to its end.", maybe_done=True)
