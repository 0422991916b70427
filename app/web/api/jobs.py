"""`/merge/jobs`: the jobs of all batches, the changes of a job, and the retry of a dead one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit.recorded_changes import read_changes
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import job_lists, queries
from app.ledger.failures import read_failures
from app.ledger.job_lists import JobFilter, JobPage
from app.ledger.retry import retry_job
from app.ledger.undo_time import with_undo_time
from app.web.accepted import RETRY_AFTER
from app.web.auth import POLLING, pool, requires, settings
from app.web.idempotent import respond_once
from app.web.job_permissions import require_kind
from app.web.long_polling import respond_when_changed
from app.web.openapi.describe import LONG_POLLED, LONG_POLLING, REPEATABLE, Tag, describe, reply
from app.web.proxies import with_prefix
from app.web.reading import visible_changes
from schemas.jobs import FailureSchema, JobDetailSchema, JobPageQuery, JobPageSchema, JobQuery, JobSchema
from schemas.paging import Order, load_query

blueprint = Blueprint("jobs", __name__, url_prefix="/merge/jobs")

QUERY = JobQuery()
JOB = JobSchema()
FAILURES = FailureSchema(many=True)
PAGE_QUERY = JobPageQuery()
PAGE = JobPageSchema()


@describe(
    Tag.MERGES,
    "Read a job",
    query=JobQuery,
    headers=LONG_POLLING,
    replies={200: reply(JobDetailSchema, *LONG_POLLED)},
)
@blueprint.get("/<uuid:job_id>")
@requires(permission=POLLING)
def read_job_view(job_id: UUID) -> ResponseReturnValue:
    """Return a job with its failed attempts. `?include=changes` adds its changes to the survivor.

    A change has its values if the key may read profiles (`users.export.ids` or `audit.read`). 304 if the job has not
    changed since the response of `If-None-Match`; with `Prefer: wait=N` after N seconds without a change.
    """
    query = load_query(QUERY, request.args)

    def read() -> Response:
        with open_transaction(pool(), g.workspace_id) as tx:
            job: dict[str, Any] = _dump(queries.read_job(tx, job_id=job_id))
            if failures := read_failures(tx, job_id=job_id):
                job["failures"] = FAILURES.dump(failures)
            if "include" in query:
                job["changes"] = visible_changes(read_changes(tx, job_id=job_id))
        return jsonify(job)

    return respond_when_changed(read)


@describe(
    Tag.MERGES,
    "List jobs, newest first, by state, outcome, kind, source, key, run, time or identifier",
    query=JobPageQuery,
    replies={200: JobPageSchema},
)
@blueprint.get("")
@requires(permission=POLLING)
def list_jobs_view() -> ResponseReturnValue:
    """Return a page of jobs, newest first, or oldest first with `order=oldest`.

    A page reads at most 10,000 jobs, or those of 300 batches. When few of them match, it has less than `limit` jobs
    although there are more: the list ends when `next_cursor` is null. Jobs of a run or a key are in the order of their
    batches.
    """
    page = list_requested_jobs(request.args)
    return jsonify(PAGE.dump({"jobs": [_timed(job) for job in page.jobs], "next_cursor": page.next_cursor}))


def list_requested_jobs(arguments: Mapping[str, str]) -> JobPage:
    """Return a page of jobs. *arguments* are those of the query string; raises ValidationError if they are invalid."""
    query = load_query(PAGE_QUERY, arguments)
    with open_transaction(pool(), g.workspace_id) as tx:
        return job_lists.list_jobs(
            tx,
            matching=job_filter_from(query),
            limit=query["limit"],
            after=query.get("cursor"),
            oldest_first=query["order"] is Order.OLDEST,
        )


def job_filter_from(query: Mapping[str, Any]) -> JobFilter:
    """Return the filter of a loaded query."""
    names = ("state", "outcome", "kind", "identifier", "source", "key", "run_id", "undone")
    return JobFilter(**{name: query.get(name) for name in names}, since=query.get("from"), until=query.get("to"))


@describe(
    Tag.MERGES,
    "Retry a dead job",
    headers=REPEATABLE,
    replies={
        202: reply(JobSchema, "Location", "Retry-After"),
        409: "The job is not dead, or its request was erased.",
    },
)
@blueprint.post("/<uuid:job_id>/retry")
@requires(permission=POLLING)
def retry_job_view(job_id: UUID) -> ResponseReturnValue:
    """Queue a dead job again and return it; 409 if it is not dead.

    The key needs the permission of the job's kind; for an undo, that of the job that it undoes.
    """

    def answer(job: queries.Job) -> ResponseReturnValue:
        response = jsonify(_dump(job))
        response.headers.update({"Location": with_prefix(f"/merge/jobs/{job_id}"), "Retry-After": str(RETRY_AFTER)})
        return response, HTTPStatus.ACCEPTED

    return respond_once(lambda once: run_in_transaction(pool(), g.workspace_id, once(_retry), job_id), answer)


def _retry(tx: Transaction, job_id: UUID) -> queries.Job:
    retry_job(tx, job_id=job_id, authorize=require_kind)
    return queries.read_job(tx, job_id=job_id)


def _timed(job: queries.Job) -> queries.Job:
    return with_undo_time(job, days=settings().undo_days)


def _dump(job: queries.Job) -> dict[str, Any]:
    dumped: dict[str, Any] = JOB.dump(_timed(job))
    return dumped
