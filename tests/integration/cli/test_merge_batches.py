"""A chunk sent to a Mergelane that refuses it, is slow, or still accepts another request with its key."""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import orjson
import pytest

from app.text_files.lines import Position, Record
from app.text_files.merge_pairs import FilePair, parse_pairs
from cli.bulk.files import FileFormat
from cli.bulk.merge_batches import AcceptedBatch, merge_pairs, preview_pairs
from cli.client import Client
from tests.support.stage import Answer, Stage

REFUSED: Answer = (400, {}, b'{"message": "The new Mergelane takes no such pair."}')
BATCH_URL = "/merge/batches/b-1"


def answer(status: int, body: Any, **headers: str) -> Answer:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, orjson.dumps(body)


def job(outcome: str | None = "merged", state: str = "finished") -> dict[str, Any]:
    sides = {"orphan": {"braze_id": "o"}, "survivor": None}
    return {"job_id": "j", "batch_id": "b-1", "state": state, "outcome": outcome, "reason": "So.", **sides}


def batch(*jobs: dict[str, Any], state: str = "finished") -> dict[str, Any]:
    return {"batch_id": "b-1", "state": state, "jobs": jobs}


def accepted(*jobs: dict[str, Any]) -> Answer:
    return answer(202, {"batch_id": "b-1", "batch": batch(*jobs)})


def some(count: int) -> list[FilePair]:
    side = {"external_id": "a"}
    value = {"identifier_to_merge": side, "identifier_to_keep": side}
    places = (Position(offset=line, lines=line) for line in range(1, count + 1))
    return list(
        parse_pairs((Record(line=end.lines, value=value, fault=None, end=end) for end in places), FileFormat.JSONL)
    )


@pytest.fixture
def ask() -> Iterator[Callable[[Stage], Client]]:
    """A function that makes a client of a stage."""
    clients: list[Client] = []

    def make(stage: Stage) -> Client:
        clients.append(Client(stage.url, "a-key"))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def test_a_pair_that_only_the_server_refuses_is_found_and_the_others_are_sent(
    stage: Callable[..., Stage], ask: Callable[[Stage], Client]
) -> None:
    there = stage(REFUSED, accepted(job()), REFUSED, REFUSED, accepted(job(None, "dead")))
    results = merge_pairs(ask(there), some(3), salt="s", batch_id=None, on_accepted=lambda _: None)

    assert [each.outcome for each in results] == ["merged", "invalid", "dead"]
    assert results[1].reason == "The new Mergelane takes no such pair."
    assert [len(body["merge_updates"]) for body in there.bodies] == [3, 1, 2, 1, 1]


def test_a_preview_that_is_refused_is_split_too(stage: Callable[..., Stage], ask: Callable[[Stage], Client]) -> None:
    update = {"index": 0, "outcome": "merged", "reason": "So.", "orphan": None, "survivor": None, "changes": []}
    results = preview_pairs(ask(stage(REFUSED, REFUSED, answer(200, {"updates": [update]}))), some(2))

    assert [each.outcome for each in results] == ["invalid", "merged"]


def test_a_request_that_is_still_being_accepted_is_repeated_and_its_batch_polled(
    stage: Callable[..., Stage], ask: Callable[[Stage], Client]
) -> None:
    there = stage(
        answer(409, {"message": "Still running."}, Retry_After="0"),
        answer(202, {"batch_id": "b-1"}, Idempotent_Replayed="true"),
        answer(200, batch(job(None, "queued"), state="queued"), ETag='"1"', Retry_After="0"),
        (304, {"Retry-After": "0"}, b""),
        answer(200, batch(job())),
    )
    batches: list[AcceptedBatch] = []
    results = merge_pairs(ask(there), some(1), salt="s", batch_id=None, on_accepted=batches.append)

    assert [each.outcome for each in results] == ["merged"]
    assert batches == [AcceptedBatch(batch_id="b-1", replayed=True)]
    assert [path for _, path, _ in there.asked] == ["/users/merge"] * 2 + [BATCH_URL] * 3


def test_after_the_server_waited_for_a_change_the_next_request_follows_at_once(
    stage: Callable[..., Stage], ask: Callable[[Stage], Client]
) -> None:
    waited = {"ETag": '"1"', "Retry-After": "50", "Preference-Applied": "wait=10"}
    there = stage(
        answer(200, batch(job(None, "queued"), state="queued"), ETag='"1"', Retry_After="0"),
        (304, waited, b""),
        (200, waited, orjson.dumps(batch(job(None, "running"), state="running"))),
        answer(200, batch(job())),
    )
    began = monotonic()
    (results,) = merge_pairs(ask(there), some(1), salt="s", batch_id="b-1", on_accepted=lambda _: None)

    assert results.outcome == "merged"
    assert monotonic() - began < 25


def test_a_known_batch_is_polled_and_not_posted(stage: Callable[..., Stage], ask: Callable[[Stage], Client]) -> None:
    there = stage(answer(200, batch(job())))
    (results,) = merge_pairs(ask(there), some(1), salt="s", batch_id="b-1", on_accepted=lambda _: None)

    assert there.asked == [("GET", BATCH_URL, "Bearer a-key")]
    assert (results.job_id, results.batch_id, results.orphan_braze_id, results.survivor_braze_id) == (
        "j",
        "b-1",
        "o",
        None,
    )
