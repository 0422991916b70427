"""Steering: a workspace whose merges are paused, limited, cancelled, planned, applied and undone while faults happen.

It is a separate workspace, because a pause and a cancelled queue affect all jobs of a workspace. The outcome of a job
depends on the order of concurrent requests: `chaos/steering_audit.py` reads the outcomes, and checks that the profiles
match them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count, pairwise
from random import Random
from threading import Event, Lock
from uuid import UUID

from uuid_utils.compat import uuid7

from app import keys
from chaos.client import Answers, Client, Json
from chaos.errors import ChaosError
from chaos.failing_runs import fail_run
from chaos.families import Family, Member, make_couples
from chaos.installation import Installation
from chaos.promises import LimitedRun, Promise, Promises
from cli.database import connected

WORKSPACE = "steered"
KEY = "key-of-the-steered-workspace"
THREADS = 3
#: Average seconds between two stories of a thread.
GAP_S = 0.5
#: Seconds after which a pause must have taken effect.
EFFECT_S = 1.0
LONGEST_PAUSE_S = 2.5
#: A limit that cuts lanes, and lets the stories end.
LIMIT = 1_200
TRIES = 2_000
#: The share of runs that are cancelled while they run.
CANCELLED = 0.3
Updates = Sequence[tuple[Member, Member]]


class Steering:
    """Threads that run stories of operators in random order until they are stopped."""

    def __init__(self, installation: Installation, promises: Promises, answers: Answers, *, seed: str) -> None:
        self.promises = promises
        #: Number of finished stories by name.
        self.finished_stories: Counter[str] = Counter()
        self._installation = installation
        self._answers = answers
        self._seed = seed
        self._numbers = count(1)
        self._lock = Lock()
        self._over = Event()
        #: Held by the story that changes the queue: two concurrent pauses would end each other.
        self._queue = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._running: Sequence[Future[None]] = ()

    def start(self) -> None:
        """Create the workspace, and start the stories."""
        with connected(
            self._installation.command_settings, self._installation.database_url, name="chaos"
        ) as connection:
            keys.ensure_key(connection, key=KEY, workspace=WORKSPACE, permissions=["*"])
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="steering")
        self._running = [self._threads.submit(self._run_stories) for _ in range(THREADS)]

    def finish(self) -> None:
        """Finish the stories that have begun, start no other, and let the queue run without a limit."""
        self._over.set()
        if self._threads is not None:
            self._threads.shutdown()
        for each in self._running:
            each.result()
        with closing(self.new_client()) as client:
            self.change_queue(client, state="running", merges_per_minute_limit=None)

    def abandon(self) -> None:
        """End all threads without finishing anything."""
        self._over.set()
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    def change_queue(self, client: Client, **change: object) -> Json:
        """Change the queue and return it."""
        answer: Json = client.ask("PUT", "/merge/queue", statuses={HTTPStatus.OK}, json=change).json()
        return answer

    def pause_for(self, client: Client, seconds: float) -> None:
        """Pause the queue for *seconds*, and record the time in which no job may start."""
        with self._queue:
            paused = self.change_queue(client, state="paused")
            since = datetime.now(UTC) + timedelta(seconds=EFFECT_S)
            self._over.wait(seconds)
            until = datetime.now(UTC)
            found = client.ask("GET", "/merge/queue", statuses={HTTPStatus.OK}).json()
            # A late request of a frozen process may have resumed the queue meanwhile.
            if found["paused_at"] == paused["paused_at"] and since < until:
                with self._lock:
                    self.promises.pauses.append((since, until))
            self.change_queue(client, state="running")

    def limit_for(self, client: Client, seconds: float) -> None:
        """Limit the queue for *seconds*."""
        with self._queue:
            self.change_queue(client, merges_per_minute_limit=LIMIT)
            self._over.wait(seconds)
            self.change_queue(client, merges_per_minute_limit=None)

    def write(self, client: Client, rng: Random, name: str) -> list[list[Member]]:
        """Write a few couples, and return them. Repeat this with other names if it is unknown whether they exist."""
        for attempt in count():
            couples = make_couples(rng, f"{name}{'r' * attempt}", rng.randint(2, 8))
            members = [member for couple in couples for member in couple]
            family = Family(name=name, shape="steered", members=members, batches=[], groups={})
            response = client.post("/users/track", family.tracked())
            if response is not None and response.status_code == HTTPStatus.CREATED:
                with self._lock:
                    self.promises.steered.extend(members)
                return couples
            with self._lock:
                self.promises.uncertain += 1
            client.wait_after(response)
        raise AssertionError

    def merge(self, client: Client, updates: Updates, *, run_id: str | None = None) -> UUID:
        """Post *updates*, in a run if one is given; return the id of the batch."""
        headers = {"Merge-Run": run_id} if run_id else {}
        answer = client.accept("/users/merge", body_of(updates), status=HTTPStatus.ACCEPTED, headers=headers)
        batch_id = UUID(answer["batch_id"])
        with self._lock:
            self.promises.batches.append(Promise(batch_id=batch_id, jobs=len(updates), raises_at=None, steered=True))
        return batch_id

    def cancel(self, client: Client, path: str) -> Json | None:
        """Cancel the waiting jobs at *path*; return the response, or None if no job waited."""
        statuses = {HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT}
        response = client.ask("POST", f"{path}/cancel", statuses=statuses, headers={"Idempotency-Key": str(uuid7())})
        if response.status_code == HTTPStatus.CONFLICT:
            return None
        answer: Json = response.json()
        return answer

    def cancel_batch(self, client: Client, batch_id: UUID) -> None:
        """Cancel a batch, and record the number of cancelled jobs in the response."""
        answer = self.cancel(client, f"/merge/batches/{batch_id}")
        if answer is not None:
            with self._lock:
                self.promises.cancelled[batch_id] = answer["cancelled"]

    def expect_run(self, run_id: str, *, most: int) -> None:
        """Record a run whose batches the relay creates."""
        with self._lock:
            self.promises.runs[UUID(run_id)] = most

    def await_run(self, client: Client, run_id: str) -> None:
        """Poll a run until it has ended."""
        for number in range(1, TRIES):
            response = client.ask("GET", f"/merge/runs/{run_id}", statuses={HTTPStatus.OK})
            if response.json()["state"] not in {"open", "running"}:
                return
            client.wait_after(None)
            if number % 50 == 0:
                # Ends a late pause of a frozen process.
                with self._queue:
                    self.change_queue(client, state="running")
        raise ChaosError(f"Run {run_id} did not end.")

    def close_run(self, client: Client, run_id: str) -> None:
        """Close a run; a closed run stays closed."""
        statuses = {HTTPStatus.OK, HTTPStatus.CONFLICT}
        headers = {"Idempotency-Key": str(uuid7())}
        client.ask("POST", f"/merge/runs/{run_id}/close", statuses=statuses, headers=headers)

    def expect_limited(self, run_id: str, run: LimitedRun) -> None:
        """Record a run with a limit of failures."""
        with self._lock:
            self.promises.limited[UUID(run_id)] = run

    def _run_stories(self) -> None:
        with closing(self.new_client()) as client:
            while not self._over.is_set():
                with self._lock:
                    number = next(self._numbers)
                rng = Random(f"{self._seed} steering {number}")
                story = rng.choice(STORIES)
                story(self, client, rng, f"{self._seed}-{story.__name__}-{number}")
                with self._lock:
                    self.finished_stories[story.__name__] += 1
                self._over.wait(rng.uniform(0, 2 * GAP_S))

    def new_client(self) -> Client:
        """Return a client for one thread."""
        return Client(self._installation.base_url, KEY, self._answers)


#: A sequence of an operator's requests about its own merges.
Story = Callable[[Steering, Client, Random, str], None]


def body_of(updates: Updates) -> Json:
    """Return the body of a request that merges the first of each pair into the second."""
    return {
        "merge_updates": [
            {"identifier_to_merge": orphan.identifier, "identifier_to_keep": survivor.identifier}
            for orphan, survivor in updates
        ]
    }


def pause(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """Merges are posted before and during a pause, and some are cancelled in it."""
    couples = steering.write(client, rng, name)
    steering.merge(client, pairs_of(couples[:1]))
    with ThreadPoolExecutor(1) as beside:
        paused = beside.submit(_pause_beside, steering, rng.uniform(EFFECT_S, LONGEST_PAUSE_S))
        batch_id = steering.merge(client, pairs_of(couples[1:]))
        if rng.choice((True, False)):
            steering.cancel_batch(client, batch_id)
        paused.result()


def _pause_beside(steering: Steering, seconds: float) -> None:
    with closing(steering.new_client()) as client:
        steering.pause_for(client, seconds)


def limit(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """The queue has a limit while merges are posted."""
    couples = steering.write(client, rng, name)
    steering.merge(client, pairs_of(couples))
    steering.limit_for(client, rng.uniform(0.5, 2))


def cancel_jobs(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """Some jobs of a batch are cancelled one by one."""
    couples = steering.write(client, rng, name)
    batch_id = steering.merge(client, pairs_of(couples))
    found = client.ask("GET", f"/merge/batches/{batch_id}", statuses={HTTPStatus.OK}).json()
    for job in rng.sample(found["jobs"], rng.randint(1, len(found["jobs"]))):
        steering.cancel(client, f"/merge/jobs/{job['job_id']}")


def cancel_batch(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """A batch is cancelled as soon as it is accepted."""
    couples = steering.write(client, rng, name)
    steering.cancel_batch(client, steering.merge(client, pairs_of(couples)))


def cancel_queue(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """All waiting jobs of the workspace are cancelled, also those of other stories."""
    couples = steering.write(client, rng, name)
    for couple in couples:
        steering.merge(client, pairs_of([couple]))
    steering.cancel(client, "/merge/queue")


def cancel_run(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """A run of several batches is cancelled."""
    couples = steering.write(client, rng, name)
    run_id = _open_run(client, name)
    for couple in couples:
        steering.merge(client, pairs_of([couple]), run_id=run_id)
    if steering.cancel(client, f"/merge/runs/{run_id}") is None:
        steering.close_run(client, run_id)


def undo_run(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """A run is undone after its end: chains, each in one batch, are undone from their ends."""
    couples = steering.write(client, rng, name)
    run_id, members = _open_run(client, name), [member for couple in couples for member in couple]
    middle = len(members) // 2
    for part in (members[:middle], members[middle:]):
        steering.merge(client, list(pairwise(part)), run_id=run_id)
    steering.close_run(client, run_id)
    steering.await_run(client, run_id)
    undo_id = _begun(client, f"/merge/runs/{run_id}/undo")
    if undo_id is None:
        return
    steering.expect_run(undo_id, most=len(members))
    if rng.random() < CANCELLED:
        steering.cancel(client, f"/merge/runs/{undo_id}")
    steering.await_run(client, undo_id)


def apply_plan(steering: Steering, client: Client, rng: Random, name: str) -> None:
    """A plan of two pages is applied; a second request to apply it fails. Sometimes its run is cancelled or undone."""
    couples = steering.write(client, rng, name)
    first, rest = pairs_of(couples[:1]), pairs_of(couples[1:])
    plan_id = client.accept("/merge/plans", body_of(first), status=HTTPStatus.CREATED)["plan_id"]
    client.accept(f"/merge/plans/{plan_id}/updates", body_of(rest), status=HTTPStatus.OK)
    run_id = _begun(client, f"/merge/plans/{plan_id}/apply")
    if run_id is None:
        raise ChaosError(f"The plan {plan_id} could not be applied once.")
    steering.expect_run(run_id, most=len(couples))
    if _begun(client, f"/merge/plans/{plan_id}/apply") is not None:
        raise ChaosError(f"The plan {plan_id} was applied twice.")
    if rng.random() < CANCELLED:
        steering.cancel(client, f"/merge/runs/{run_id}")
    steering.await_run(client, run_id)
    if rng.choice((True, False)) and (undo_id := _begun(client, f"/merge/runs/{run_id}/undo")) is not None:
        steering.expect_run(undo_id, most=len(couples))
        steering.await_run(client, undo_id)


def pairs_of(couples: Sequence[Sequence[Member]]) -> list[tuple[Member, Member]]:
    """Return each couple as orphan and survivor."""
    return [(orphan, survivor) for orphan, survivor in couples]


def _open_run(client: Client, label: str) -> str:
    """Create a run and return its id."""
    run_id: str = client.accept("/merge/runs", {"label": label}, status=HTTPStatus.CREATED)["run_id"]
    return run_id


def _begun(client: Client, path: str) -> str | None:
    """Start the resource at *path* and return the id of its run, or None if this is refused with 409."""
    statuses = {HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT}
    response = client.ask("POST", path, statuses=statuses, json={}, headers={"Idempotency-Key": str(uuid7())})
    if response.status_code == HTTPStatus.CONFLICT:
        return None
    run_id: str = response.json()["run_id"]
    return run_id


STORIES: Sequence[Story] = (
    pause,
    limit,
    cancel_jobs,
    cancel_batch,
    cancel_queue,
    cancel_run,
    undo_run,
    undo_run,
    apply_plan,
    apply_plan,
    fail_run,
)
