"""Lists of batches by a filter, a page at a time. A page reads a bounded part of one index, as in job_lists."""

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
from app.ledger.queries import Batch, with_counts
from schemas.outcomes import BatchSource, JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "batch_lists.sql")

#: The queries that return where a page stops that has read its part, by the query of the page; None: a page reads all.
ENDS: Mapping[str, str | None] = {
    "batches_by_id": "end_of_batches_by_id",
    "batches_of_duplicates": "end_of_batches_of_duplicates",
    "batches_of_run": "end_of_batches_of_run",
    "batches_of_key": "end_of_batches_of_key",
    "batches_of_identifier": None,
}
LIST = BatchQueries(queries=QUERIES, ends=ENDS, recent="recent_batches_of_identifier")
#: Batches that a page reads: more when it does not read their jobs.
SCAN = 10_000
SCAN_WITH_JOBS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFilter:
    """Selects batches; None matches all."""

    source: BatchSource | None = None
    run_id: UUID | None = None
    #: The id of the API key of the request.
    key: UUID | None = None
    #: A job of the batch has all of these.
    state: JobState | None = None
    outcome: Outcome | None = None
    kind: JobKind | None = None
    #: A plain value: external_id, alias name, email, phone or braze_id of either side.
    identifier: str | None = None
    #: Accepted at or after this time, and before the other.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def query(self) -> str:
        """The query whose index finds them."""
        if self.identifier is not None:
            return "batches_of_identifier"
        if self.run_id is not None:
            return "batches_of_run"
        if self.key is not None:
            return "batches_of_key"
        return "batches_of_duplicates" if self.source is BatchSource.DUPLICATES else "batches_by_id"

    @property
    def by_job(self) -> Mapping[str, Any]:
        """What a job of the batch must have, besides the identifier."""
        return {"state": self.state, "outcome": self.outcome, "kind": self.kind}

    @property
    def jobs(self) -> JobsOfIdentifier | None:
        """The jobs that a batch must have one of; None without an identifier."""
        return None if self.identifier is None else JobsOfIdentifier(identifier=self.identifier, **self.by_job)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """A page of batches."""

    batches: Sequence[Batch]
    #: Where the next page begins: None after the last one.
    next_cursor: UUID | None
    #: Whether it is short because it has read as many batches as a page may.
    is_cut: bool = False
    #: The batches that it has found by an identifier, for the count.
    few: FewBatches | None = None


def list_batches(
    tx: Transaction, *, matching: BatchFilter, limit: int, after: UUID | None = None, oldest_first: bool = False
) -> BatchPage:
    """Return up to *limit* batches that match, after the cursor *after*, without jobs: newest or oldest first."""
    parameters = _parameters(matching, limit=limit, after=after, oldest_first=oldest_first)
    page, few = LIST.read(tx, matching.query, parameters, jobs=matching.jobs, oldest_first=oldest_first)
    batches = with_counts(tx, page.rows) if page.rows else ()
    return BatchPage(batches=batches, next_cursor=page.next_cursor, is_cut=page.is_cut, few=few)


def iterate_batches(tx: Transaction, *, matching: BatchFilter, most: int, chunk: int) -> Iterator[Sequence[Batch]]:
    """Yield up to *most* batches that match, newest first, *chunk* at a time."""

    def read(limit: int, after: UUID | None) -> tuple[Sequence[Batch], UUID | None]:
        page = list_batches(tx, matching=matching, limit=limit, after=after)
        return page.batches, page.next_cursor

    return iterate_pages(read, most=most, chunk=chunk)


def count_batches(tx: Transaction, *, matching: BatchFilter, few: FewBatches | None = None) -> ListCount:
    """Count the batches that match, up to MAX_COUNT.

    If an identifier has more than FEW jobs, the count is 0 and not exact. *few* are the batches that a page has found.
    """
    parameters = _parameters(matching, limit=MAX_COUNT, after=None, oldest_first=False)
    return LIST.count(tx, matching.query, parameters, jobs=matching.jobs, few=few)


def _parameters(matching: BatchFilter, *, limit: int, after: UUID | None, oldest_first: bool) -> dict[str, Any]:
    ids = range_of_ids(matching.since, matching.until)
    any_job = not any(matching.by_job.values())
    return {
        **matching.by_job,
        "source": matching.source,
        "run_id": matching.run_id,
        "key": matching.key,
        "any_job": any_job,
        **after_cursor(ids, after, oldest_first=oldest_first),
        "limit": limit + 1,
        "scan": SCAN if any_job else SCAN_WITH_JOBS,
    }
