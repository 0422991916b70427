"""`/merge/jobs`: single updates, by state, outcome or identifier, what a merge changed, and dead ones retried."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import queries
from app.ledger.retry import retry_job
from app.web.accepted import RETRY_AFTER
from app.web.auth import POLLING, pool, requires
from app.web.job_permissions import require_kind
from app.web.openapi.describe import Tag, describe, reply
from app.web.pagination import split_page
from schemas.jobs import JobDetailSchema, JobPageQuery, JobPageSchema, JobQuery, JobSchema
from schemas.paging import load_query

blueprint = Blueprint("merge_jobs", __name__, url_prefix="/merge/jobs")

QUERY = JobQuery()
JOB = JobSchema()
PAGE_QUERY = JobPageQuery()
PAGE = JobPageSchema()


@describe(Tag.MERGES, "Read a job", query=JobQuery, replies={200: JobDetailSchema})
@blueprint.get("/<uuid:job_id>")
@requires(permission=POLLING)
def read(job_id: UUID) -> ResponseReturnValue:
    """Answer with a job; with `?include=changes`, what it changed on the survivor beside it."""
    query = load_query(QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        shown: dict[str, Any] = JOB.dump(queries.read_job(tx, job_id=job_id))
        if "include" in query:
            shown["changes"] = queries.read_changes(tx, job_id=job_id)
    return jsonify(shown)


@describe(
    Tag.MERGES,
    "List jobs, newest first, by state, outcome or identifier",
    query=JobPageQuery,
    replies={200: JobPageSchema},
)
@blueprint.get("")
@requires(permission=POLLING)
def page() -> ResponseReturnValue:
    """Answer with a page of the jobs that are wanted, newest first."""
    shown, next_cursor = wanted_jobs(request.args)
    return jsonify(PAGE.dump({"jobs": shown, "next_cursor": next_cursor}))


def wanted_jobs(arguments: Mapping[str, str]) -> tuple[Sequence[queries.Job], UUID | None]:
    """Return the jobs that the query string's *arguments* ask for, and where the next page begins, if there is one.

    Raises ValidationError when the arguments cannot be understood.
    """
    query = load_query(PAGE_QUERY, arguments)
    wanted = queries.JobFilter(
        state=query.get("state"), outcome=query.get("outcome"), identifier=query.get("identifier")
    )
    with open_transaction(pool(), g.workspace_id) as tx:
        jobs = queries.list_jobs(
            tx,
            matching=wanted,
            limit=query["limit"] + 1,
            before=query.get("cursor"),
        )
    return split_page(jobs, query["limit"])


@describe(
    Tag.MERGES,
    "Retry a dead job",
    replies={
        202: reply(JobSchema, "Location", "Retry-After"),
        409: "The job is not dead, or its request was erased.",
    },
)
@blueprint.post("/<uuid:job_id>/retry")
@requires(permission=POLLING)
def retry(job_id: UUID) -> ResponseReturnValue:
    """Queue a dead job again and return 202 with the job; 409 when it is not dead.

    The key needs the permission of the job's kind; for an undo, that of the job that it undoes.
    """
    shown = jsonify(JOB.dump(run_in_transaction(pool(), g.workspace_id, _retry, job_id)))
    shown.headers.update({"Location": f"/merge/jobs/{job_id}", "Retry-After": str(RETRY_AFTER)})
    return shown, HTTPStatus.ACCEPTED


def _retry(tx: Transaction, job_id: UUID) -> queries.Job:
    retry_job(tx, job_id=job_id, authorize=require_kind)
    return queries.read_job(tx, job_id=job_id)
