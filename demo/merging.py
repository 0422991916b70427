"""Asking for merges and following them to their outcomes, as a client does: POST, then poll."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic

from demo.client import Client
from demo.duplicates import Pair
from demo.errors import DemoError
from demo.people import Json

#: Seconds within which all batches must be finished.
DEADLINE_S = 90.0
SETTLED = ("finished", "dead")
#: Seconds between two looks when the server names none.
LEAST_WAIT_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Batches followed to their end: their jobs in the order asked for, and how long they took together."""

    batches: tuple[tuple[Json, ...], ...]
    seconds: float

    @property
    def jobs(self) -> tuple[Json, ...]:
        """All jobs, batch by batch."""
        return tuple(job for batch in self.batches for job in batch)


def merge_and_follow(client: Client, updates: Sequence[Sequence[Json]], told: Callable[[int], object]) -> Followed:
    """POST each batch of *updates*, poll until all are finished, and return their jobs.

    *told* is called with the number of settled jobs after each poll.
    """
    started_at = datetime.now(UTC)
    urls = [ask(client, {"merge_updates": list(batch)})["status_url"] for batch in updates]
    batches = follow(client, urls, told)
    ends = [datetime.fromisoformat(job["finished_at"]) for batch in batches for job in batch if job["finished_at"]]
    return Followed(batches=batches, seconds=(max(ends, default=datetime.now(UTC)) - started_at).total_seconds())


def ask(client: Client, body: Json) -> Json:
    """POST one merge request and return its 202's body."""
    return client.post("/users/merge", body, expect=HTTPStatus.ACCEPTED)


def follow(client: Client, urls: Sequence[str], told: Callable[[int], object]) -> tuple[tuple[Json, ...], ...]:
    """Poll the batches at *urls*, honouring Retry-After, until all are finished; return their jobs.

    Raises DemoError when they are not finished within DEADLINE_S.
    """
    seen: dict[str, Json] = {}
    pause, deadline = threading.Event(), monotonic() + DEADLINE_S
    while True:
        waits = [_look(client, url, seen) for url in urls if not _is_finished(seen.get(url))]
        told(sum(job["state"] in SETTLED for batch in seen.values() for job in batch["jobs"]))
        if all(map(_is_finished, seen.values())):
            return tuple(tuple(seen[url]["jobs"]) for url in urls)
        if monotonic() > deadline:
            raise DemoError(f"After {DEADLINE_S:g} seconds these batches are not finished: {_unfinished(seen)}")
        pause.wait(max(waits))


def _look(client: Client, url: str, seen: dict[str, Json]) -> float:
    """Note in *seen* how the batch at *url* stands; return the seconds to wait before looking again."""
    response = client.response(url)
    if response.status_code != HTTPStatus.OK:
        raise DemoError(f"GET {url} was answered with {response.status_code}: {response.text[:500]}")
    seen[url] = response.json()
    return float(response.headers.get("Retry-After", LEAST_WAIT_S))


def _is_finished(batch: Json | None) -> bool:
    """Return whether *batch* was seen finished."""
    return batch is not None and batch["state"] == "finished"


def _unfinished(seen: dict[str, Json]) -> str:
    """Return the urls of the batches that are not finished."""
    return ", ".join(url for url, batch in seen.items() if not _is_finished(batch))


def told_of(job: Json) -> str:
    """Return what became of *job*: its outcome, or its state when it has none."""
    return str(job["outcome"] or job["state"])


def surprises(pairs: Sequence[Pair], jobs: Sequence[Json]) -> list[str]:
    """Return a sentence for each pair whose job did not end as it must."""
    return [
        f"{pair.kind}, job {job['job_id']}: {told_of(job)} instead of {pair.expected} ({job['reason']})"
        for pair, job in zip(pairs, jobs, strict=True)
        if told_of(job) != pair.expected
    ]
