"""Lists of jobs, batches and runs by an identifier, which can have very many jobs.

The index of search keys returns jobs in no order. A page reads all jobs of an identifier that has up to FEW. If it has
more, a page reads the newest jobs of the workspace until it is full: few are enough for a frequent identifier. If they
do not fill it, since the identifier's jobs are older, the page reads all jobs of the identifier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.list_pages import (
    MAX_COUNT,
    ListCount,
    RowPage,
    cut_rows,
    end_query,
    in_order,
    read_count,
    read_full_page,
    read_page,
)
from app.ledger.search import search_parameters
from schemas.outcomes import JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "identifier_lists.sql")

#: Jobs of an identifier that a page reads at once, and up to which its list is counted.
FEW = 2_000
#: Otherwise a page reads this number of the newest jobs, the newest batches, or the batches of the newest runs.
RECENT_JOBS = 10_000
RECENT_BATCHES: Mapping[str, int] = {"recent_batches_of_identifier": 300, "recent_runs_of_identifier": 600}
#: Conditions on a job, besides its outcome.
CONDITIONS = ("state", "kind", "undone", "source", "key", "run_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOfIdentifier:
    """The jobs that have all of these; None matches all."""

    #: A plain value of either side.
    identifier: str
    state: JobState | None = None
    outcome: Outcome | None = None
    kind: JobKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsWithOutcomes:
    """The jobs of an identifier that have one of the outcomes, between two ids."""

    #: A plain value of either side.
    identifier: str
    outcomes: Sequence[str]
    #: The id of the API key of the request; None matches all.
    key: UUID | None
    since: UUID
    until: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FewBatches:
    """The batches of an identifier's jobs that match; none and not complete if it has more than FEW jobs."""

    ids: Sequence[UUID]
    is_complete: bool


def newest_jobs_with_outcomes(tx: Transaction, jobs: JobsWithOutcomes, *, limit: int) -> list[UUID]:
    """Return the ids of the newest *limit* of the *jobs*, newest first."""
    conditions = {**dict.fromkeys(CONDITIONS), "key": jobs.key, "since": jobs.since, "until": jobs.until}
    page = {"low": jobs.since, "high": jobs.until, "limit": limit + 1, "scan": None}
    parameters = job_parameters({**conditions, **page}, identifier=jobs.identifier, outcomes=jobs.outcomes)
    found, _ = read_job_page(tx, parameters, oldest_first=False)
    return [row["id"] for row in found.rows]


def job_parameters(parameters: Mapping[str, Any], *, identifier: str, outcomes: Sequence[str] | None) -> dict[str, Any]:
    """Return *parameters* of a list of jobs with those of the *identifier*, and the *outcomes*; None matches all."""
    return {**parameters, **search_parameters(identifier), "most": None, "outcomes": outcomes}


def read_job_page(tx: Transaction, parameters: Mapping[str, Any], *, oldest_first: bool) -> tuple[RowPage, ListCount]:
    """Return a page of jobs with the *parameters* of job_parameters, and the count of the list.

    Without a number of jobs to *scan* the page is never short.
    """
    page, count = _read_quick_job_page(tx, parameters, oldest_first=oldest_first)
    return page or _read_whole_job_page(tx, parameters, oldest_first=oldest_first), count


def count_jobs_of_identifier(tx: Transaction, parameters: Mapping[str, Any]) -> ListCount:
    """Count the jobs with the *parameters* of job_parameters, up to MAX_COUNT."""
    page = _read_whole_job_page(tx, {**parameters, "limit": MAX_COUNT + 1}, oldest_first=False)
    return ListCount(items=len(page.rows), is_exact=page.next_cursor is None)


def _read_quick_job_page(
    tx: Transaction, parameters: Mapping[str, Any], *, oldest_first: bool
) -> tuple[RowPage | None, ListCount]:
    """Return the page of read_job_page, or none if it has to read all jobs of the identifier."""
    query = in_order(QUERIES["few_jobs_of_identifier"], oldest_first=oldest_first)
    (row,) = tx.execute(query, {**parameters, "most": FEW})
    count = ListCount(items=min(row["items"], FEW), is_exact=row["known"] <= FEW, most=FEW)
    if count.is_exact:
        return _cut_ids(row["ids"], limit=parameters["limit"] - 1), count
    recent = {**parameters, "scan": RECENT_JOBS}
    return read_full_page(tx, QUERIES["recent_jobs_of_identifier"], recent, oldest_first=oldest_first), count


def _read_whole_job_page(tx: Transaction, parameters: Mapping[str, Any], *, oldest_first: bool) -> RowPage:
    """Return the page of read_job_page from all jobs of the identifier."""
    (row,) = tx.execute(in_order(QUERIES["jobs_of_identifier"], oldest_first=oldest_first), parameters)
    page = _cut_ids(row["ids"], limit=parameters["limit"] - 1)
    if page.next_cursor is not None or row["end_id"] is None:
        return page
    return RowPage(rows=page.rows, next_cursor=row["end_id"], is_cut=True)


def _cut_ids(ids: Sequence[UUID], *, limit: int) -> RowPage:
    return cut_rows([{"id": job_id} for job_id in ids], limit=limit)


def find_few_batches(tx: Transaction, jobs: JobsOfIdentifier) -> FewBatches:
    """Return the batches of *jobs*. It reads up to FEW jobs of the identifier and one more."""
    row = _read_batch_ids(tx, jobs, most=FEW)
    return FewBatches(ids=row["batch_ids"], is_complete=row["known"] <= FEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQueries:
    """The queries of a list of batches or of runs, which may have an identifier."""

    queries: Mapping[str, LiteralString]
    #: The queries that return where a page stops that has read its part, by the query of the page; None: it reads all.
    ends: Mapping[str, str | None]
    #: The query of this module that reads the newest batches for a frequent identifier.
    recent: str

    def read(
        self,
        tx: Transaction,
        query: str,
        parameters: Mapping[str, Any],
        *,
        jobs: JobsOfIdentifier | None,
        oldest_first: bool,
    ) -> tuple[RowPage, FewBatches | None]:
        """Return a page of the query named *query*, each item with one of *jobs*, and the batches that it has found."""
        if jobs is None:
            return self._read(tx, query, parameters, oldest_first=oldest_first), None
        few = find_few_batches(tx, jobs)
        if few.is_complete:
            return self._read(tx, query, {**parameters, "batch_ids": few.ids}, oldest_first=oldest_first), few
        given = {**parameters, **search_parameters(jobs.identifier), "scan": RECENT_BATCHES[self.recent]}
        page = read_full_page(tx, QUERIES[self.recent], given, oldest_first=oldest_first)
        if page is None:
            all_ids = _read_batch_ids(tx, jobs, most=None)["batch_ids"]
            page = self._read(tx, query, {**parameters, "batch_ids": all_ids}, oldest_first=oldest_first)
        return page, few

    def count(
        self,
        tx: Transaction,
        query: str,
        parameters: Mapping[str, Any],
        *,
        jobs: JobsOfIdentifier | None,
        few: FewBatches | None,
    ) -> ListCount:
        """Count the items of the query named *query*, up to MAX_COUNT; *few* is what a page has found of *jobs*.

        If the identifier has more than FEW jobs, the count is 0 and not exact.
        """
        if jobs is None:
            return read_count(tx, self.queries[query], end_query(self.queries, self.ends, query), parameters)
        few = few or find_few_batches(tx, jobs)
        if not few.is_complete:
            return ListCount(items=0, is_exact=False)
        return read_count(tx, self.queries[query], None, {**parameters, "batch_ids": few.ids})

    def _read(self, tx: Transaction, query: str, parameters: Mapping[str, Any], *, oldest_first: bool) -> RowPage:
        end = end_query(self.queries, self.ends, query)
        return read_page(tx, self.queries[query], end, parameters, oldest_first=oldest_first)


def _read_batch_ids(tx: Transaction, jobs: JobsOfIdentifier, *, most: int | None) -> dict[str, Any]:
    outcomes = None if jobs.outcome is None else [jobs.outcome.value]
    values = {"state": jobs.state, "outcomes": outcomes, "kind": jobs.kind, "undone": None}
    parameters = {**search_parameters(jobs.identifier), **values, "most": most}
    (row,) = tx.execute(QUERIES["batch_ids_of_identifier"], parameters)
    return row
