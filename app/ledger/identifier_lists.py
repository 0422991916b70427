"""Lists of jobs, batches and runs by an identifier, which can have very many jobs.

The index of search keys returns jobs in no order. A page reads all jobs of an identifier that has up to FEW. If it has
more, a page reads the newest jobs of the workspace until it is full: few are enough for a frequent identifier. If they
do not fill it, since the identifier's jobs are older, the page reads all jobs of the identifier.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.list_pages import ListCount, RowPage, cut_rows, in_order, read_full_page
from app.ledger.search import search_parameters
from schemas.outcomes import JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "identifier_lists.sql")

#: Jobs of an identifier that a page reads at once, and up to which its list is counted.
FEW = 2_000
#: Otherwise a page reads this number of the newest jobs, the newest batches, or the batches of the newest runs.
RECENT_JOBS = 10_000
RECENT_BATCHES: Mapping[str, int] = {"recent_batches_of_identifier": 300, "recent_runs_of_identifier": 600}
#: Conditions on a job that need more than the search keys, the state and the outcome.
DETAILS = ("kind", "undone", "source", "key", "run_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOfIdentifier:
    """The jobs that have all of these; None matches all."""

    #: A plain value of either side.
    identifier: str
    state: JobState | None = None
    outcome: Outcome | None = None
    kind: JobKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FewBatches:
    """The batches of an identifier's jobs that match; none and not complete if it has more than FEW jobs."""

    ids: Sequence[UUID]
    is_complete: bool


def job_parameters(parameters: Mapping[str, Any], *, identifier: str) -> dict[str, Any]:
    """Return *parameters* of a list of jobs with those of the *identifier*."""
    any_details = all(parameters[name] is None for name in DETAILS)
    return {**parameters, **search_parameters(identifier), "most": None, "any_details": any_details}


def read_quick_job_page(
    tx: Transaction, parameters: Mapping[str, Any], *, oldest_first: bool
) -> tuple[RowPage | None, ListCount]:
    """Return a page of jobs with the *parameters* of job_parameters, and the count of the list.

    There is no page if it has to read all jobs of the identifier.
    """
    query = in_order(QUERIES["few_jobs_of_identifier"], oldest_first=oldest_first)
    (row,) = tx.execute(query, {**parameters, "most": FEW})
    count = ListCount(items=min(row["items"], FEW), is_exact=row["known"] <= FEW, most=FEW)
    if count.is_exact:
        return cut_rows([{"id": job_id} for job_id in row["ids"]], limit=parameters["limit"] - 1), count
    recent = {**parameters, "scan": RECENT_JOBS}
    return read_full_page(tx, QUERIES["recent_jobs_of_identifier"], recent, oldest_first=oldest_first), count


def find_few_batches(tx: Transaction, jobs: JobsOfIdentifier) -> FewBatches:
    """Return the batches of *jobs*. It reads up to FEW jobs of the identifier and one more."""
    row = _read_batch_ids(tx, jobs, most=FEW)
    return FewBatches(ids=row["batch_ids"], is_complete=row["known"] <= FEW)


def read_page_by_batches(
    tx: Transaction,
    jobs: JobsOfIdentifier,
    parameters: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], RowPage],
    *,
    recent: str,
    oldest_first: bool,
) -> tuple[RowPage, FewBatches]:
    """Return a page of batches or runs that have one of *jobs*, and match the *parameters* of their list.

    *read* reads the page from the parameter `batch_ids`; *recent* is the query that reads the newest batches.
    """
    few = find_few_batches(tx, jobs)
    if few.is_complete:
        return read({**parameters, "batch_ids": few.ids}), few
    given = {**parameters, **search_parameters(jobs.identifier), "scan": RECENT_BATCHES[recent]}
    page = read_full_page(tx, QUERIES[recent], given, oldest_first=oldest_first)
    return page or read({**parameters, "batch_ids": _read_batch_ids(tx, jobs, most=None)["batch_ids"]}), few


def _read_batch_ids(tx: Transaction, jobs: JobsOfIdentifier, *, most: int | None) -> dict[str, Any]:
    parameters = {**search_parameters(jobs.identifier), "most": most}
    by_job = {"state": jobs.state, "outcome": jobs.outcome, "kind": jobs.kind}
    (row,) = tx.execute(QUERIES["batch_ids_of_identifier"], {**parameters, **by_job})
    return row
