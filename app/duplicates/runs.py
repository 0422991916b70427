"""Duplicate runs: started, listed, cancelled. A workspace has at most one running."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.duplicates.counts import DuplicateCounts
from app.duplicates.cursor import ScanCursor
from app.duplicates.policy import rule_from_row
from app.errors import Conflict, NotFound
from app.ledger.runs import create_run
from app.logs import request_id
from schemas.keeping import KeepRule, RunState, RunTrigger
from schemas.outcomes import RunKind, RunStatus

QUERIES = load_queries("app.duplicates", "runs.sql")

NO_RUN = "There is no run over duplicates with this id."
RUNNING = "A run over duplicates is already running: {run_id}. Wait for its end, or cancel it."
UNSTABLE = "Other runs over duplicates start and end at this moment; try again."
ENDED = "This run is {state}; only a running one can be cancelled."
#: How often a start is tried while the run in its way ends before it can be named.
START_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateRun:
    """A duplicate run and its progress."""

    id: UUID
    trigger: RunTrigger
    rule: KeepRule
    state: RunState
    created_at: datetime
    finished_at: datetime | None
    counts: DuplicateCounts
    #: The plan that gets its merges; None for a run that merges.
    plan_id: UUID | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "DuplicateRun":
        """Return the run of a table row."""
        return cls(
            id=row["id"],
            trigger=RunTrigger(row["trigger"]),
            rule=rule_from_row(row),
            state=RunState(row["state"]),
            created_at=row["created_at"],
            finished_at=row["finished_at"],
            counts=DuplicateCounts.from_json(row["counts"]),
            plan_id=row["plan_id"],
        )


def start_run(
    tx: Transaction,
    rule: KeepRule,
    *,
    trigger: RunTrigger,
    api_key_id: UUID | None = None,
    plan_id: UUID | None = None,
) -> UUID:
    """Start a run by *rule* and return its id; raise Conflict while another one is running.

    With a *plan_id*, its merges become updates of this plan, and nothing is merged.
    """
    cursor = ScanCursor().to_json()
    parameters = {
        "id": new_id(),
        "trigger": trigger,
        "api_key_id": api_key_id,
        "identifier": rule.identifier,
        "resolve_ties_by": rule.resolve_ties_by,
        "prefer": rule.prefer,
        "cursor": Jsonb(cursor if plan_id is None else planned_cursor(cursor)),
        "plan_id": plan_id,
        "counts": Jsonb(DuplicateCounts().to_json()),
    }
    for _ in range(START_ATTEMPTS):
        row = tx.execute(QUERIES["start_run"], parameters).fetchone()
        if row is not None:
            run_id: UUID = row["id"]
            create_run(
                tx,
                run_id=run_id,
                kind=RunKind.DUPLICATES,
                state=RunStatus.RUNNING,
                api_key_id=api_key_id,
                request_id=request_id.get() or None,
            )
            return run_id
        running = tx.execute(QUERIES["find_running_run"]).fetchone()
        if running is not None:
            raise Conflict(RUNNING.format(run_id=running["id"]))
        # It ended between the two statements.
    raise Conflict(UNSTABLE)


def planned_cursor(cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored form of the *cursor* of a planned run.

    A relay of an older version, which knows no planned runs, fails the run at this form and does not merge.
    """
    return {"planned": dict(cursor)}


def read_run(tx: Transaction, *, run_id: UUID) -> DuplicateRun:
    """Return a run; raise NotFound when the workspace has none of that id."""
    row = tx.execute(QUERIES["read_run"], {"id": run_id}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    return DuplicateRun.from_row(row)


def list_runs(tx: Transaction, *, limit: int, before: UUID | None = None) -> list[DuplicateRun]:
    """Return up to *limit* runs, newest first, older than the run *before*."""
    page = {"limit": limit, "before": before}
    return [DuplicateRun.from_row(row) for row in tx.execute(QUERIES["list_runs"], page)]


def cancel_run(tx: Transaction, *, run_id: UUID) -> DuplicateRun:
    """Cancel a run and return it. Jobs that it has already created are still run.

    Raises NotFound when the workspace has none of that id, and Conflict when it has ended.
    """
    cancelled = tx.execute(QUERIES["cancel_run"], {"id": run_id}).fetchone()
    run = read_run(tx, run_id=run_id)
    if cancelled is None:
        raise Conflict(ENDED.format(state=run.state))
    return run


def fail_run(tx: Transaction) -> None:
    """Mark the running run as failed."""
    tx.execute(QUERIES["fail_run"])
