"""The story of a run that is paused because too many of its jobs fail, until an operator resumes it."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from random import Random
from threading import Event
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from chaos.client import Client, Json
from chaos.errors import ChaosError
from chaos.families import NOTHING, Member
from chaos.promises import LimitedRun

if TYPE_CHECKING:
    from chaos.steering import Steering

#: A placeholder: its merge is refused.
NULL = Member(name="null", sums=NOTHING)
REFUSED = "refused_identifier"
#: Seconds after which a pause must have taken effect, and maximum seconds until an operator resumes the run.
EFFECT_S, LONGEST_S = 1.0, 2.5
TRIES = 2_000


def fail_run(steering: "Steering", client: Client, rng: Random, name: str) -> None:
    """A run is paused because of its failures, accepts further merges, and ends after an operator resumes it."""
    couples = steering.write(client, rng, name)
    survivors, limit = [survivor for _, survivor in couples], rng.randint(1, len(couples) - 1)
    body = {"label": name, "max_failures": limit}
    run_id: str = client.accept("/merge/runs", body, status=HTTPStatus.CREATED)["run_id"]
    failing = steering.merge(client, [(NULL, survivor) for survivor in survivors[: limit + 1]], run_id=run_id)
    run = _await_pause(client, run_id, failures=limit + 1)
    steering.merge(client, [(orphan, survivor) for orphan, survivor in couples], run_id=run_id)
    times = None if run["paused_at"] is None else _watch_pause(client, rng, run)
    steering.expect_limited(run_id, LimitedRun(limit=limit, failing=failing, reason=run["paused_reason"], paused=times))
    change = rng.choice(({}, {"max_failures": limit + 1}, {"max_failures": None}))
    statuses = {HTTPStatus.OK, HTTPStatus.CONFLICT}
    headers = {"Idempotency-Key": str(uuid7())}
    client.ask("POST", f"/merge/runs/{run_id}/resume", statuses=statuses, json=change, headers=headers)
    steering.close_run(client, run_id)
    steering.await_run(client, run_id)


def _await_pause(client: Client, run_id: str, *, failures: int) -> Json:
    """Return the run when it is paused, or when its *failures* jobs have ended and some were cancelled instead."""
    for _ in range(TRIES):
        run: Json = client.ask("GET", f"/merge/runs/{run_id}", statuses={HTTPStatus.OK}).json()
        if run["paused_at"] is not None:
            return run
        counts = run["counts"]
        if counts.get(REFUSED, 0) == failures:
            # The transaction that counts the failures also pauses the run.
            raise ChaosError(f"Run {run_id} has {failures} failed jobs, and is not paused: {counts}.")
        if counts.get(REFUSED, 0) + counts.get("cancelled", 0) == failures:
            return run
        client.wait_after(None)
    raise ChaosError(f"The jobs of run {run_id} did not end.")


def _watch_pause(client: Client, rng: Random, run: Json) -> tuple[datetime, datetime] | None:
    """Leave the run paused for a while; return the times between which none of its jobs may start."""
    since = datetime.now(UTC) + timedelta(seconds=EFFECT_S)
    Event().wait(rng.uniform(EFFECT_S, LONGEST_S))
    until = datetime.now(UTC)
    found = client.ask("GET", f"/merge/runs/{UUID(run['run_id'])}", statuses={HTTPStatus.OK}).json()
    if found["paused_at"] != run["paused_at"]:
        raise ChaosError(f"Run {run['run_id']} was resumed without an operator.")
    return (since, until) if since < until else None
