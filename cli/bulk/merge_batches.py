"""Sends one chunk of pairs as a batch, or as a preview, and returns the outcome of each pair."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

import orjson

from app.text_files.lines import Position
from app.text_files.merge_pairs import FilePair, Json
from cli.bulk.file_run import header_of, post_once, stop_if_paused
from cli.bulk.outputs.outcome_file import INVALID, LineResult, result_from_json
from cli.client import Client, Response, Unanswered, error_message, require_status
from schemas.json_values import dump_json
from schemas.merge import MAX_UPDATES
from schemas.outcomes import JobState

#: A chunk has at most this many lines, even if few of them are valid.
MAX_LINES = 20 * MAX_UPDATES
#: Seconds that the server holds its response back (`Prefer: wait`); shorter than the time-out of the client.
WAIT_S = 10


@dataclass(frozen=True)
class PairChunk:
    """Consecutive lines of a merge file that are processed together."""

    pairs: Sequence[FilePair]

    @cached_property
    def valid(self) -> Sequence[FilePair]:
        """The pairs that can be sent."""
        return [pair for pair in self.pairs if pair.fault is None]

    @cached_property
    def sharing_keys(self) -> frozenset[tuple[str, ...]]:
        """The keys of all identifiers in its pairs."""
        return frozenset().union(*(pair.sharing_keys for pair in self.pairs))

    @property
    def line(self) -> int:
        """Its first line."""
        return self.pairs[0].line

    @property
    def end(self) -> Position:
        """The position after it in the file."""
        return self.pairs[-1].end


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedBatch:
    """A batch that the server accepted; *replayed*: an earlier run sent the same request."""

    batch_id: str
    replayed: bool


OnAccepted = Callable[[AcceptedBatch], object]


def split_pairs(pairs: Iterable[FilePair]) -> Iterator[PairChunk]:
    """Split *pairs* into chunks, one for each request. The split depends on the pairs alone."""
    chunk: list[FilePair] = []
    valid = 0
    for pair in pairs:
        chunk.append(pair)
        valid += pair.fault is None
        if valid == MAX_UPDATES or len(chunk) == MAX_LINES:
            yield PairChunk(chunk)
            chunk, valid = [], 0
    if chunk:
        yield PairChunk(chunk)


def merge_pairs(
    client: Client,
    pairs: Sequence[FilePair],
    *,
    salt: str,
    batch_id: str | None,
    on_accepted: OnAccepted,
    run_id: str | None = None,
) -> list[LineResult]:
    """Return the outcome of each pair, after all jobs have finished.

    *batch_id* is the batch of these pairs if an earlier process sent them; otherwise they are sent, and *on_accepted*
    receives their batch. The batch joins the run *run_id*. Raises Unanswered and Refused.
    """
    if batch_id is not None:
        return [result_from_json(job) for job in wait_for_batch(client, batch_id)["jobs"]]
    headers = {"Idempotency-Key": idempotency_key(pairs, salt), "Prefer": f"wait={WAIT_S}", **header_of(run_id)}
    response = post_once(client, "/users/merge", body=_body(pairs), headers=headers)
    if response.status == HTTPStatus.BAD_REQUEST:
        return _retry_halves(
            pairs,
            response,
            lambda half: merge_pairs(client, half, salt=salt, batch_id=None, on_accepted=lambda _: None, run_id=run_id),
        )
    body = require_status(response, HTTPStatus.ACCEPTED).body
    replayed = "Idempotent-Replayed" in response.headers and response.attempts == 1
    on_accepted(AcceptedBatch(batch_id=body["batch_id"], replayed=replayed))
    batch = body.get("batch") or {}
    finished = batch if batch.get("state") == JobState.FINISHED else wait_for_batch(client, body["batch_id"])
    return [result_from_json(job) for job in finished["jobs"]]


def preview_pairs(client: Client, pairs: Sequence[FilePair]) -> list[LineResult]:
    """Return the outcome that each of *pairs* would have now, in their order. Nothing is merged."""
    response = post_once(client, "/users/merge/preview", body=_body(pairs), headers={})
    if response.status == HTTPStatus.BAD_REQUEST:
        return _retry_halves(pairs, response, lambda half: preview_pairs(client, half))
    return [result_from_json(update) for update in require_status(response, HTTPStatus.OK).body["updates"]]


def idempotency_key(pairs: Sequence[FilePair], salt: str) -> str:
    """Return the idempotency key of a request: a digest of its pairs, its first line and *salt*.

    *salt* identifies the file and, with --again, the run.
    """
    content = dump_json([salt, pairs[0].line, [pair.update for pair in pairs]], option=orjson.OPT_SORT_KEYS)
    return f"file-{hashlib.sha256(content).hexdigest()[:40]}"


def _body(pairs: Sequence[FilePair]) -> Json:
    return {"merge_updates": [pair.update for pair in pairs]}


def _retry_halves(
    pairs: Sequence[FilePair], response: Response, send: Callable[[Sequence[FilePair]], list[LineResult]]
) -> list[LineResult]:
    """Send each half of *pairs* after a 400, recursively, until only the invalid pair is refused.

    Pairs are validated before they are sent, so this happens only with a server of another version.
    """
    if len(pairs) == 1:
        return [LineResult(outcome=INVALID, reason=error_message(response.body))]
    middle = len(pairs) // 2
    return [*send(pairs[:middle]), *send(pairs[middle:])]


def wait_for_batch(client: Client, batch_id: str) -> Json:
    """Poll the batch until all its jobs have finished. The server answers when it changes, or after a while.

    Raises RunPaused when the run of the batch is paused, so that its jobs wait for a person.
    """
    headers: dict[str, str] = {}
    run_id = None
    while not client.stopped:
        response = client.request("GET", f"/merge/batches/{batch_id}", headers=headers)
        if response.status != HTTPStatus.NOT_MODIFIED:
            batch: Any = require_status(response, HTTPStatus.OK).body
            if batch["state"] == JobState.FINISHED:
                return dict(batch)
            headers = {"If-None-Match": response.headers["ETag"], "Prefer": f"wait={WAIT_S}"}
            run_id = batch.get("run_id")
        stop_if_paused(client, run_id)
        client.wait_to_poll(response)
    raise Unanswered(f"The run stopped before the batch {batch_id} had finished.", maybe_done=True)
