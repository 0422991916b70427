"""Counts the jobs of runs, in steps of bounded size.

A merge writes nothing for its run: the relay counts the jobs of batches that are new or in progress, and adds what has
changed to the run. A step of one workspace counts each batch whose jobs may have changed since the step before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.citus.work import WorkKind, find_workspaces_with
from app.db.connections import Connection
from app.db.ids import FIRST_ID
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.run_pause import end_pauses, pause_failing_runs
from app.ledger.runs import RATE_S, UNFINISHED
from schemas.failure_limits import count_failures
from schemas.outcomes import SETTLED, JobState

QUERIES = load_queries("app.ledger", "run_counting.sql")

#: Batches of one list that a step counts.
BATCHES = 300
#: Waiting batches that a step counts to be safe; the others are found by their jobs.
QUEUED_BATCHES = 50
#: Jobs that a step looks at in search of batches that have begun.
MOST_JOBS = 20_000
#: A job's row can become visible this long after its time of ending.
OVERLAP = timedelta(seconds=1)
#: How far the first step looks back.
FIRST_LOOK = timedelta(minutes=1)
#: Seconds between two samples of the ended jobs.
SAMPLE_S = 5.0
QUEUED, BEGUN, ALL_ENDED = "queued", "running", "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingCursor:
    """Where the next step of a workspace begins. It may be lost: the first step looks at more."""

    since: datetime | None = None
    begun_after: UUID = FIRST_ID
    queued_after: UUID = FIRST_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingStep:
    """The result of a step."""

    cursor: CountingCursor
    #: Whether there may be more batches to count at once.
    is_full: bool = False
    #: Runs that have finished.
    finished: Sequence[UUID] = ()
    #: Runs that were paused because too many of their jobs failed, and the reasons.
    paused: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class BatchCount:
    """The jobs of a batch, counted now."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)
    states: set[JobState] = field(default_factory=set)
    first_ended_at: datetime | None = None
    last_ended_at: datetime | None = None

    @property
    def state(self) -> str:
        """The state of the batch as its run counts it."""
        if self.states <= SETTLED:
            return ALL_ENDED
        return QUEUED if self.states == {JobState.QUEUED} else BEGUN

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row of the query count_jobs."""
        self.counts[row["outcome"] or row["state"]] += row["jobs"]
        self.kinds.add(row["kind"])
        self.states.add(JobState(row["state"]))
        self.first_ended_at = first_of([self.first_ended_at, row["first_ended_at"]])
        self.last_ended_at = last_of([self.last_ended_at, row["last_ended_at"]])


def workspaces_with_runs(connection: Connection) -> list[int]:
    """List the workspaces with a batch to count, or with a run that is running."""
    return find_workspaces_with(connection, WorkKind.RUNS, QUERIES["workspaces_with_runs"])


def count_runs(tx: Transaction, cursor: CountingCursor) -> CountingStep:
    """Take a step from *cursor*: count batches, add the changes to their runs, and finish runs without open jobs.

    Batches that another process counts at this moment are left to it.
    """
    tx.execute(QUERIES["close_duplicate_runs"])
    now = tx.now()
    step, batch_ids = _find_batches(tx, cursor, now=now)
    paused = _count_batches(tx, batch_ids, now=now) if batch_ids else {}
    finished = [row["id"] for row in tx.execute(QUERIES["finish_runs"])]
    if finished:
        end_pauses(tx, run_ids=finished)
    return replace(step, finished=finished, paused={each: paused[each] for each in paused.keys() - set(finished)})


def _find_batches(tx: Transaction, cursor: CountingCursor, *, now: datetime) -> tuple[CountingStep, list[UUID]]:
    parameters = {
        "since": (now - FIRST_LOOK if cursor.since is None else cursor.since) - OVERLAP,
        "begun_after": cursor.begun_after,
        "queued_after": cursor.queued_after,
        "limit": BATCHES,
        "queued_limit": QUEUED_BATCHES,
        "most_jobs": MOST_JOBS,
    }
    (found,) = tx.execute(QUERIES["find_batches"], parameters)
    following = CountingCursor(
        since=now,
        begun_after=_next_place(found["begun"], size=BATCHES),
        queued_after=_next_place(found["queued"], size=QUEUED_BATCHES),
    )
    batch_ids = sorted({*found["new"], *found["begun"], *found["queued"], *found["touched"]})
    return CountingStep(cursor=following, is_full=len(found["new"]) == BATCHES), batch_ids


def _next_place(page: Sequence[UUID], *, size: int) -> UUID:
    """Return where the page after *page* begins: at the first batch again after the last page."""
    return page[-1] if len(page) == size else FIRST_ID


def _count_batches(tx: Transaction, batch_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, str]:
    """Count the jobs of batches, and save the counts that have changed; return the runs paused by them."""
    known = tx.execute(QUERIES["lock_batches"], {"batch_ids": batch_ids}).fetchall()
    # Counted after the locks: an earlier retry of a job is visible, and a later one waits.
    counted: defaultdict[UUID, BatchCount] = defaultdict(BatchCount)
    for row in tx.execute(QUERIES["count_jobs"], {"batch_ids": batch_ids}):
        counted[row["batch_id"]].add(row)
    changed = [
        row
        for row in known
        if (row["run_state"], row["run_counts"]) != (counted[row["id"]].state, counted[row["id"]].counts)
    ]
    if not changed:
        return {}
    rows = [
        {"id": str(row["id"]), "state": counted[row["id"]].state, "counts": counted[row["id"]].counts}
        for row in changed
    ]
    tx.execute(QUERIES["save_batches"], {"rows": Jsonb(rows)})
    return _add_to_runs(tx, changed, counted, now=now)


def _add_to_runs(
    tx: Transaction, changed: Sequence[Mapping[str, Any]], counted: Mapping[UUID, BatchCount], *, now: datetime
) -> dict[UUID, str]:
    """Add the changes of batches to the progress of their runs; return the runs that this pauses."""
    by_run: defaultdict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for row in changed:
        by_run[row["run_id"]].append(row)
    run_ids = list(by_run)
    progress = _lock_progress(tx, run_ids)
    if len(progress) < len(run_ids):
        for query in ("add_missing_runs", "add_missing_progress"):
            tx.execute(QUERIES[query], {"run_ids": run_ids})
        progress = _lock_progress(tx, run_ids)
    rows = {run_id: _progress(before, by_run[run_id], counted, now=now) for run_id, before in progress.items()}
    tx.execute(QUERIES["save_progress"], {"rows": Jsonb(list(rows.values()))})
    tx.execute(QUERIES["reopen_runs"], {"run_ids": run_ids})
    # A retry of a dead job lowers the failures of its run, and must not pause it.
    failing = {
        run_id: row["counts"]
        for run_id, row in rows.items()
        if count_failures(row["counts"]) > count_failures(progress[run_id]["counts"])
    }
    return pause_failing_runs(tx, failing) if failing else {}


def _lock_progress(tx: Transaction, run_ids: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
    return {row["run_id"]: row for row in tx.execute(QUERIES["lock_progress"], {"run_ids": run_ids})}


def _progress(
    before: Mapping[str, Any],
    changed: Sequence[Mapping[str, Any]],
    counted: Mapping[UUID, BatchCount],
    *,
    now: datetime,
) -> dict[str, Any]:
    """Return the row of run_progress that follows *before* when these batches have changed."""
    batches = [counted[row["id"]] for row in changed]
    counts = Counter(before["counts"])
    for row, batch in zip(changed, batches, strict=True):
        counts.subtract(row["run_counts"] or {})
        counts.update(batch.counts)
    counts = Counter({name: jobs for name, jobs in counts.items() if jobs})
    settled = sum(each.state == ALL_ENDED for each in batches) - sum(_was_settled(row["run_counts"]) for row in changed)
    return {
        "run_id": str(before["run_id"]),
        "batches": before["batches"] + sum(row["run_counts"] is None for row in changed),
        "settled_batches": before["settled_batches"] + settled,
        "counts": counts,
        "kinds": sorted({*before["kinds"], *(kind for batch in batches for kind in batch.kinds)}),
        "first_ended_at": _text(first_of([before["first_ended_at"], *(each.first_ended_at for each in batches)])),
        "last_ended_at": _text(last_of([before["last_ended_at"], *(each.last_ended_at for each in batches)])),
        "samples": _samples(before, now=now),
    }


def _was_settled(counts: Mapping[str, int] | None) -> bool:
    """Return whether all jobs of a batch had ended when it was counted last."""
    return counts is not None and not any(state in counts for state in UNFINISHED)


def _samples(before: Mapping[str, Any], *, now: datetime) -> list[list[float]]:
    """Return the samples of the ended jobs, with one of the state *before* this step when the last one is old."""
    ended = sum(jobs for name, jobs in before["counts"].items() if name not in UNFINISHED)
    seconds = now.timestamp()
    recent = [each for each in before["samples"] if each[0] >= seconds - RATE_S]
    if not recent or recent[-1][0] <= seconds - SAMPLE_S:
        recent.append([seconds, ended])
    return recent


def first_of(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest of those moments that are known."""
    return min((each for each in moments if each is not None), default=None)


def last_of(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the latest of those moments that are known."""
    return max((each for each in moments if each is not None), default=None)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
