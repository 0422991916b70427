"""Lists of runs: filtered, counted, exported, and with the merges that were undone since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from app.db.ids import FIRST_ID, LAST_ID, earliest_id_at
from app.db.transaction import Transaction
from app.ledger.runs import QUERIES, MergeRun, read_merge_runs
from schemas.outcomes import Outcome, RunKind, RunStatus

#: The latest undos by which undone merges are counted, of each outcome.
MOST_UNDOS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRunFilter:
    """Selects runs; None matches all."""

    kind: RunKind | None = None
    state: RunStatus | None = None
    #: The id of the API key that created them.
    key: UUID | None = None
    #: Created at or after this time, and before the other.
    since: datetime | None = None
    until: datetime | None = None


def list_merge_runs(
    tx: Transaction, *, matching: MergeRunFilter, limit: int, after: UUID | None = None, oldest_first: bool = False
) -> list[MergeRun]:
    """Return up to *limit* runs that match, after the run *after*: newest first, or oldest first."""
    rows = tx.execute(*_listing(matching, limit=limit, after=after, oldest_first=oldest_first))
    return sorted(
        read_merge_runs(tx, run_ids=[row["id"] for row in rows]), key=lambda run: run.id, reverse=not oldest_first
    )


def iterate_runs(tx: Transaction, *, matching: MergeRunFilter, most: int, chunk: int) -> Iterator[Sequence[MergeRun]]:
    """Yield up to *most* runs that match, newest first, *chunk* at a time."""
    cursor: UUID | None = None
    left = most
    while left > 0:
        found = list_merge_runs(tx, matching=matching, limit=min(chunk, left), after=cursor)
        yield found
        left -= len(found)
        if len(found) < chunk:
            return
        cursor = found[-1].id


def count_merge_runs(tx: Transaction, *, matching: MergeRunFilter, most: int) -> int:
    """Return the number of runs that match, at most *most*."""
    return len(tx.execute(*_listing(matching, limit=most, after=None, oldest_first=False)).fetchall())


def _listing(
    matching: MergeRunFilter, *, limit: int, after: UUID | None, oldest_first: bool
) -> tuple[LiteralString, dict[str, Any]]:
    """Return the query of a list of runs and its parameters."""
    low = FIRST_ID if matching.since is None else earliest_id_at(matching.since)
    high = LAST_ID if matching.until is None else earliest_id_at(matching.until)
    if after is not None:
        low, high = (max(low, after), high) if oldest_first else (low, min(high, after))
    selected = {"kind": matching.kind, "state": matching.state, "key": matching.key}
    query = QUERIES["list_runs"]
    return (
        query.replace(" DESC", " ASC") if oldest_first else query,
        {**selected, "low": low, "high": high, "limit": limit},
    )


def count_undone(tx: Transaction, *, listed: Sequence[MergeRun]) -> dict[UUID, int]:
    """Return how many merges of each run were undone since.

    It counts what the latest undos of the workspace have undone, and what the undo of the whole run has undone.
    """
    undos = {run.undone_by_run: run.id for run in listed if run.undone_by_run is not None}
    found = read_merge_runs(tx, run_ids=list(undos)) if undos else []
    undone = {
        undos[undo.id]: sum(undo.counts.get(outcome, 0) for outcome in (Outcome.UNDONE, Outcome.UNDONE_IN_PART))
        for undo in found
    }
    parameters = {"run_ids": [run.id for run in listed], "most": MOST_UNDOS}
    for row in tx.execute(QUERIES["count_undone"], parameters):
        undone[row["run_id"]] = max(row["jobs"], undone.get(row["run_id"], 0))
    return undone
