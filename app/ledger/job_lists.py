"""Lists of jobs by a filter, a page at a time. A page reads a bounded part of one index.

When it has read its part without finding a full page, the page is short, and the next one begins where it stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.db.ids import FIRST_ID, LAST_ID, earliest_id_at, range_of_ids
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.identifier_lists import count_jobs_of_identifier, job_parameters, read_job_page
from app.ledger.list_pages import MAX_COUNT, ListCount, RowPage, after_cursor, iterate_pages, read_count, read_page
from app.ledger.queries import Job, read_jobs
from schemas.outcomes import BatchSource, JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "job_lists.sql")

#: The queries that return where a page stops that has read its part, by the query of the page.
ENDS = {
    "jobs_by_id": "end_of_jobs_by_id",
    "jobs_without_outcome": "end_of_jobs_without_outcome",
    "jobs_with_outcome": "end_of_jobs_with_outcome",
    "jobs_of_run": "end_of_jobs_of_run",
    "jobs_of_key": "end_of_jobs_of_key",
}
#: Jobs, or batches with up to 50 jobs, that a page reads.
SCAN = 10_000
SCAN_BATCHES = 300
#: Pages that are read for an action on many jobs.
MAX_PAGES = 20
#: More than the time between the id of a batch and the ids of its jobs.
BATCH_CREATION = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Selects jobs; None matches all."""

    state: JobState | None = None
    outcome: Outcome | None = None
    kind: JobKind | None = None
    #: A plain value: external_id, alias name, email, phone or braze_id of either side.
    identifier: str | None = None
    source: BatchSource | None = None
    #: The id of the API key of the request.
    key: UUID | None = None
    run_id: UUID | None = None
    #: Whether its merge was undone.
    undone: bool | None = None
    #: Accepted at or after this time, and before the other.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def query(self) -> str:
        """The query whose index finds the fewest jobs besides the ones that match, without an identifier."""
        # There are few dead jobs, and a run can have a million others.
        if self.state is JobState.DEAD:
            return "jobs_without_outcome"
        if self.run_id is not None:
            return "jobs_of_run"
        if self.outcome is not None:
            return "jobs_with_outcome"
        if self.state in {JobState.QUEUED, JobState.RUNNING}:
            return "jobs_without_outcome"
        return "jobs_by_id" if self.key is None else "jobs_of_key"

    @property
    def is_by_batch(self) -> bool:
        """Whether the order is that of the batches, and then that of the jobs in a batch."""
        return self.identifier is None and self.query in {"jobs_of_run", "jobs_of_key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of jobs."""

    jobs: Sequence[Job]
    #: Where the next page begins: None after the last one.
    next_cursor: UUID | None
    #: Whether it is short because it has read as many jobs as a page may.
    is_cut: bool = False
    #: The jobs of all pages, if the filter has an identifier: up to FEW are counted.
    count: ListCount | None = None


def list_jobs(
    tx: Transaction, *, matching: JobFilter, limit: int, after: UUID | None = None, oldest_first: bool = False
) -> JobPage:
    """Return up to *limit* jobs that match, after the cursor *after*: newest first, or oldest first."""
    page, count = _list_ids(tx, matching, limit=limit, after=after, oldest_first=oldest_first)
    job_ids = [row["id"] for row in page.rows]
    jobs = {job.id: job for job in read_jobs(tx, job_ids=job_ids)} if job_ids else {}
    listed = [jobs[job_id] for job_id in job_ids if job_id in jobs]
    return JobPage(jobs=listed, next_cursor=page.next_cursor, is_cut=page.is_cut, count=count)


def iterate_jobs(tx: Transaction, *, matching: JobFilter, most: int, chunk: int) -> Iterator[Sequence[Job]]:
    """Yield up to *most* jobs that match, newest first, *chunk* at a time."""

    def read(limit: int, after: UUID | None) -> tuple[Sequence[Job], UUID | None]:
        page = list_jobs(tx, matching=matching, limit=limit, after=after)
        return page.jobs, page.next_cursor

    return iterate_pages(read, most=most, chunk=chunk)


def list_job_ids(tx: Transaction, *, matching: JobFilter, most: int) -> tuple[list[UUID], bool]:
    """Return the ids of up to *most* jobs that match, newest first, and whether there are more.

    It reads MAX_PAGES pages; beyond, there may be more.
    """
    found: list[UUID] = []
    cursor: UUID | None = None
    for _ in range(MAX_PAGES):
        if len(found) == most:
            return found, True
        page, _ = _list_ids(tx, matching, limit=most - len(found), after=cursor, oldest_first=False)
        found += [row["id"] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found, False
    return found, True


def count_jobs(tx: Transaction, *, matching: JobFilter) -> ListCount:
    """Count the jobs that match, up to MAX_COUNT."""
    parameters = _parameters(tx, matching, after=None, oldest_first=False)
    if matching.identifier is not None:
        return count_jobs_of_identifier(tx, parameters)
    counted = {**parameters, "limit": MAX_COUNT + 1}
    return read_count(tx, QUERIES[matching.query], QUERIES[ENDS[matching.query]], counted)


def _list_ids(
    tx: Transaction, matching: JobFilter, *, limit: int, after: UUID | None, oldest_first: bool
) -> tuple[RowPage, ListCount | None]:
    """Return the ids of a page, and the count of the list if the filter has an identifier."""
    parameters = {**_parameters(tx, matching, after=after, oldest_first=oldest_first), "limit": limit + 1}
    if matching.identifier is not None:
        return read_job_page(tx, parameters, oldest_first=oldest_first)
    query = matching.query
    return read_page(tx, QUERIES[query], QUERIES[ENDS[query]], parameters, oldest_first=oldest_first), None


def _parameters(tx: Transaction, matching: JobFilter, *, after: UUID | None, oldest_first: bool) -> dict[str, Any]:
    since, until = range_of_ids(matching.since, matching.until)
    parameters: dict[str, Any] = {
        **{name: getattr(matching, name) for name in ("state", "outcome", "kind", "source", "key", "run_id", "undone")},
        "since": since,
        "until": until,
        "scan": SCAN,
        "scan_batches": SCAN_BATCHES,
    }
    if matching.is_by_batch:
        return {**parameters, **_batch_range(tx, matching, after=after, oldest_first=oldest_first)}
    if matching.identifier is not None:
        outcomes = None if matching.outcome is None else [matching.outcome.value]
        parameters = job_parameters(parameters, identifier=matching.identifier, outcomes=outcomes)
    return parameters | after_cursor((since, until), after, oldest_first=oldest_first)


def _batch_range(tx: Transaction, matching: JobFilter, *, after: UUID | None, oldest_first: bool) -> dict[str, UUID]:
    """Return the range of batches and jobs of a page.

    The cursor is the last job of the page before, or its last batch if it was cut. The job may have been pruned with
    its batch; its id is nearly that of the batch.
    """
    low_batch = FIRST_ID if matching.since is None else earliest_id_at(matching.since, less=BATCH_CREATION)
    high_batch = LAST_ID if matching.until is None else earliest_id_at(matching.until)
    bounds: dict[str, Any] = {"low_batch": low_batch, "low": FIRST_ID, "high_batch": high_batch, "high": LAST_ID}
    if after is None:
        return bounds
    found = next(iter(read_jobs(tx, job_ids=[after])), None)
    if oldest_first:
        return bounds | {"low_batch": found.batch_id if found else after, "low": after if found else LAST_ID}
    return bounds | {"high_batch": found.batch_id if found else after, "high": after if found else FIRST_ID}
