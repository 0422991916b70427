"""Runs: creates, reads and closes them. `app.ledger.run_counting` counts their jobs, `run_lists` lists them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.ids import FIRST_ID, new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from schemas.failure_limits import FailureLimit
from schemas.outcomes import SETTLED, JobState, RunKind, RunStatus
from schemas.urgency import DEFAULT_PRIORITY

QUERIES = load_queries("app.ledger", "runs.sql")

NO_RUN = "There is no run with this id."
NOT_OPEN = "This run is {state}; requests can join an open run only. Create another run."
IS_AN_IMPORT = (
    "This run is an import: it has no jobs, so there is nothing to cancel or to undo. Correct the profiles with another"
    " import."
)
NO_JOBS_JOIN = (
    "This run is an import; only POST /profiles/import and POST /users/track can join it. Create another run to merge."
)
NOT_AN_IMPORT = "An import can join a run of the kind import only, and the kind of this run is {kind}."
NOT_CLOSABLE = "This run is {state}; only an open one can be closed."
#: Seconds whose ended jobs make up the rate of a run.
RATE_S = 60.0
#: Columns that a MergeRun has in another form.
OF_OTHER_TYPES = frozenset({"kind", "state", "counts", "max_failures"})
#: States whose jobs have not ended.
UNFINISHED = [state.value for state in JobState if state not in SETTLED]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCreator:
    """The API key that created a run."""

    id: UUID
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRun:
    """A run and its progress, as the relay has counted it."""

    id: UUID
    kind: RunKind
    label: str | None
    state: RunStatus
    created_at: datetime
    #: None for a run without a key, such as a daily run over duplicates.
    created_by: RunCreator | None
    closed_at: datetime | None
    finished_at: datetime | None
    cancelled_at: datetime | None
    undoes_run: UUID | None
    undone_by_run: UUID | None
    batches: int
    #: Jobs by outcome, or by state while they have none.
    counts: Mapping[str, int]
    jobs: int
    #: Jobs that ended a minute.
    merges_per_minute: float
    estimated_finish_at: datetime | None
    #: The urgency of the jobs of requests that name none.
    priority: int
    max_failures: FailureLimit | None
    #: None while its jobs may begin.
    paused_at: datetime | None
    paused_reason: str | None
    first_ended_at: datetime | None
    #: Set by app.ledger.undo_time: None if there is nothing to undo.
    undoable_until: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "MergeRun":
        """Return the run of a table row."""
        key_id = row["api_key_id"]
        counts = Counter({**row["counts"], **row["results"]})
        if row["step"] is not None and row["step"]["left"]:
            # Undos, or updates of a plan, that the relay has still to make jobs of.
            counts[JobState.QUEUED.value] += row["step"]["left"]
        rate = _jobs_per_second(row)
        left = sum(counts[state] for state in UNFINISHED)
        can_estimate = left and rate and row["paused_at"] is None
        return cls(
            **{name: row[name] for name in cls.__slots__ if name in row and name not in OF_OTHER_TYPES},
            kind=RunKind(row["kind"]),
            state=RunStatus(row["state"]),
            created_by=None if key_id is None else RunCreator(id=key_id, label=row["key_label"]),
            counts=dict(sorted(counts.items())),
            max_failures=limit_of(row),
            jobs=sum(counts.values()) - (sum(row["results"].values()) if row["kind"] == RunKind.IMPORT else 0),
            merges_per_minute=round(rate * 60, 1),
            estimated_finish_at=row["now"] + timedelta(seconds=left / rate) if can_estimate else None,
        )


def create_run(  # noqa: PLR0913  the columns of a run
    tx: Transaction,
    *,
    run_id: UUID | None = None,
    kind: RunKind,
    label: str | None = None,
    state: RunStatus = RunStatus.OPEN,
    api_key_id: UUID | None,
    request_id: str | None,
    undoes_run: UUID | None = None,
    step: Mapping[str, Any] | None = None,
    priority: int = DEFAULT_PRIORITY,
    max_failures: FailureLimit | None = None,
) -> UUID:
    """Create a run without batches and return its id."""
    run_id = run_id or new_id()
    limit = max_failures or FailureLimit()
    parameters = {
        "id": run_id,
        "kind": kind,
        "label": label,
        "state": state,
        "api_key_id": api_key_id,
        "request_id": request_id,
        "undoes_run": undoes_run,
        "step": None if step is None else Jsonb(step),
        "priority": priority,
        "max_failures": limit.number,
        "max_failures_percent": limit.percent,
    }
    tx.execute(QUERIES["insert_run"], parameters)
    tx.execute(QUERIES["insert_progress"], {"id": run_id})
    return run_id


def read_merge_run(tx: Transaction, *, run_id: UUID) -> MergeRun:
    """Return a run; raise NotFound when the workspace has none of that id."""
    row = tx.execute(QUERIES["read_runs"], {"ids": [run_id]}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    return MergeRun.from_row(row)


def has_unfinished_jobs(tx: Transaction, *, run_id: UUID, since: UUID = FIRST_ID) -> bool:
    """Return whether a batch of the run, from the batch *since* on, has an unfinished job."""
    return tx.execute(QUERIES["find_unfinished_batch"], {"run_id": run_id, "since": since}).fetchone() is not None


def read_merge_runs(tx: Transaction, *, run_ids: Sequence[UUID]) -> list[MergeRun]:
    """Return those of the runs that exist, newest first."""
    return [MergeRun.from_row(row) for row in tx.execute(QUERIES["read_runs"], {"ids": list(run_ids)})]


def require_open_run(tx: Transaction, *, run_id: UUID) -> None:
    """Raise NotFound when the workspace has no such run, and Conflict when requests cannot join it."""
    kind, state = _read_kind_and_state(tx, run_id=run_id)
    if kind is RunKind.IMPORT:
        raise Conflict(NO_JOBS_JOIN)
    if state is not RunStatus.OPEN:
        raise Conflict(NOT_OPEN.format(state=state))


def require_open_import(tx: Transaction, *, run_id: UUID) -> None:
    """Raise NotFound when the workspace has no such run, and Conflict when it is no open import."""
    kind, state = _read_kind_and_state(tx, run_id=run_id)
    if kind is not RunKind.IMPORT:
        raise Conflict(NOT_AN_IMPORT.format(kind=kind))
    if state is not RunStatus.OPEN:
        raise Conflict(NOT_OPEN.format(state=state))


def add_results(tx: Transaction, *, run_id: UUID, results: Mapping[str, int]) -> None:
    """Add lines or objects by their result to an open import. Raises NotFound, and Conflict when it is no open import.

    Waits for other requests of the import, so it is the last statement of a transaction.
    """
    parameters = {"id": run_id, "results": list(results), "lines": list(results.values())}
    if not results or tx.execute(QUERIES["add_results"], parameters).fetchone() is None:
        require_open_import(tx, run_id=run_id)


def close_run(tx: Transaction, *, run_id: UUID) -> MergeRun:
    """Close an open run and return it; raise NotFound, or Conflict when it is not open."""
    if tx.execute(QUERIES["close_run"], {"id": run_id}).fetchone() is None:
        raise Conflict(NOT_CLOSABLE.format(state=read_run_state(tx, run_id=run_id)))
    return read_merge_run(tx, run_id=run_id)


def read_run_state(tx: Transaction, *, run_id: UUID) -> RunStatus:
    """Return the state of a run; raise NotFound when the workspace has none of that id."""
    return _read_kind_and_state(tx, run_id=run_id)[1]


def limit_of(row: Mapping[str, Any]) -> FailureLimit | None:
    """Return the limit of failures in a row of run."""
    limit = FailureLimit(number=row["max_failures"], percent=row["max_failures_percent"])
    return None if limit == FailureLimit() else limit


def _read_kind_and_state(tx: Transaction, *, run_id: UUID) -> tuple[RunKind, RunStatus]:
    row = tx.execute(QUERIES["read_state"], {"id": run_id}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    return RunKind(row["kind"]), RunStatus(row["state"])


def _jobs_per_second(row: Mapping[str, Any]) -> float:
    """Return the rate of ended jobs: over the last minute, or over the whole time of a run that has finished."""
    ended = sum(jobs for name, jobs in row["counts"].items() if name not in UNFINISHED)
    if row["finished_at"] is not None:
        last: datetime | None = row["last_ended_at"]
        seconds = 0.0 if last is None else (last - row["created_at"]).total_seconds()
        return ended / seconds if seconds > 0 else 0.0
    now = row["now"].timestamp()
    recent = [(at, jobs) for at, jobs in row["samples"] if at >= now - RATE_S]
    if not recent:
        return 0.0
    since, before = recent[0]
    rate: float = max(0, ended - before) / max(1.0, now - since)
    return rate
