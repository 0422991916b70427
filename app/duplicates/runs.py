"""Runs over the duplicates of a workspace, as those who ask for them see them. One is under way at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.duplicates.counts import Counts
from app.duplicates.cursor import Position
from app.duplicates.policy import rule_of
from app.errors import Conflict, NotFound
from schemas.keeping import KeepRule, RunState, RunTrigger

QUERIES = load_queries("app.duplicates", "runs.sql")

NO_RUN = "There is no run over duplicates with this id."
UNDER_WAY = "A run over duplicates is under way already: {run_id}. Wait for its end, or cancel it."
ENDED = "This run is {state}; only a run that is under way can be cancelled."


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it stands."""

    id: UUID
    trigger: RunTrigger
    rule: KeepRule
    state: RunState
    created_at: datetime
    finished_at: datetime | None
    counts: Counts

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Run":
        """Return the run that *row* says."""
        return cls(
            id=row["id"],
            trigger=RunTrigger(row["trigger"]),
            rule=rule_of(row),
            state=RunState(row["state"]),
            created_at=row["created_at"],
            finished_at=row["finished_at"],
            counts=Counts.from_json(row["counts"]),
        )


def start(tx: Transaction, rule: KeepRule, *, trigger: RunTrigger, api_key_id: UUID | None = None) -> UUID:
    """Begin a run by *rule* and return its id. Raises Conflict when one is under way."""
    parameters = {
        "id": uuid7(),
        "trigger": trigger,
        "api_key_id": api_key_id,
        "identifier": rule.identifier,
        "resolve_ties_by": rule.resolve_ties_by,
        "prefer": rule.prefer,
        "position": Jsonb(Position().to_json()),
        "counts": Jsonb(Counts().to_json()),
    }
    while (row := tx.execute(QUERIES["start_run"], parameters).fetchone()) is None:
        running = tx.execute(QUERIES["run_under_way"]).fetchone()
        # Without a row, the other run ended between the two statements: try again.
        if running is not None:
            raise Conflict(UNDER_WAY.format(run_id=running["id"]))
    run_id: UUID = row["id"]
    return run_id


def read_run(tx: Transaction, *, run_id: UUID) -> Run:
    """Return a run; raise NotFound when the workspace has none of that id."""
    row = tx.execute(QUERIES["read_run"], {"id": run_id}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    return Run.from_row(row)


def list_runs(tx: Transaction, *, limit: int, before: UUID | None = None) -> list[Run]:
    """Return up to *limit* runs, newest first, older than the run *before*."""
    page = {"limit": limit, "before": before}
    return [Run.from_row(row) for row in tx.execute(QUERIES["list_runs"], page)]


def cancel(tx: Transaction, *, run_id: UUID) -> Run:
    """End a run and return it. What it has put into the ledger goes on.

    Raises NotFound when the workspace has none of that id, and Conflict when it has ended.
    """
    named = {"id": run_id}
    cancelled = tx.execute(QUERIES["cancel_run"], named).fetchone()
    run = read_run(tx, run_id=run_id)
    if cancelled is None:
        raise Conflict(ENDED.format(state=run.state))
    return run


def fail(tx: Transaction) -> None:
    """End the run that is under way, since it cannot go on."""
    tx.execute(QUERIES["fail_run"])
