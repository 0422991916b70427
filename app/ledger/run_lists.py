"""Lists of runs: filtered, counted, exported, and with the merges that were undone since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from app.db.ids import range_of_ids
from app.db.transaction import Transaction
from app.ledger.list_pages import after_cursor, in_order, iterate_pages
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

    def read(limit: int, after: UUID | None) -> tuple[Sequence[MergeRun], UUID | None]:
        found = list_merge_runs(tx, matching=matching, limit=limit, after=after)
        return found, found[-1].id if len(found) == limit else None

    return iterate_pages(read, most=most, chunk=chunk)


def count_merge_runs(tx: Transaction, *, matching: MergeRunFilter, most: int) -> int:
    """Return the number of runs that match, at most *most*."""
    return len(tx.execute(*_listing(matching, limit=most, after=None, oldest_first=False)).fetchall())


def _listing(
    matching: MergeRunFilter, *, limit: int, after: UUID | None, oldest_first: bool
) -> tuple[LiteralString, dict[str, Any]]:
    """Return the query of a list of runs and its parameters."""
    page = after_cursor(range_of_ids(matching.since, matching.until), after, oldest_first=oldest_first)
    selected = {"kind": matching.kind, "state": matching.state, "key": matching.key}
    return in_order(QUERIES["list_runs"], oldest_first=oldest_first), {**selected, **page, "limit": limit}


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
