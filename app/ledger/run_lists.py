"""Lists of runs: filtered, counted, exported, and with the merges that were undone since.

A page reads a bounded part of one index, as in job_lists.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.ids import range_of_ids
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.identifier_lists import BatchQueries, FewBatches, JobsOfIdentifier
from app.ledger.list_pages import MAX_COUNT, ListCount, after_cursor, iterate_pages
from app.ledger.runs import QUERIES as RUNS
from app.ledger.runs import MergeRun, read_merge_runs
from schemas.outcomes import RUN_SOURCES, BatchSource, Outcome, RunKind, RunStatus

QUERIES = load_queries("app.ledger", "run_lists.sql")

#: The queries that return where a page stops that has read its part, by the query of the page; None: a page reads all.
ENDS: Mapping[str, str | None] = {
    "runs_by_id": "end_of_runs_by_id",
    "runs_in_state": "end_of_runs_in_state",
    "runs_of_identifier": None,
}
LIST = BatchQueries(queries=QUERIES, ends=ENDS, recent="recent_runs_of_identifier")
#: Runs that a page reads: more when it does not read their counts.
SCAN = 10_000
SCAN_WITH_COUNTS = 2_000
#: The latest undos by which undone merges are counted, of each outcome.
MOST_UNDOS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRunFilter:
    """Selects runs; None matches all."""

    kind: RunKind | None = None
    state: RunStatus | None = None
    #: The source of their batches.
    source: BatchSource | None = None
    #: The id of the API key that created them.
    key: UUID | None = None
    #: A job of the run has both: the outcome, and as an identifier of either side this plain value, which is an
    #: external_id, alias name, email, phone or braze_id.
    outcome: Outcome | None = None
    identifier: str | None = None
    #: Created at or after this time, and before the other.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def query(self) -> str:
        """The query whose index finds them."""
        if self.identifier is not None:
            return "runs_of_identifier"
        return "runs_by_id" if self.state is None else "runs_in_state"

    @property
    def jobs(self) -> JobsOfIdentifier | None:
        """The jobs that a run must have one of; None without an identifier."""
        if self.identifier is None:
            return None
        return JobsOfIdentifier(identifier=self.identifier, outcome=self.outcome)

    @property
    def kinds(self) -> list[RunKind] | None:
        """The kinds that have both the kind and the source of the filter; None for all."""
        if self.kind is None and self.source is None:
            return None
        of_source = RunKind if self.source is None else RUN_SOURCES[self.source]
        return [kind for kind in of_source if self.kind in {None, kind}]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRunPage:
    """A page of runs."""

    runs: Sequence[MergeRun]
    #: Where the next page begins: None after the last one.
    next_cursor: UUID | None
    #: Whether it is short because it has read as many runs as a page may.
    is_cut: bool = False
    #: The batches that it has found by an identifier, for the count.
    few: FewBatches | None = None


def list_merge_runs(
    tx: Transaction, *, matching: MergeRunFilter, limit: int, after: UUID | None = None, oldest_first: bool = False
) -> MergeRunPage:
    """Return up to *limit* runs that match, after the cursor *after*: newest first, or oldest first."""
    parameters = _parameters(matching, limit=limit, after=after, oldest_first=oldest_first)
    page, few = LIST.read(tx, matching.query, parameters, jobs=matching.jobs, oldest_first=oldest_first)
    found = read_merge_runs(tx, run_ids=[row["id"] for row in page.rows]) if page.rows else ()
    runs = sorted(found, key=lambda run: run.id, reverse=not oldest_first)
    return MergeRunPage(runs=runs, next_cursor=page.next_cursor, is_cut=page.is_cut, few=few)


def iterate_runs(tx: Transaction, *, matching: MergeRunFilter, most: int, chunk: int) -> Iterator[Sequence[MergeRun]]:
    """Yield up to *most* runs that match, newest first, *chunk* at a time."""

    def read(limit: int, after: UUID | None) -> tuple[Sequence[MergeRun], UUID | None]:
        page = list_merge_runs(tx, matching=matching, limit=limit, after=after)
        return page.runs, page.next_cursor

    return iterate_pages(read, most=most, chunk=chunk)


def count_merge_runs(tx: Transaction, *, matching: MergeRunFilter, few: FewBatches | None = None) -> ListCount:
    """Count the runs that match, up to MAX_COUNT.

    If an identifier has more than FEW jobs, the count is 0 and not exact. *few* are the batches that a page has found.
    """
    parameters = _parameters(matching, limit=MAX_COUNT, after=None, oldest_first=False)
    return LIST.count(tx, matching.query, parameters, jobs=matching.jobs, few=few)


def _parameters(matching: MergeRunFilter, *, limit: int, after: UUID | None, oldest_first: bool) -> dict[str, Any]:
    return {
        **after_cursor(range_of_ids(matching.since, matching.until), after, oldest_first=oldest_first),
        "kinds": matching.kinds,
        "state": matching.state,
        "key": matching.key,
        "outcome": matching.outcome,
        "limit": limit + 1,
        "scan": SCAN if matching.outcome is None else SCAN_WITH_COUNTS,
    }


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
    for row in tx.execute(RUNS["count_undone"], parameters):
        undone[row["run_id"]] = max(row["jobs"], undone.get(row["run_id"], 0))
    return undone
