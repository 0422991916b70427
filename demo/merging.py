"""Send merges and poll their outcomes, as a client does."""

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

#: Maximum seconds until all batches are finished.
DEADLINE_S = 90.0
SETTLED = ("finished", "dead")
#: Seconds between two polls when the response has no Retry-After.
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class FinishedBatches:
    """Finished batches: their jobs in the order of the requests, and the duration of all together."""

    batches: tuple[tuple[Json, ...], ...]
    seconds: float

    @property
    def jobs(self) -> tuple[Json, ...]:
        return tuple(job for batch in self.batches for job in batch)


def merge_and_wait(
    client: Client, updates: Sequence[Sequence[Json]], on_progress: Callable[[int], object]
) -> FinishedBatches:
    """POST each batch of *updates*, poll until all are finished, and return their jobs.

    Calls *on_progress* with the number of settled jobs after each poll.
    """
    started_at = datetime.now(UTC)
    urls = [post_merges(client, {"merge_updates": list(batch)})["status_url"] for batch in updates]
    batches = poll_batches(client, urls, on_progress)
    ends = [datetime.fromisoformat(job["finished_at"]) for batch in batches for job in batch if job["finished_at"]]
    return FinishedBatches(batches=batches, seconds=(max(ends, default=datetime.now(UTC)) - started_at).total_seconds())


def post_merges(client: Client, body: Json) -> Json:
    """POST one merge request and return the response's body."""
    return client.post("/users/merge", body, expect=HTTPStatus.ACCEPTED)


def poll_batches(
    client: Client, urls: Sequence[str], on_progress: Callable[[int], object]
) -> tuple[tuple[Json, ...], ...]:
    """Poll the batches at *urls*, respecting Retry-After, until all are finished; return their jobs.

    Raises DemoError when they are not finished within DEADLINE_S.
    """
    seen: dict[str, Json] = {}
    pause, deadline = threading.Event(), monotonic() + DEADLINE_S
    while True:
        waits = [_poll(client, url, seen) for url in urls if not _is_finished(seen.get(url))]
        on_progress(sum(job["state"] in SETTLED for batch in seen.values() for job in batch["jobs"]))
        if all(map(_is_finished, seen.values())):
            return tuple(tuple(seen[url]["jobs"]) for url in urls)
        if monotonic() > deadline:
            raise DemoError(f"These batches did not finish within {DEADLINE_S:g} seconds: {_unfinished(seen)}")
        pause.wait(max(waits))


def _poll(client: Client, url: str, seen: dict[str, Json]) -> float:
    """Store the batch at *url* in *seen*; return the seconds until the next poll."""
    response = client.response(url)
    if response.status_code != HTTPStatus.OK:
        raise DemoError(f"GET {url} returned {response.status_code}: {response.text[:500]}")
    seen[url] = response.json()
    return float(response.headers.get("Retry-After", POLL_S))


def _is_finished(batch: Json | None) -> bool:
    return batch is not None and batch["state"] == "finished"


def _unfinished(seen: dict[str, Json]) -> str:
    return ", ".join(url for url, batch in seen.items() if not _is_finished(batch))


def outcome_or_state(job: Json) -> str:
    """Return the outcome of *job*, or its state when it has none."""
    return str(job["outcome"] or job["state"])


def unexpected_outcomes(pairs: Sequence[Pair], jobs: Sequence[Json]) -> list[str]:
    """Return a sentence for each pair whose job has another outcome than expected."""
    return [
        f"{pair.kind}, job {job['job_id']}: {outcome_or_state(job)} instead of {pair.expected} ({job['reason']})"
        for pair, job in zip(pairs, jobs, strict=True)
        if outcome_or_state(job) != pair.expected
    ]
